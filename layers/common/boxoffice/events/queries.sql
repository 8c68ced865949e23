-- Statements on events.

-- name: insert_event
INSERT INTO events (id, organisation_id, title, description, category, rating, venue_name, venue_address, city, country,
    time_zone, starts_at, ends_at, doors_open_at, gates, image_url, currency, capacity_pool_id)
VALUES (%(id)s, %(organisation_id)s, %(title)s, %(description)s, %(category)s, %(rating)s, %(venue_name)s,
    %(venue_address)s, %(city)s, %(country)s, %(time_zone)s, %(starts_at)s, %(ends_at)s, %(doors_open_at)s, %(gates)s,
    %(image_url)s, %(currency)s, %(capacity_pool_id)s)

-- name: get_event
SELECT events.id, organisation_id, events.status, title, description, category, rating, venue_name, venue_address, city,
    country, time_zone, starts_at, ends_at, doors_open_at, gates, image_url, currency, events.version,
    organisations.status AS organisation_status, capacity_pool_id, quantity AS capacity, capacity_available,
    capacity_held, capacity_sold
FROM events JOIN organisations ON organisations.id = organisation_id
LEFT JOIN stock_pools ON stock_pools.id = capacity_pool_id
CROSS JOIN LATERAL (
    SELECT sum(available)::integer AS capacity_available, sum(held)::integer AS capacity_held,
        sum(sold)::integer AS capacity_sold
    FROM stock WHERE pool_id = capacity_pool_id
) AS stock
WHERE events.id = %(id)s AND deleted_at IS NULL

-- name: lock_event
SELECT id FROM events WHERE id = %(id)s FOR NO KEY UPDATE

-- name: list_events
-- What is going on at a moment, then what begins later. Those that have begun are few: an index of spans finds them all,
-- unless the page is beyond them. The others are read in order from the moment on. What is over is not met by either.
-- Planned anew each time, so that filters which are not used vanish from the plan.
WITH running AS MATERIALIZED (
    SELECT id, organisation_id, status, title, category, rating, venue_name, venue_address, city, country, time_zone,
        starts_at, ends_at, image_url, currency, version
    FROM events
    WHERE tstzrange(starts_at, ends_at) @> %(since)s::timestamptz
        AND (starts_at, id) > (%(after)s, %(after_id)s) AND %(after)s <= %(since)s
        AND deleted_at IS NULL AND (status = 'published' OR %(drafts)s)
        AND (%(until)s::timestamptz IS NULL OR starts_at < %(until)s)
        AND (%(organisation_id)s::uuid IS NULL OR organisation_id = %(organisation_id)s)
        AND (%(category)s::text IS NULL OR category = %(category)s)
        AND (%(city)s::text IS NULL OR lower(city) = lower(%(city)s))
        AND (%(words)s::text IS NULL OR words @@ websearch_to_tsquery('simple', %(words)s))
), coming AS MATERIALIZED (
    SELECT id, organisation_id, status, title, category, rating, venue_name, venue_address, city, country, time_zone,
        starts_at, ends_at, image_url, currency, version
    FROM events
    WHERE (starts_at, id) > (%(begin)s, %(begin_id)s)
        AND deleted_at IS NULL AND (status = 'published' OR %(drafts)s)
        AND (%(until)s::timestamptz IS NULL OR starts_at < %(until)s)
        AND (%(organisation_id)s::uuid IS NULL OR organisation_id = %(organisation_id)s)
        AND (%(category)s::text IS NULL OR category = %(category)s)
        AND (%(city)s::text IS NULL OR lower(city) = lower(%(city)s))
        AND (%(words)s::text IS NULL OR words @@ websearch_to_tsquery('simple', %(words)s))
    ORDER BY starts_at, id LIMIT %(limit)s + 1
)
SELECT id, organisation_id, status, title, category, rating, venue_name, venue_address, city, country, time_zone, starts_at,
    ends_at, image_url, currency, version
FROM (SELECT * FROM running UNION ALL SELECT * FROM coming) AS page ORDER BY starts_at, id LIMIT %(limit)s + 1

-- name: update_event
UPDATE events SET title = %(title)s, description = %(description)s, category = %(category)s, rating = %(rating)s,
    venue_name = %(venue_name)s, venue_address = %(venue_address)s, city = %(city)s, country = %(country)s,
    time_zone = %(time_zone)s, starts_at = %(starts_at)s, ends_at = %(ends_at)s, doors_open_at = %(doors_open_at)s,
    gates = %(gates)s, image_url = %(image_url)s, currency = %(currency)s, capacity_pool_id = %(capacity_pool_id)s, version = version + 1
WHERE id = %(id)s

-- name: publish_event
UPDATE events SET status = 'published', version = version + 1 WHERE id = %(id)s

-- name: cancel_event
UPDATE events SET status = 'cancelled', cancelled_at = now(), cancelled_by = %(account_id)s, cancel_reason = %(reason)s,
    version = version + 1
WHERE id = %(id)s

-- name: delete_event
UPDATE events SET deleted_at = now(), version = version + 1 WHERE id = %(id)s

-- name: finish_cancellation
-- Nothing is left of a cancelled event.
UPDATE events SET cancellation_finished_at = now() WHERE id = %(id)s AND cancellation_finished_at IS NULL AND cancelled_at < %(cancelled_before)s
