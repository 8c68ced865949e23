-- Statements on views and daily sales.

-- name: get_viewed_event
-- The organisation of a published event. Views count until it is over.
SELECT organisation_id, ends_at <= now() AS is_over FROM events
WHERE id = %(event_id)s AND status = 'published' AND deleted_at IS NULL

-- name: count_view
-- Add a view to one row of the source and the day at the venue. A new source gets the next number of the day. After
-- the last one, and if somebody else takes that number at the same time, the view counts for all other sources. The
-- commit does not wait for the disk: if the server dies, the views of a moment are lost, and nothing else.
WITH quick AS (
    SELECT set_config('synchronous_commit', 'off', true)
), viewed AS (
    SELECT id, (now() AT TIME ZONE time_zone)::date AS day FROM events, quick WHERE id = %(event_id)s
), known AS (
    SELECT number FROM viewed JOIN view_sources ON event_id = id AND view_sources.day = viewed.day
    WHERE name = %(source)s
), added AS (
    INSERT INTO view_sources (event_id, day, number, name)
    SELECT id, day, last_number + 1, %(source)s FROM viewed CROSS JOIN LATERAL (
        SELECT coalesce(max(number), 0) AS last_number FROM view_sources
        WHERE event_id = id AND view_sources.day = viewed.day
    ) AS counted
    WHERE %(source)s::text IS NOT NULL AND last_number < 20 AND NOT EXISTS (SELECT FROM known)
    ON CONFLICT DO NOTHING RETURNING number
)
INSERT INTO event_views (event_id, day, source_number, row_no, views)
SELECT id, day, CASE WHEN %(source)s::text IS NULL THEN 0
    ELSE coalesce((SELECT number FROM known), (SELECT number FROM added), 21) END, %(row_no)s, 1 FROM viewed
ON CONFLICT (event_id, day, source_number, row_no) DO UPDATE SET views = event_views.views + 1

-- name: get_event
-- What analytics need to know of an event.
SELECT organisation_id, currency, (now() AT TIME ZONE time_zone)::date AS today, as_of
FROM events CROSS JOIN daily_sales_state WHERE id = %(event_id)s AND deleted_at IS NULL

-- name: list_sales
-- The sales of an event in some days, by day and by ticket type.
SELECT day, ticket_type_id, name, sum(orders)::integer AS orders, sum(tickets)::integer AS tickets,
    sum(gross)::bigint AS gross, sum(discount)::bigint AS discount, sum(buyer_fee)::bigint AS buyer_fee,
    sum(tax)::bigint AS tax, sum(platform_fee)::bigint AS platform_fee, sum(total)::bigint AS total,
    sum(refunded_tickets)::integer AS refunded_tickets, sum(refunded)::bigint AS refunded
FROM daily_sales JOIN ticket_types ON ticket_types.id = ticket_type_id
WHERE daily_sales.event_id = %(event_id)s AND day BETWEEN %(since)s AND %(until)s
GROUP BY GROUPING SETS ((day), (ticket_type_id, name)) ORDER BY day, name, ticket_type_id

-- name: list_views
-- The views of an event in some days, by day, and by source with the most frequent first.
SELECT day, grouping(source) = 0 AS is_source, source, sum(views)::integer AS views FROM (
    SELECT views.day, CASE source_number WHEN 0 THEN NULL WHEN 21 THEN %(other)s ELSE name END AS source,
        sum(views) AS views
    FROM event_views AS views LEFT JOIN view_sources AS sources
        ON sources.event_id = views.event_id AND sources.day = views.day AND number = source_number
    WHERE views.event_id = %(event_id)s AND views.day BETWEEN %(since)s AND %(until)s
    GROUP BY views.day, source_number, name
) AS by_day_and_source
GROUP BY GROUPING SETS ((day), (source)) ORDER BY day, sum(views) DESC, source

-- name: list_revenue
-- What was sold and given back in some days, by day and currency.
SELECT day, currency, sum(orders)::integer AS orders, sum(tickets)::integer AS tickets, sum(total)::bigint AS total,
    sum(platform_fee)::bigint AS platform_fee, sum(refunded)::bigint AS refunded
FROM daily_sales JOIN events ON events.id = event_id WHERE day BETWEEN %(since)s AND %(until)s
GROUP BY day, currency ORDER BY day, currency

-- name: get_stats
-- The platform now: its organisations, events and accounts, and how its outbox does.
SELECT (now() AT TIME ZONE 'UTC')::date AS today, as_of,
    (SELECT jsonb_object_agg(status, count) FROM (
        SELECT status, count(*) FROM organisations GROUP BY status) AS by_status) AS organisations,
    (SELECT jsonb_object_agg(status, count) FROM (
        SELECT status, count(*) FROM events WHERE deleted_at IS NULL GROUP BY status) AS by_status) AS events,
    (SELECT count(*) FROM accounts WHERE erased_at IS NULL) AS accounts,
    waiting, oldest_seconds, (SELECT count(*) FROM outbox WHERE status = 'failed') AS failed
FROM daily_sales_state CROSS JOIN (
    SELECT count(*) AS waiting, extract(epoch FROM now() - min(created_at))::integer AS oldest_seconds FROM outbox
    WHERE status IN ('pending', 'sending')
) AS unsent

-- name: find_uncounted
-- What the daily sales do not count yet, if they were counted a moment ago at the latest.
SELECT counted::text AS begins, ends::text, is_all, now() AS at
FROM daily_sales_state CROSS JOIN next_snapshot(counted, %(most)s)
WHERE NOT is_all OR as_of < now() - interval '5 seconds'

-- name: lock_state
-- Lock what was counted, if that is still so.
SELECT true FROM daily_sales_state WHERE counted::text = %(begins)s FOR NO KEY UPDATE

-- name: count_sales
-- Add the facts to the daily sales that one snapshot sees and the one before does not. The index leads to those that
-- are not older than the oldest transaction that was open before.
INSERT INTO daily_sales (event_id, day, ticket_type_id, orders, tickets, gross, discount, buyer_fee, tax, platform_fee,
    total, refunded_tickets, refunded)
SELECT event_id, (at AT TIME ZONE time_zone)::date AS day, ticket_type_id, sum(orders), sum(tickets), sum(gross),
    sum(sales_facts.discount), sum(buyer_fee), sum(tax), sum(platform_fee), sum(total), sum(refunded_tickets),
    sum(refunded)
FROM sales_facts JOIN events ON events.id = event_id
WHERE written_in >= pg_snapshot_xmin(%(begins)s) AND NOT pg_visible_in_snapshot(written_in, %(begins)s)
    AND pg_visible_in_snapshot(written_in, %(ends)s)
GROUP BY event_id, day, ticket_type_id
ON CONFLICT (event_id, day, ticket_type_id) DO UPDATE SET orders = daily_sales.orders + excluded.orders,
    tickets = daily_sales.tickets + excluded.tickets, gross = daily_sales.gross + excluded.gross,
    discount = daily_sales.discount + excluded.discount, buyer_fee = daily_sales.buyer_fee + excluded.buyer_fee,
    tax = daily_sales.tax + excluded.tax, platform_fee = daily_sales.platform_fee + excluded.platform_fee,
    total = daily_sales.total + excluded.total,
    refunded_tickets = daily_sales.refunded_tickets + excluded.refunded_tickets,
    refunded = daily_sales.refunded + excluded.refunded

-- name: set_counted
-- Store what is counted now. All is counted as of a moment only if the snapshot is of that moment.
UPDATE daily_sales_state SET counted = %(ends)s, as_of = CASE WHEN %(is_all)s THEN %(at)s ELSE as_of END

-- name: get_age
-- For how many seconds sales have not been counted.
SELECT extract(epoch FROM now() - as_of)::integer AS sales_uncounted_seconds FROM daily_sales_state
