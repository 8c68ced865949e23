-- Statements on events.

-- name: insert_event
-- A draft.
INSERT INTO events (id, organisation_id, slug, title, description, category, rating, venue_name, venue_address, city,
    country, time_zone, starts_at, ends_at, doors_open_at, gates, image_url, image_id, image_alt, currency,
    capacity_pool_id, late_payments_until, late_payments_share, asks_challenge, confirm_free_orders,
    waitlist_offer_minutes, reminds_holders, form)
VALUES (%(id)s, %(organisation_id)s, %(slug)s, %(title)s, %(description)s, %(category)s, %(rating)s, %(venue_name)s,
    %(venue_address)s, %(city)s, %(country)s, %(time_zone)s, %(starts_at)s, %(ends_at)s, %(doors_open_at)s, %(gates)s,
    %(image_url)s, %(image_id)s, %(image_alt)s, %(currency)s, %(capacity_pool_id)s, %(late_payments_until)s,
    %(late_payments_share)s, %(asks_challenge)s, %(confirm_free_orders)s, %(waitlist_offer_minutes)s,
    %(reminds_holders)s, %(form)s)

-- name: insert_copies
-- Drafts of an event at other times, of one series. They show its picture, which stays while one of them does.
INSERT INTO events (id, organisation_id, series_id, slug, title, description, category, rating, venue_name,
    venue_address, city, country, time_zone, starts_at, ends_at, doors_open_at, gates, image_url, image_id, image_alt,
    currency, capacity_pool_id, late_payments_until, late_payments_share, asks_challenge, confirm_free_orders,
    waitlist_offer_minutes, reminds_holders, form)
SELECT copy.id, organisation_id, %(series_id)s, copy.slug, %(title)s, description, category, rating, venue_name,
    venue_address, city, country, time_zone, copy.starts_at, copy.ends_at, copy.doors_open_at, copy.gates::jsonb,
    image_url, image_id, image_alt, currency, copy.capacity_pool_id, copy.late_payments_until, late_payments_share,
    asks_challenge, confirm_free_orders, waitlist_offer_minutes, reminds_holders, copy.form::jsonb
FROM events CROSS JOIN unnest(%(ids)s::uuid[], %(slugs)s::text[], %(starts_at)s::timestamptz[],
        %(ends_at)s::timestamptz[], %(doors_open_at)s::timestamptz[], %(gates)s::text[], %(form)s::text[],
        %(capacity_pool_ids)s::uuid[], %(late_payments_until)s::timestamptz[])
    AS copy (id, slug, starts_at, ends_at, doors_open_at, gates, form, capacity_pool_id, late_payments_until)
WHERE events.id = %(event_id)s

-- name: set_series
-- The event is one of a series from now on. That is no edit, so its version stays.
UPDATE events SET series_id = %(series_id)s WHERE id = %(event_id)s

-- name: insert_slugs
-- Gives events the slugs that are free in their organisation, and answers these events. A slug that an event had is
-- never free again. In the order of the slugs, two transactions wait for each other in one direction only.
INSERT INTO event_slugs (organisation_id, slug, event_id)
SELECT %(organisation_id)s, slug, event_id
FROM unnest(%(slugs)s::text[], %(event_ids)s::uuid[]) AS wanted (slug, event_id) ORDER BY slug
ON CONFLICT (organisation_id, slug) DO NOTHING
RETURNING event_id

-- name: has_slug
-- True if an event has or had a slug.
SELECT EXISTS (SELECT FROM event_slugs
    WHERE organisation_id = %(organisation_id)s AND slug = %(slug)s AND event_id = %(event_id)s)

-- name: find_event
-- The event that has or had a slug, with the slugs of today.
SELECT events.id AS event_id, organisations.slug AS organisation_slug, events.slug
FROM organisations JOIN event_slugs ON event_slugs.organisation_id = organisations.id
JOIN events ON events.id = event_id
WHERE organisations.slug = %(organisation_slug)s AND event_slugs.slug = %(slug)s AND deleted_at IS NULL

-- name: get_event
-- An event, with its seller, and the counts of its own capacity summed up over the rows of stock.
SELECT events.id, organisation_id, series_id, events.slug, events.status, title, events.description, category, rating,
    venue_name, venue_address, city, country, time_zone, starts_at, ends_at, doors_open_at, gates, image_url, image_id,
    image_alt, (SELECT picture FROM uploads WHERE uploads.id = image_id) AS picture, currency, events.version,
    organisations.status AS organisation_status, jsonb_build_object('id', organisation_id, 'name', name,
        'slug', organisations.slug, 'logo_url', logo_url, 'logo_id', logo_id,
        'logo_picture', (SELECT picture FROM uploads WHERE uploads.id = logo_id), 'website', website,
        'contact_email', contact_email, 'contact_phone', contact_phone) AS seller,
    capacity_pool_id, quantity AS capacity, capacity_available, capacity_held, capacity_sold, late_payments_until,
    late_payments_share, asks_challenge, confirm_free_orders, waitlist_offer_minutes, reminds_holders, form
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
    SELECT id, organisation_id, series_id, slug, status, title, category, rating, venue_name, venue_address, city,
        country, time_zone, starts_at, ends_at, image_url, image_id, image_alt, currency, version, search_vector
    FROM events
    WHERE deleted_at IS NULL AND (%(include_drafts)s OR status = 'published' AND NOT EXISTS (
            SELECT FROM organisations WHERE id = organisation_id AND organisations.status <> 'approved'))
        AND (%(until)s::timestamptz IS NULL OR starts_at < %(until)s)
        AND (%(organisation_id)s::uuid IS NULL OR organisation_id = %(organisation_id)s)
        AND (%(series_id)s::uuid IS NULL OR series_id = %(series_id)s)
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
SELECT id, organisation_id, series_id, slug, status, title, category, rating, venue_name, venue_address, city, country,
    time_zone, starts_at, ends_at, image_url, image_id, image_alt, currency, version,
    (SELECT picture FROM uploads WHERE uploads.id = image_id) AS picture
FROM (SELECT * FROM running UNION ALL SELECT * FROM upcoming UNION ALL SELECT * FROM found) AS page
ORDER BY starts_at, id LIMIT %(limit)s + 1

-- name: get_facets
-- The last count, and if it is too old.
SELECT categories, cities, counted_at < now() - interval '5 minutes' AS is_old FROM event_facets

-- name: take_facets
-- Counts again if the last count is too old, unless somebody else does so just now. It reads an index of upcoming
-- events. Cities are one if a search takes them for one. To compare spellings is dear, so the most frequent ones count.
UPDATE event_facets SET counted_at = now(), (categories, cities) = (
    WITH listed AS MATERIALIZED (
        SELECT category, city, count(*) AS events FROM (
            SELECT organisation_id, category, city FROM events
            WHERE status = 'published' AND deleted_at IS NULL AND starts_at > now()
            UNION ALL
            SELECT organisation_id, category, city FROM events
            WHERE status = 'published' AND deleted_at IS NULL AND tstzrange(starts_at, ends_at) @> now()
        ) AS seen
        WHERE NOT EXISTS (SELECT FROM organisations WHERE id = organisation_id AND organisations.status <> 'approved')
        GROUP BY category, city
    ), categories AS (
        SELECT category AS value, sum(events) AS events FROM listed GROUP BY category
        ORDER BY events DESC, value LIMIT 100
    ), spellings AS (
        SELECT city, sum(events) AS events FROM listed GROUP BY city ORDER BY events DESC, city LIMIT 1000
    ), cities AS (
        SELECT (array_agg(city ORDER BY events DESC, city))[1] AS value, sum(events) AS events FROM spellings
        GROUP BY folded(city) ORDER BY events DESC, value LIMIT 100
    )
    SELECT coalesce(jsonb_agg(facet) FILTER (WHERE kind = 'category'), '[]'),
        coalesce(jsonb_agg(facet) FILTER (WHERE kind = 'city'), '[]')
    FROM (
        SELECT kind, jsonb_build_object('value', value, 'events', events) AS facet FROM (
            SELECT 'category' AS kind, value, events FROM categories
            UNION ALL SELECT 'city', value, events FROM cities
        ) AS facets ORDER BY events DESC, value
    ) AS ordered
)
WHERE is_only = (
    SELECT is_only FROM event_facets WHERE counted_at < now() - interval '5 minutes' FOR NO KEY UPDATE SKIP LOCKED)

-- name: list_my_events
-- A page of the events of an account's organisations, the latest start first. It reads one page of each organisation in
-- the order of an index, however many events they have.
SELECT event.id, organisation_id, series_id, slug, status, title, category, rating, venue_name, venue_address, city,
    country, time_zone, starts_at, ends_at, image_url, image_id, image_alt, currency, version,
    (SELECT picture FROM uploads WHERE uploads.id = image_id) AS picture
FROM members CROSS JOIN LATERAL (
    SELECT id, series_id, slug, status, title, category, rating, venue_name, venue_address, city, country, time_zone,
        starts_at, ends_at, image_url, image_id, image_alt, currency, version
    FROM events
    WHERE events.organisation_id = members.organisation_id AND deleted_at IS NULL
        AND (starts_at, id) < (%(before)s, %(before_id)s)
    ORDER BY starts_at DESC, id DESC LIMIT %(limit)s + 1
) AS event
WHERE account_id = %(account_id)s ORDER BY starts_at DESC, event.id DESC LIMIT %(limit)s + 1

-- name: list_sales
-- How the sale of some events stands to buyers: the lowest price of what is on sale, and why nothing is. A ticket type
-- with anything available is found in its first rows of stock. All rows are read of what is sold out alone.
SELECT events.id AS event_id, cheapest.price AS from_price, CASE
        WHEN status <> 'published' OR ends_at <= now() THEN 'closed'
        WHEN cheapest.price IS NOT NULL THEN 'on_sale'
        WHEN has_room AND starts_later THEN 'not_yet'
        WHEN is_open THEN 'sold_out'
        ELSE 'closed'
    END AS sale_state
FROM events CROSS JOIN LATERAL (
    SELECT capacity_pool_id IS NULL
        OR EXISTS (SELECT FROM stock WHERE pool_id = capacity_pool_id AND available > 0) AS has_room
) AS capacity CROSS JOIN LATERAL (
    SELECT coalesce(bool_or(sales_start > now()), false) AS starts_later, coalesce(bool_or(
            coalesce(sales_start <= now(), true) AND coalesce(sales_end > now(), true)), false) AS is_open
    FROM ticket_types WHERE event_id = events.id AND ticket_types.deleted_at IS NULL AND NOT hidden
) AS windows LEFT JOIN LATERAL (
    SELECT price FROM ticket_types
    WHERE event_id = events.id AND ticket_types.deleted_at IS NULL AND NOT hidden
        AND coalesce(sales_start <= now(), true) AND coalesce(sales_end > now(), true)
        AND EXISTS (SELECT FROM stock WHERE stock.pool_id = ticket_types.pool_id AND available > 0)
    ORDER BY price LIMIT 1
) AS cheapest ON has_room AND ends_at > now() AND status = 'published'
WHERE events.id = ANY(%(event_ids)s)

-- name: update_event
-- All fields that a manager can edit.
UPDATE events SET slug = %(slug)s, title = %(title)s, description = %(description)s, category = %(category)s,
    rating = %(rating)s, venue_name = %(venue_name)s, venue_address = %(venue_address)s, city = %(city)s,
    country = %(country)s, time_zone = %(time_zone)s, starts_at = %(starts_at)s, ends_at = %(ends_at)s,
    doors_open_at = %(doors_open_at)s, gates = %(gates)s, image_url = %(image_url)s, image_id = %(image_id)s,
    image_alt = %(image_alt)s, currency = %(currency)s,
    capacity_pool_id = %(capacity_pool_id)s, late_payments_until = %(late_payments_until)s,
    late_payments_share = %(late_payments_share)s, asks_challenge = %(asks_challenge)s,
    confirm_free_orders = %(confirm_free_orders)s, waitlist_offer_minutes = %(waitlist_offer_minutes)s,
    reminds_holders = %(reminds_holders)s, form = %(form)s, version = version + 1
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
-- The event is deleted. Its row stays, for what refers to it, but shows no picture.
UPDATE events SET deleted_at = now(), image_id = NULL, version = version + 1 WHERE id = %(id)s

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
