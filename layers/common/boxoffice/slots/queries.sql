-- Statements on places, their slots and the claims on these.

-- name: insert_place
-- Inserts nothing if the event is not the organisation's.
INSERT INTO places (id, organisation_id, event_id, name, capacity, time_zone)
SELECT %(id)s, %(organisation_id)s, events.id, %(name)s, %(capacity)s,
    coalesce(%(time_zone)s, events.time_zone, 'UTC')
FROM (VALUES (%(event_id)s::uuid)) AS wanted (event_id)
    LEFT JOIN events ON events.id = wanted.event_id AND organisation_id = %(organisation_id)s AND deleted_at IS NULL
WHERE wanted.event_id IS NULL OR events.id IS NOT NULL

-- name: get_place
SELECT id, organisation_id, event_id, name, capacity, time_zone, version, created_at FROM places WHERE id = %(id)s

-- name: get_place_of_member
-- The place, if the caller works for its organisation. A member of any role may check customers in.
SELECT id, organisation_id, event_id, name, capacity, time_zone, version, created_at FROM places
WHERE id = %(id)s AND (organisation_id = %(acts_for)s OR works_for(%(account_id)s, organisation_id))

-- name: list_places
SELECT id, organisation_id, event_id, name, capacity, time_zone, version, created_at FROM places
WHERE organisation_id = %(organisation_id)s AND id > %(after)s ORDER BY id LIMIT %(limit)s + 1

-- name: list_places_of_event
SELECT id, organisation_id, event_id, name, capacity, time_zone, version, created_at FROM places
WHERE event_id = %(event_id)s AND organisation_id = %(organisation_id)s AND id > %(after)s
ORDER BY id LIMIT %(limit)s + 1

-- name: lock_place
-- An edit waits here for other edits and for releases, which lock the place too. A new claim locks slots alone.
SELECT id FROM places WHERE id = %(id)s FOR NO KEY UPDATE

-- name: update_place
UPDATE places SET name = %(name)s, capacity = %(capacity)s, time_zone = %(time_zone)s, version = version + 1
WHERE id = %(id)s

-- name: add_slots
-- Adds `count` slots, with the lowest numbers that are not in use. Below the new capacity there are enough of those.
INSERT INTO slots (place_id, number)
SELECT %(place_id)s, number FROM generate_series(1, %(capacity)s) AS number
WHERE NOT EXISTS (
    SELECT FROM slots WHERE place_id = %(place_id)s AND slots.number = number.number AND state <> 'withdrawn')
ORDER BY number LIMIT %(count)s
ON CONFLICT (place_id, number) DO UPDATE SET state = 'free'

-- name: lock_free_slots
-- Waits for claims that are being made. A slot that one of them has taken is not in the result.
SELECT number FROM slots WHERE place_id = %(place_id)s AND state = 'free' ORDER BY number FOR NO KEY UPDATE

-- name: withdraw_slots
UPDATE slots SET state = 'withdrawn' WHERE place_id = %(place_id)s AND number = ANY(%(numbers)s)

-- name: get_stats
-- Reads only taken slots and today's claims, in one snapshot. With midnight as a parameter, the planner knows how few
-- claims are of today.
SELECT capacity,
    (SELECT count(*) FROM slots WHERE place_id = places.id AND state = 'taken') AS taken,
    (SELECT count(*) FROM claims WHERE place_id = places.id AND claimed_at >= %(midnight)s) AS claims_today,
    released_today, average_stay_seconds
FROM places CROSS JOIN LATERAL (
    SELECT count(*) AS released_today,
        round(avg(extract(epoch FROM released_at - claimed_at)))::integer AS average_stay_seconds
    FROM claims WHERE place_id = places.id AND released_at >= %(midnight)s
) AS released
WHERE id = %(place_id)s

-- name: list_slots
-- Each slot with its open claim. Each state is a range of the index, so a few taken slots are quick to find among many
-- free ones. The join repeats the cursor's condition, so that the planner can read the claims in order too.
SELECT number, state, CASE WHEN claims.id IS NOT NULL THEN jsonb_build_object(
    'id', claims.id, 'claimed_at', claimed_at, 'note', note, 'customer', to_jsonb(customers)) END AS claim
FROM (
    SELECT listed.number, listed.state
    FROM unnest(%(states)s::text[]) AS wanted (state) CROSS JOIN LATERAL (
        SELECT number, state FROM slots
        WHERE place_id = %(place_id)s AND slots.state = wanted.state AND number > %(after)s
        ORDER BY number LIMIT %(limit)s + 1
    ) AS listed ORDER BY number LIMIT %(limit)s + 1
) AS page
    LEFT JOIN claims ON place_id = %(place_id)s AND slot = number AND slot > %(after)s AND released_at IS NULL
    LEFT JOIN customers ON customers.id = customer_id
ORDER BY number

-- name: take_slot
-- Takes a slot and writes the customer, the claim and the idempotency key: all or nothing, in one statement.
-- It takes the lowest free slot that no other transaction has locked, so it never waits. Without one it writes nothing.
-- customer_slots misses slots that the same customer claims at the same moment.
WITH free_slot AS MATERIALIZED (
    SELECT number FROM slots WHERE place_id = %(place_id)s AND state = 'free'
    ORDER BY number LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
), taken_slot AS (
    UPDATE slots SET state = 'taken' FROM free_slot WHERE place_id = %(place_id)s AND slots.number = free_slot.number
), customer AS (
    INSERT INTO customers (id, organisation_id, account_id, email, phone, name)
    SELECT %(customer_id)s, %(organisation_id)s, %(account_id)s, %(email)s, %(phone)s, %(name)s FROM free_slot
    ON CONFLICT ON CONSTRAINT customers_identity_key DO UPDATE SET name = coalesce(customers.name, excluded.name)
    RETURNING id, account_id, email, phone, name
), claim AS (
    INSERT INTO claims (id, place_id, slot, customer_id, note, key_id, qr_hash, claimed_by)
    SELECT %(id)s, %(place_id)s, number, customer.id, %(note)s, %(key_id)s, %(qr_hash)s, %(claimed_by)s
    FROM free_slot CROSS JOIN customer
    RETURNING id, place_id, slot, note, key_id, claimed_at
), slots_of_customer AS MATERIALIZED (
    SELECT array_agg(number ORDER BY number) AS customer_slots FROM (
        SELECT claims.slot AS number FROM claims JOIN customer ON customer.id = customer_id
        WHERE place_id = %(place_id)s AND released_at IS NULL
        UNION ALL SELECT number FROM free_slot
    ) AS old_and_new
), stored_key AS (
    INSERT INTO idempotency_keys (operation, scope, key, fingerprint, response)
    SELECT %(operation)s, %(scope)s, %(idempotency_key)s, %(fingerprint)s,
        %(response)s::jsonb || jsonb_build_object('customer_name', name, 'customer_slots', customer_slots)
    FROM claim CROSS JOIN customer CROSS JOIN slots_of_customer
)
SELECT claim.id, place_id, slot, to_jsonb(customer) AS customer, note, claimed_at, customer_slots, key_id
FROM claim CROSS JOIN customer CROSS JOIN slots_of_customer

-- name: has_free_slot
-- True if a slot is free now, even if another transaction has locked it. If not, the place is full.
SELECT EXISTS (SELECT FROM slots WHERE place_id = %(place_id)s AND state = 'free')

-- name: lock_free_slot
-- Waits for the transaction that has locked the lowest free slot, then locks the lowest one that is still free.
SELECT number FROM slots WHERE place_id = %(place_id)s AND state = 'free'
ORDER BY number LIMIT 1 FOR NO KEY UPDATE

-- name: get_new_claim
-- The claim as it was first answered. What may have changed since comes from the idempotency key.
SELECT claims.id, place_id, slot, note, claimed_at, key_id, %(customer_slots)s::integer[] AS customer_slots,
    to_jsonb(customers) || jsonb_build_object('name', %(customer_name)s::text) AS customer
FROM claims JOIN customers ON customers.id = customer_id WHERE claims.id = %(id)s

-- name: get_claim
SELECT claims.id, places.organisation_id, place_id, places.name AS place_name, capacity, slot,
    to_jsonb(customers) AS customer, note, qr_hash, claimed_at, released_at
FROM claims JOIN places ON places.id = place_id JOIN customers ON customers.id = customer_id
WHERE claims.id = %(id)s

-- name: get_claim_of_member
-- The claim, if the caller works for its organisation.
SELECT claims.id, places.organisation_id, place_id, places.name AS place_name, capacity, slot,
    to_jsonb(customers) AS customer, note, qr_hash, claimed_at, released_at
FROM claims JOIN places ON places.id = place_id JOIN customers ON customers.id = customer_id
WHERE claims.id = %(id)s
    AND (places.organisation_id = %(acts_for)s OR works_for(%(account_id)s, places.organisation_id))

-- name: lock_claim
-- If two transactions release one claim, the second waits here. The lock on the place keeps its capacity as it is.
SELECT claims.id FROM claims JOIN places ON places.id = place_id
WHERE claims.id = %(id)s ORDER BY places.id FOR NO KEY UPDATE OF claims FOR SHARE OF places

-- name: lock_replacement_slot
-- The lowest withdrawn slot within the capacity. There is one for each taken slot above the capacity.
SELECT number FROM slots
WHERE place_id = %(place_id)s AND state = 'withdrawn' AND number <= %(capacity)s
ORDER BY number LIMIT 1 FOR NO KEY UPDATE

-- name: release_claim
-- Ends the claim. Of the slots in `numbers`, those within the capacity become free; one above it is withdrawn.
WITH released AS (
    UPDATE claims SET released_at = now(), released_by = %(released_by)s WHERE id = %(id)s
)
UPDATE slots SET state = CASE WHEN number > %(capacity)s THEN 'withdrawn' ELSE 'free' END
WHERE place_id = %(place_id)s AND number = ANY(%(numbers)s)

-- name: lock_and_erase_notes
-- Erase what was noted on the claims of some customers.
WITH locked AS MATERIALIZED (
    SELECT id FROM claims WHERE customer_id = ANY(%(customer_ids)s) AND note IS NOT NULL ORDER BY id FOR NO KEY UPDATE
)
UPDATE claims SET note = NULL FROM locked WHERE claims.id = locked.id

-- name: lock_and_erase_customers
-- Erase who some customers are. Their claims stay.
WITH locked AS MATERIALIZED (
    SELECT id FROM customers WHERE id = ANY(%(ids)s) ORDER BY id FOR NO KEY UPDATE
)
UPDATE customers SET account_id = NULL, email = concat(customers.id, %(at_erased)s::text), phone = NULL, name = NULL
FROM locked WHERE customers.id = locked.id

-- name: list_claims_of_account
-- The claims of a person by all that is proved to be theirs, newest first. A customer has one identity, so no claim is
-- found twice. The claims of each customer are read from the index, as many as a page has. A range says which they are:
-- with an equation the planner expects a few, and reads and sorts all 20,000 of a regular customer.
WITH proved AS MATERIALIZED (
    SELECT CASE WHEN email_verified_at IS NOT NULL THEN email END AS email,
        CASE WHEN phone_verified_at > %(phone_verified_after)s THEN phone END AS phone
    FROM accounts WHERE id = %(account_id)s
), person AS MATERIALIZED (
    SELECT id, organisation_id FROM customers WHERE account_id = %(account_id)s
    UNION ALL SELECT id, organisation_id FROM customers JOIN proved ON proved.email = customers.email
    UNION ALL SELECT id, organisation_id FROM customers JOIN proved ON proved.phone = customers.phone
)
SELECT claim.id, place_id, places.name AS place_name, person.organisation_id, organisations.name AS seller, slot,
    key_id, claimed_at, released_at
FROM person CROSS JOIN LATERAL (
    SELECT id, place_id, slot, key_id, claimed_at, released_at FROM claims
    WHERE (customer_id, id) < (person.id, %(before)s) AND customer_id >= person.id
    ORDER BY customer_id DESC, id DESC LIMIT %(limit)s + 1
) AS claim
    JOIN places ON places.id = place_id JOIN organisations ON organisations.id = person.organisation_id
ORDER BY claim.id DESC LIMIT %(limit)s + 1
