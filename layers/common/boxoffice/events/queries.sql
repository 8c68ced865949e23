-- Statements on events.

-- name: insert_event
-- A draft.
INSERT INTO events (id, organisation_id, title, description, category, rating, venue_name, venue_address, city, country,
    time_zone, starts_at, ends_at, doors_open_at, gates, image_url, currency, capacity_pool_id, late_payments_until,
    late_payments_share, asks_challenge, confirm_free_orders, waitlist_offer_minutes, reminds_holders)
VALUES (%(id)s, %(organisation_id)s, %(title)s, %(description)s, %(category)s, %(rating)s, %(venue_name)s,
    %(venue_address)s, %(city)s, %(country)s, %(time_zone)s, %(starts_at)s, %(ends_at)s, %(doors_open_at)s, %(gates)s,
    %(image_url)s, %(currency)s, %(capacity_pool_id)s, %(late_payments_until)s, %(late_payments_share)s,
    %(asks_challenge)s, %(confirm_free_orders)s, %(waitlist_offer_minutes)s, %(reminds_holders)s)

-- name: get_event
-- An event, with the counts of its own capacity summed up over the rows of stock.
SELECT events.id, organisation_id, events.status, title, events.description, category, rating, venue_name,
    venue_address, city, country, time_zone, starts_at, ends_at, doors_open_at, gates, image_url, currency,
    events.version, organisations.status AS organisation_status, capacity_pool_id, quantity AS capacity,
    capacity_available, capacity_held, capacity_sold, late_payments_until, late_payments_share, asks_challenge,
    confirm_free_orders, waitlist_offer_minutes, reminds_holders
FROM events JOIN organisations ON organisations.id = organisation_id
LEFT JOIN stock_pools ON stock_pools.id = capacity_pool_id
CROSS JOIN LATERAL (
    SELECT sum(available)::integer AS capacity_available, sum(held)::integer AS capacity_held,
        sum(sold)::integer AS capacity_sold
    FROM stock WHERE pool_id = capacity_pool_id
) AS stock
WHERE events.id = %(id)s AND deleted_at IS NULL

-- name: lock_event
-- An event, before it changes.
SELECT id FROM events WHERE id = %(id)s FOR NO KEY UPDATE

-- name: list_amounts
-- The prices of an event, and the fixed discounts of its vouchers. Whoever changes one has locked the event.
SELECT price AS amount FROM ticket_types WHERE event_id = %(id)s AND deleted_at IS NULL
UNION ALL
SELECT discount_value FROM vouchers WHERE event_id = %(id)s AND discount_kind = 'fixed' AND deleted_at IS NULL

-- name: list_door_passes
-- The live door passes of an event that name gates. Whoever makes one has locked the event.
SELECT id, gates FROM door_passes
WHERE organisation_id = %(organisation_id)s AND %(event_id)s = ANY(event_ids) AND gates IS NOT NULL
    AND revoked_at IS NULL AND until > now()
ORDER BY id

-- name: list_events
-- A page of events: those that run at the moment `since`, then those that begin later. Events that are over match
-- neither. Nor do those of sellers that may not sell, but for their members. Few events run at once: an index of spans
-- finds them all, unless the page begins later. An index of starts finds the others in order. PostgreSQL plans the
-- statement for each call, so that filters without a value vanish from the plan. It cannot know how rare a word is. So
-- an index finds up to 1,000 events with what is searched. If there are more, they are found among those in order.
WITH few AS MATERIALIZED (
    SELECT id FROM events
    WHERE deleted_at IS NULL AND (%(include_drafts)s OR status = 'published')
        AND (%(organisation_id)s::uuid IS NULL OR organisation_id = %(organisation_id)s)
        AND search_vector @@ search_query(%(search)s)
    LIMIT 1001
), listed AS NOT MATERIALIZED (
    SELECT id, organisation_id, status, title, category, rating, venue_name, venue_address, city, country, time_zone,
        starts_at, ends_at, image_url, currency, version, search_vector
    FROM events
    WHERE deleted_at IS NULL AND (%(include_drafts)s OR status = 'published' AND NOT EXISTS (
            SELECT FROM organisations WHERE id = organisation_id AND organisations.status <> 'approved'))
        AND (%(until)s::timestamptz IS NULL OR starts_at < %(until)s)
        AND (%(organisation_id)s::uuid IS NULL OR organisation_id = %(organisation_id)s)
        AND (%(category)s::text IS NULL OR category = %(category)s)
        AND (%(city)s::text IS NULL OR folded(city) = folded(%(city)s))
), running AS MATERIALIZED (
    SELECT * FROM listed
    WHERE tstzrange(starts_at, ends_at) @> %(since)s::timestamptz
        AND (starts_at, id) > (%(after)s, %(after_id)s) AND %(after)s <= %(since)s
        AND (%(search)s::text IS NULL OR (search_vector @@ search_query(%(search)s)) IS TRUE)
), upcoming AS MATERIALIZED (
    SELECT * FROM listed
    WHERE (starts_at, id) > (%(upcoming_after)s, %(upcoming_after_id)s) AND (%(search)s::text IS NULL
        OR (SELECT count(*) FROM few) > 1000 AND (search_vector @@ search_query(%(search)s)) IS TRUE)
    ORDER BY starts_at, id LIMIT %(limit)s + 1
), found AS MATERIALIZED (
    SELECT * FROM listed
    WHERE (starts_at, id) > (%(upcoming_after)s, %(upcoming_after_id)s) AND %(search)s::text IS NOT NULL
        AND (SELECT count(*) FROM few) <= 1000 AND id = ANY(ARRAY(SELECT id FROM few))
    ORDER BY starts_at, id LIMIT %(limit)s + 1
)
SELECT id, organisation_id, status, title, category, rating, venue_name, venue_address, city, country, time_zone,
    starts_at, ends_at, image_url, currency, version
FROM (SELECT * FROM running UNION ALL SELECT * FROM upcoming UNION ALL SELECT * FROM found) AS page
ORDER BY starts_at, id LIMIT %(limit)s + 1

-- name: list_my_events
-- A page of the events of an account's organisations, the latest start first. It reads one page of each organisation in
-- the order of an index, however many events they have.
SELECT event.id, organisation_id, status, title, category, rating, venue_name, venue_address, city, country, time_zone,
    starts_at, ends_at, image_url, currency, version
FROM members CROSS JOIN LATERAL (
    SELECT id, status, title, category, rating, venue_name, venue_address, city, country, time_zone, starts_at, ends_at,
        image_url, currency, version
    FROM events
    WHERE events.organisation_id = members.organisation_id AND deleted_at IS NULL
        AND (starts_at, id) < (%(before)s, %(before_id)s)
    ORDER BY starts_at DESC, id DESC LIMIT %(limit)s + 1
) AS event
WHERE account_id = %(account_id)s ORDER BY starts_at DESC, event.id DESC LIMIT %(limit)s + 1

-- name: update_event
-- All fields that a manager can edit.
UPDATE events SET title = %(title)s, description = %(description)s, category = %(category)s, rating = %(rating)s,
    venue_name = %(venue_name)s, venue_address = %(venue_address)s, city = %(city)s, country = %(country)s,
    time_zone = %(time_zone)s, starts_at = %(starts_at)s, ends_at = %(ends_at)s, doors_open_at = %(doors_open_at)s,
    gates = %(gates)s, image_url = %(image_url)s, currency = %(currency)s, capacity_pool_id = %(capacity_pool_id)s,
    late_payments_until = %(late_payments_until)s, late_payments_share = %(late_payments_share)s,
    asks_challenge = %(asks_challenge)s, confirm_free_orders = %(confirm_free_orders)s,
    waitlist_offer_minutes = %(waitlist_offer_minutes)s, reminds_holders = %(reminds_holders)s, version = version + 1
WHERE id = %(id)s

-- name: publish_event
-- The public sees the event from now on.
UPDATE events SET status = 'published', version = version + 1 WHERE id = %(id)s

-- name: cancel_event
-- The event is cancelled, by this account and for this reason.
UPDATE events SET status = 'cancelled', cancelled_at = now(), cancelled_by = %(actor_id)s, cancel_reason = %(reason)s,
    version = version + 1
WHERE id = %(id)s

-- name: delete_event
-- The event is deleted. Its row stays, for what refers to it.
UPDATE events SET deleted_at = now(), version = version + 1 WHERE id = %(id)s

-- name: finish_cancellation
-- All orders of a cancelled event are refunded.
UPDATE events SET cancellation_finished_at = now()
WHERE id = %(id)s AND cancellation_finished_at IS NULL AND cancelled_at < %(cancelled_before)s

-- name: supersede_moves
-- A later change is told instead. The time at which this one was to be told, if that is to come.
UPDATE event_moves SET outcome = 'superseded', seen_at = coalesce(seen_at, now())
WHERE event_id = %(event_id)s AND outcome IS NULL
RETURNING CASE WHEN due_at > now() THEN due_at END AS due_at

-- name: insert_move
-- An event that the transaction has locked takes place at another time or place. Before, it did so as this says.
INSERT INTO event_moves (id, event_id, version, venue_name, venue_address, city, time_zone, starts_at, ends_at,
    doors_open_at, due_at)
VALUES (%(id)s, %(event_id)s, %(version)s, %(venue_name)s, %(venue_address)s, %(city)s, %(time_zone)s, %(starts_at)s,
    %(ends_at)s, %(doors_open_at)s, coalesce(%(due_at)s::timestamptz, now() + %(wait)s))

-- name: list_moves_to_tell
-- The moves that wait to be seen or told, the longest due first.
SELECT id FROM event_moves
WHERE outcome IS NULL AND (seen_at IS NULL OR due_at <= now()) AND id <> ALL(%(leave_out)s) ORDER BY due_at

-- name: take_move
-- A move that is not told to all yet, unless another run has it. An event that is cancelled or over needs no telling.
SELECT event_moves.id, event_id, seen_at, due_at <= now() AS is_due, last_order_id,
    events.status = 'published' AND deleted_at IS NULL AND events.ends_at > now() AS is_on
FROM event_moves JOIN events ON events.id = event_id
WHERE event_moves.id = %(id)s AND outcome IS NULL ORDER BY event_moves.id
FOR NO KEY UPDATE OF event_moves SKIP LOCKED

-- name: set_move_seen
-- Whoever buys from now on, learns of it with the tickets.
UPDATE event_moves SET seen_at = now() WHERE id = %(id)s

-- name: set_move_told
-- The holders of the event's orders up to this one are told.
UPDATE event_moves SET last_order_id = %(last_order_id)s WHERE id = %(id)s

-- name: set_move_outcome
-- A move is told to all, or to nobody.
UPDATE event_moves SET outcome = %(outcome)s WHERE id = %(id)s

-- name: list_moves
-- The newest moves of an event, the newest first. Nobody moves an event a hundred times.
SELECT id, venue_name, venue_address, city, time_zone, starts_at, ends_at, doors_open_at, seen_at, outcome
FROM event_moves
WHERE event_id = %(event_id)s ORDER BY version DESC LIMIT 100

-- name: get_moved_event
-- The event of a move, and its newest move.
SELECT event_id, (
    SELECT newest.id FROM event_moves AS newest WHERE newest.event_id = move.event_id ORDER BY version DESC LIMIT 1
) AS newest_id
FROM event_moves AS move WHERE id = %(id)s
