-- Statements on services, their slots and the claims on these.

-- name: insert_service
-- Nothing is inserted if the event is not the organisation's.
INSERT INTO services (id, organisation_id, event_id, name, capacity, time_zone)
SELECT %(id)s, %(organisation_id)s, events.id, %(name)s, %(capacity)s,
    coalesce(%(time_zone)s, events.time_zone, 'UTC')
FROM (VALUES (%(event_id)s::uuid)) AS wanted (event_id)
    LEFT JOIN events ON events.id = wanted.event_id AND organisation_id = %(organisation_id)s AND deleted_at IS NULL
WHERE wanted.event_id IS NULL OR events.id IS NOT NULL

-- name: get_service
SELECT id, organisation_id, event_id, name, capacity, time_zone, version, created_at FROM services WHERE id = %(id)s

-- name: get_service_of_member
-- Every member may check customers in, so membership is all there is to look up.
SELECT id, services.organisation_id, event_id, name, capacity, time_zone, version, services.created_at
FROM services JOIN members ON members.organisation_id = services.organisation_id
WHERE id = %(id)s AND account_id = %(account_id)s

-- name: list_services
SELECT id, organisation_id, event_id, name, capacity, time_zone, version, created_at FROM services
WHERE organisation_id = %(organisation_id)s AND id > %(after)s ORDER BY id LIMIT %(limit)s + 1

-- name: list_services_of_event
SELECT id, organisation_id, event_id, name, capacity, time_zone, version, created_at FROM services
WHERE event_id = %(event_id)s AND organisation_id = %(organisation_id)s AND id > %(after)s
ORDER BY id LIMIT %(limit)s + 1

-- name: lock_service
-- Edits follow each other, and wait for releases under way. Claims go on: they look at slots alone.
SELECT id FROM services WHERE id = %(id)s FOR NO KEY UPDATE

-- name: update_service
UPDATE services SET name = %(name)s, capacity = %(capacity)s, time_zone = %(time_zone)s, version = version + 1
WHERE id = %(id)s

-- name: open_slots
-- As many more slots, by the lowest numbers that are not in use. There are enough of them up to the new capacity.
INSERT INTO slots (service_id, number)
SELECT %(service_id)s, number FROM generate_series(1, %(capacity)s) AS number
WHERE NOT EXISTS (
    SELECT FROM slots WHERE service_id = %(service_id)s AND slots.number = number.number AND state <> 'withdrawn')
ORDER BY number LIMIT %(more)s
ON CONFLICT (service_id, number) DO UPDATE SET state = 'free'

-- name: lock_free_slots
-- Waits for the claims that hold one now; those that got it are not among the answer.
SELECT number FROM slots WHERE service_id = %(service_id)s AND state = 'free' ORDER BY number FOR NO KEY UPDATE

-- name: withdraw_slots
UPDATE slots SET state = 'withdrawn' WHERE service_id = %(service_id)s AND number = ANY(%(numbers)s)

-- name: get_stats
-- In one snapshot. What is read is the slots that are taken and the day's claims, however many there were before; the day
-- is a parameter, so that the planner knows how little that is.
SELECT capacity,
    (SELECT count(*) FROM slots WHERE service_id = services.id AND state = 'taken') AS taken,
    (SELECT count(*) FROM claims WHERE service_id = services.id AND claimed_at >= %(midnight)s) AS claims_today,
    released_today, average_stay_seconds
FROM services CROSS JOIN LATERAL (
    SELECT count(*) AS released_today,
        round(avg(extract(epoch FROM released_at - claimed_at)))::integer AS average_stay_seconds
    FROM claims WHERE service_id = services.id AND released_at >= %(midnight)s
) AS released
WHERE id = %(service_id)s

-- name: list_slots
-- With who holds them. Each state is a range of the index, so a few taken ones are found among many free. That the claims
-- lie behind the cursor too is said again, since the planner may read them in order.
SELECT number, state, CASE WHEN claims.id IS NOT NULL THEN jsonb_build_object(
    'id', claims.id, 'claimed_at', claimed_at, 'note', note, 'customer', to_jsonb(customers)) END AS claim
FROM (
    SELECT listed.* FROM unnest(%(states)s::text[]) AS wanted (state) CROSS JOIN LATERAL (
        SELECT number, state FROM slots
        WHERE service_id = %(service_id)s AND slots.state = wanted.state AND number > %(after)s
        ORDER BY number LIMIT %(limit)s + 1
    ) AS listed ORDER BY number LIMIT %(limit)s + 1
) AS page
    LEFT JOIN claims ON service_id = %(service_id)s AND slot = number AND slot > %(after)s AND released_at IS NULL
    LEFT JOIN customers ON customers.id = customer_id
ORDER BY number

-- name: take_slot
-- The claim: take a slot, write down the customer, the claim and the idempotency key, all or nothing, in one statement.
-- It takes the lowest free slot that nobody holds, so it never waits for one. If there is none, nothing is written.
-- Slots that the same customer claims at this moment are not among those it says the customer holds.
WITH slot AS MATERIALIZED (
    SELECT number FROM slots WHERE service_id = %(service_id)s AND state = 'free'
    ORDER BY number LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
), taken AS (
    UPDATE slots SET state = 'taken' FROM slot WHERE service_id = %(service_id)s AND slots.number = slot.number
), customer AS (
    INSERT INTO customers (id, organisation_id, account_id, email, phone, name)
    SELECT %(customer_id)s, %(organisation_id)s, %(account_id)s, %(email)s, %(phone)s, %(name)s FROM slot
    ON CONFLICT ON CONSTRAINT customers_identity_key DO UPDATE SET name = coalesce(customers.name, excluded.name)
    RETURNING id, account_id, email, phone, name
), claim AS (
    INSERT INTO claims (id, service_id, slot, customer_id, note, key_id, qr_hash, claimed_by)
    SELECT %(id)s, %(service_id)s, number, customer.id, %(note)s, %(key_id)s, %(qr_hash)s, %(claimed_by)s
    FROM slot CROSS JOIN customer
    RETURNING *
), held AS MATERIALIZED (
    SELECT array_agg(number ORDER BY number) AS customer_slots FROM (
        SELECT claims.slot AS number FROM claims JOIN customer ON customer.id = customer_id
        WHERE service_id = %(service_id)s AND released_at IS NULL
        UNION ALL SELECT number FROM slot
    ) AS each
), stored AS (
    INSERT INTO idempotency_keys (operation, scope, key, fingerprint, response)
    SELECT %(operation)s, %(scope)s, %(idempotency_key)s, %(fingerprint)s,
        %(response)s::jsonb || jsonb_build_object('customer_name', name, 'customer_slots', customer_slots)
    FROM claim CROSS JOIN customer CROSS JOIN held
)
SELECT claim.id, service_id, slot, to_jsonb(customer) AS customer, note, claimed_at, customer_slots, key_id
FROM claim CROSS JOIN customer CROSS JOIN held

-- name: has_free_slot
-- Whether a slot is free, as of now, though somebody may be taking it: if not, the service is full.
SELECT EXISTS (SELECT FROM slots WHERE service_id = %(service_id)s AND state = 'free')

-- name: lock_free_slot
-- Waits for whoever holds the lowest free slots, and keeps the first that stays free.
SELECT number FROM slots WHERE service_id = %(service_id)s AND state = 'free'
ORDER BY number LIMIT 1 FOR NO KEY UPDATE

-- name: get_claimed_slot
-- What was answered when a claim was made. Only what may have changed since was stored with the key.
SELECT claims.id, service_id, slot, note, claimed_at, key_id, %(customer_slots)s::integer[] AS customer_slots,
    to_jsonb(customers) || jsonb_build_object('name', %(customer_name)s::text) AS customer
FROM claims JOIN customers ON customers.id = customer_id WHERE claims.id = %(id)s

-- name: get_claim
SELECT claims.id, services.organisation_id, service_id, services.name AS service_name, capacity, slot,
    to_jsonb(customers) AS customer, note, qr_hash, claimed_at, released_at
FROM claims JOIN services ON services.id = service_id JOIN customers ON customers.id = customer_id
WHERE claims.id = %(id)s

-- name: get_claim_of_member
SELECT claims.id, services.organisation_id, service_id, services.name AS service_name, capacity, slot,
    to_jsonb(customers) AS customer, note, qr_hash, claimed_at, released_at
FROM claims JOIN services ON services.id = service_id JOIN customers ON customers.id = customer_id
    JOIN members ON members.organisation_id = services.organisation_id
WHERE claims.id = %(id)s AND members.account_id = %(account_id)s

-- name: lock_claim
-- Of two who release a claim the second waits here. The service keeps its capacity meanwhile.
SELECT claims.id FROM claims JOIN services ON services.id = service_id
WHERE claims.id = %(id)s ORDER BY services.id FOR NO KEY UPDATE OF claims FOR SHARE OF services

-- name: lock_stand_in
-- The lowest slot that was withdrawn though its number is within the capacity: one with a higher number was taken then.
SELECT number FROM slots
WHERE service_id = %(service_id)s AND state = 'withdrawn' AND number <= %(capacity)s
ORDER BY number LIMIT 1 FOR NO KEY UPDATE

-- name: release_claim
-- The claim ends, and its slot is free for the next, unless its number is above the capacity: then its stand-in is.
WITH released AS (
    UPDATE claims SET released_at = now(), released_by = %(released_by)s WHERE id = %(id)s
)
UPDATE slots SET state = CASE WHEN number > %(capacity)s THEN 'withdrawn' ELSE 'free' END
WHERE service_id = %(service_id)s AND number = ANY(%(numbers)s)
