-- Statements on orders.

-- name: list_sale_terms
-- What can be bought, and on what terms, in the order of the ids; reads no stock. What is hidden needs a voucher that
-- unlocks it.
SELECT ticket_types.id AS ticket_type_id, ticket_types.name AS ticket_type_name, event_id, title AS event_title,
    organisation_id, currency, price AS unit_price, sales_start AS on_sale_from,
    least(coalesce(sales_end, ends_at), ends_at) AS on_sale_until, min_per_order, max_per_order, max_per_buyer, ticket_mode,
    hidden, seated, pool_id, pool.row_count AS pool_rows, capacity_pool_id, capacity.row_count AS capacity_rows
FROM ticket_types JOIN events ON events.id = event_id JOIN stock_pools AS pool ON pool.id = pool_id
    LEFT JOIN stock_pools AS capacity ON capacity.id = capacity_pool_id
WHERE ticket_types.id = ANY(%(ticket_type_ids)s) AND ticket_types.deleted_at IS NULL
    AND status = 'published' AND events.deleted_at IS NULL
ORDER BY array_position(%(ticket_type_ids)s, ticket_types.id)

-- name: place_order
-- The purchase: hold stock, write the order and its item, all or nothing, in one statement.
-- It takes the first row of the pool from start on, around the end, that has enough and that nobody holds: it never waits
-- for stock. Where there is none nothing is written, and the answer is false (decision 2).
WITH taken AS (
    UPDATE stock SET available = available - %(quantity)s, held = held + %(quantity)s
    WHERE pool_id = %(pool_id)s AND row_no = coalesce(
        (SELECT row_no FROM stock
        WHERE pool_id = %(pool_id)s AND row_no >= %(start)s AND available >= %(quantity)s
        ORDER BY row_no LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED),
        (SELECT row_no FROM stock
        WHERE pool_id = %(pool_id)s AND row_no < %(start)s AND available >= %(quantity)s
        ORDER BY row_no LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED)
    ) RETURNING row_no
), placed AS (
    INSERT INTO orders (id, number, organisation_id, account_id, status, buyer_name, buyer_email, buyer_phone, currency,
        total, voucher_id, details, draws, request_id, fingerprint, expires_at, created_at)
    SELECT %(id)s, %(number)s, %(organisation_id)s, %(account_id)s, 'pending', %(buyer_name)s, %(buyer_email)s,
        %(buyer_phone)s, %(currency)s, %(total)s, %(voucher_id)s, %(details)s,
        ARRAY[(%(pool_id)s, row_no, %(quantity)s)::draw], %(request_id)s, %(fingerprint)s, %(expires_at)s, %(created_at)s
    FROM taken
), item AS (
    INSERT INTO order_items (order_id, item_no, is_group, event_id, ticket_type_id, quantity, unit_price, discount, total,
        terms_id, buyer_fee, tax, platform_fee)
    SELECT %(id)s, 1, %(is_group)s, %(event_id)s, %(ticket_type_id)s, %(quantity)s, %(unit_price)s, %(discount)s,
        %(total)s, %(terms_id)s, %(buyer_fee)s, %(tax)s, %(platform_fee)s
    FROM taken
)
SELECT EXISTS (SELECT FROM taken)

-- name: place_cart
-- The general form of place_order: several items, or several pools. place_order has nothing to unnest: its plan is half as
-- large, and 64 connections sell a tenth more with it (decision 3).
WITH draw AS MATERIALIZED (
    SELECT * FROM unnest(%(pool_ids)s::uuid[], %(draw_quantities)s::integer[], %(starts)s::integer[])
        AS draw (pool_id, quantity, start)
    -- A LIMIT without effect, as a row estimate for the planner: it expects one draw, not ten, and looks up rows by key.
    LIMIT cardinality(%(pool_ids)s::uuid[])
), taken AS MATERIALIZED (
    SELECT pool_id, quantity, coalesce(
        (SELECT row_no FROM stock
        WHERE stock.pool_id = draw.pool_id AND row_no >= draw.start AND available >= draw.quantity
        ORDER BY row_no LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED),
        (SELECT row_no FROM stock
        WHERE stock.pool_id = draw.pool_id AND row_no < draw.start AND available >= draw.quantity
        ORDER BY row_no LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED)
    ) AS row_no FROM draw
), complete AS MATERIALIZED (
    SELECT array_agg((pool_id, row_no, quantity)::draw) AS draws FROM taken HAVING count(row_no) = count(*)
), held AS (
    UPDATE stock SET available = stock.available - taken.quantity, held = stock.held + taken.quantity
    FROM taken WHERE stock.pool_id = taken.pool_id AND stock.row_no = taken.row_no AND EXISTS (SELECT FROM complete)
), placed AS (
    INSERT INTO orders (id, number, organisation_id, account_id, status, buyer_name, buyer_email, buyer_phone, currency,
        total, voucher_id, details, draws, request_id, fingerprint, expires_at, created_at)
    SELECT %(id)s, %(number)s, %(organisation_id)s, %(account_id)s, 'pending', %(buyer_name)s, %(buyer_email)s,
        %(buyer_phone)s, %(currency)s, %(total)s, %(voucher_id)s, %(details)s, draws, %(request_id)s, %(fingerprint)s,
        %(expires_at)s, %(created_at)s
    FROM complete
), items AS (
    INSERT INTO order_items (order_id, item_no, is_group, event_id, ticket_type_id, quantity, unit_price, discount, total,
        terms_id, buyer_fee, tax, platform_fee)
    SELECT %(id)s, item_no, is_group, event_id, ticket_type_id, quantity, unit_price, discount, total, terms_id, buyer_fee,
        tax, platform_fee
    FROM unnest(%(is_group)s::boolean[], %(event_ids)s::uuid[], %(ticket_type_ids)s::uuid[], %(quantities)s::integer[],
        %(unit_prices)s::bigint[], %(discounts)s::bigint[], %(totals)s::bigint[], %(terms_ids)s::uuid[],
        %(buyer_fees)s::bigint[], %(taxes)s::bigint[], %(platform_fees)s::bigint[])
        WITH ORDINALITY AS item (is_group, event_id, ticket_type_id, quantity, unit_price, discount, total, terms_id,
            buyer_fee, tax, platform_fee, item_no)
    WHERE EXISTS (SELECT FROM complete)
)
SELECT EXISTS (SELECT FROM complete)

-- name: lock_buyer
-- Purchases of one buyer, who is known by some names, follow each other until the transaction ends.
SELECT pg_advisory_xact_lock(name) FROM (
    SELECT hashtextextended(name, 0) AS name FROM unnest(%(names)s::text[]) AS name ORDER BY 1
) AS known

-- name: list_taken
-- What a buyer has of some ticket types and vouchers: in live orders of the account or the email address.
WITH theirs AS MATERIALIZED (
    SELECT id, voucher_id FROM orders
    WHERE organisation_id = %(organisation_id)s AND buyer_email = %(buyer_email)s AND id <> %(id)s
        AND status IN ('pending', 'paid', 'partially_refunded')
    UNION
    SELECT id, voucher_id FROM orders
    WHERE account_id = %(account_id)s AND organisation_id = %(organisation_id)s AND id <> %(id)s
        AND status IN ('pending', 'paid', 'partially_refunded')
)
SELECT ticket_type_id AS subject_id, sum(quantity - (
    SELECT coalesce(sum(group_size), 0) FROM tickets
    WHERE tickets.order_id = item.order_id AND tickets.item_no = item.item_no AND status = 'refunded'
))::integer AS taken
FROM theirs JOIN order_items AS item ON item.order_id = theirs.id
WHERE ticket_type_id = ANY(%(subject_ids)s) GROUP BY ticket_type_id
UNION ALL
SELECT voucher_id, count(*)::integer FROM theirs WHERE voucher_id = ANY(%(subject_ids)s) GROUP BY voucher_id

-- name: list_limits
-- How much of what an order holds one buyer may have, where that is limited.
SELECT ticket_types.id AS subject_id, name, quantity AS wanted, max_per_buyer AS most
FROM order_items JOIN ticket_types ON ticket_types.id = ticket_type_id
WHERE order_id = %(id)s AND max_per_buyer IS NOT NULL
UNION ALL
SELECT vouchers.id, code, 1, max_per_buyer FROM orders JOIN vouchers ON vouchers.id = voucher_id
WHERE orders.id = %(id)s AND max_per_buyer IS NOT NULL

-- name: get_request
-- The order that a request placed, for its repeats.
SELECT fingerprint, jsonb_build_object('id', id) AS response FROM orders WHERE request_id = %(request_id)s

-- name: get_order
-- By id or by number; what the caller may see is decided with the row in hand.
SELECT orders.id, number, organisation_id, account_id, status, buyer_name, buyer_email, buyer_phone, currency, total,
    subtotal, discount, voucher_id, expires_at, created_at,
    (SELECT code FROM vouchers WHERE vouchers.id = voucher_id) AS voucher,
    (SELECT coalesce(jsonb_agg(jsonb_build_object('event_id', item.event_id, 'ticket_type_id', ticket_type_id,
        'event_title', title, 'ticket_type_name', name, 'quantity', item.quantity, 'unit_price', unit_price,
        'discount', item.discount, 'total', item.total, 'is_group', is_group, 'seats', (
            SELECT coalesce(jsonb_agg(jsonb_build_object('id', seats.id, 'label', label) ORDER BY place), '[]')
            FROM unnest(seat_ids) WITH ORDINALITY AS taken (id, place) JOIN seats ON seats.id = taken.id
        )) ORDER BY item_no), '[]')
    FROM order_items AS item JOIN ticket_types ON ticket_types.id = ticket_type_id
        JOIN events ON events.id = item.event_id
    WHERE item.order_id = orders.id) AS items,
    (SELECT coalesce(jsonb_agg(jsonb_build_object('id', id, 'ticket_type_id', ticket_type_id, 'group_size', group_size,
        'seat', seat, 'status', status, 'transferred', transfer_count > 0) ORDER BY item_no, position), '[]')
    FROM tickets WHERE tickets.order_id = orders.id) AS tickets,
    (SELECT coalesce(jsonb_agg(jsonb_build_object('id', id, 'provider', provider, 'status', status) ORDER BY id), '[]')
    FROM payments WHERE payments.order_id = orders.id) AS payments,
    (SELECT coalesce(jsonb_agg(jsonb_build_object('from_status', from_status, 'to_status', to_status, 'reason', reason,
        'actor_id', actor_id, 'at', at) ORDER BY id), '[]')
    FROM order_history WHERE order_history.order_id = orders.id) AS history
FROM order_summaries AS orders WHERE orders.id = %(id)s OR number = %(number)s

-- name: list_orders
-- An organisation's orders, newest first. Each status is a range of the index, so that a rare one costs no more than the
-- others: with `=` the planner would scan all orders by id instead.
SELECT id, number, organisation_id, account_id, status, buyer_name, buyer_email, buyer_phone, currency, total, subtotal,
    discount, voucher_id, expires_at, created_at
FROM (
    SELECT newest.id FROM (
        -- As in place_cart, a row estimate: the planner expects one status, not ten, and keeps one plan for any number.
        SELECT * FROM unnest(%(statuses)s::text[]) LIMIT cardinality(%(statuses)s::text[])
    ) AS wanted (status) CROSS JOIN LATERAL (
        SELECT id FROM orders
        WHERE organisation_id = %(organisation_id)s
            AND (orders.status, id) < (wanted.status, %(before)s) AND (orders.status, id) >= (wanted.status, %(after)s)
        ORDER BY orders.status DESC, id DESC LIMIT %(limit)s + 1
    ) AS newest ORDER BY id DESC LIMIT %(limit)s + 1
) AS page JOIN order_summaries USING (id)
ORDER BY id DESC

-- name: list_orders_of_buyer
-- All of them, or those that hold something of an event.
SELECT id, number, organisation_id, account_id, status, buyer_name, buyer_email, buyer_phone, currency, total, subtotal,
    discount, voucher_id, expires_at, created_at
FROM order_summaries
WHERE organisation_id = %(organisation_id)s AND buyer_email = %(email)s AND status = ANY(%(statuses)s)
    AND id < %(before)s AND id >= %(after)s
    AND (%(event_id)s::uuid IS NULL
        OR EXISTS (SELECT FROM order_items WHERE order_id = order_summaries.id AND event_id = %(event_id)s))
ORDER BY id DESC LIMIT %(limit)s + 1

-- name: list_orders_of_event
-- An order has several items of one event where it holds several of its ticket types. Orders are looked up one by one, from
-- the newest item on.
SELECT id, number, organisation_id, account_id, status, buyer_name, buyer_email, buyer_phone, currency, total, subtotal,
    discount, voucher_id, expires_at, created_at
FROM (
    SELECT DISTINCT order_id FROM order_items
    WHERE event_id = %(event_id)s AND order_id < %(before)s AND order_id >= %(after)s
    ORDER BY order_id DESC
) AS item CROSS JOIN LATERAL (
    SELECT * FROM order_summaries
    WHERE id = order_id AND organisation_id = %(organisation_id)s AND status = ANY(%(statuses)s) LIMIT 1
) AS orders
ORDER BY order_id DESC LIMIT %(limit)s + 1

-- name: list_orders_of_account
-- Newest first.
SELECT id, number, organisation_id, account_id, status, buyer_name, buyer_email, buyer_phone, currency, total, subtotal,
    discount, voucher_id, expires_at, created_at
FROM order_summaries WHERE account_id = %(account_id)s AND id < %(before)s
ORDER BY id DESC LIMIT %(limit)s + 1

-- name: get_order_row
SELECT id, number, organisation_id, account_id, status, buyer_name, buyer_email, buyer_phone, currency, total, voucher_id,
    expires_at, created_at
FROM orders WHERE id = %(id)s

-- name: lock_order
SELECT id, number, organisation_id, account_id, status, buyer_name, buyer_email, buyer_phone, currency, total, voucher_id,
    expires_at, created_at
FROM orders WHERE id = %(id)s FOR NO KEY UPDATE

-- name: take_order
SELECT id, number, organisation_id, account_id, status, buyer_name, buyer_email, buyer_phone, currency, total, voucher_id,
    expires_at, created_at
FROM orders WHERE id = %(id)s ORDER BY id FOR NO KEY UPDATE SKIP LOCKED

-- name: set_status
-- A change of state and its history row; answers the events that the order is for.
WITH changed AS (
    UPDATE orders SET status = %(to_status)s WHERE id = %(id)s
), noted AS (
    INSERT INTO order_history (order_id, from_status, to_status, reason, actor_id)
    VALUES (%(id)s, %(from_status)s, %(to_status)s, %(reason)s, %(actor_id)s)
)
SELECT DISTINCT event_id FROM order_items WHERE order_id = %(id)s ORDER BY event_id

-- name: set_seats
-- The order's items keep in mind which seats they took.
UPDATE order_items AS item SET seat_ids = (
    SELECT array_agg(seats.id ORDER BY rank, position) FROM seats JOIN seat_rows ON seat_rows.id = row_id
    WHERE owner_id = %(id)s AND seat_rows.ticket_type_id = item.ticket_type_id
) WHERE order_id = %(id)s

-- name: list_draws
-- What the order takes from each pool if it is held again: its ticket types', their events' capacities', its voucher's.
-- Nothing, if one of the events is off or over by now, or if a ticket type has got seats since: the order chose none.
SELECT pool_id, sum(quantity)::integer AS quantity, 0 AS start FROM (
    SELECT pool_id, quantity FROM order_items JOIN ticket_types ON ticket_types.id = ticket_type_id
    WHERE order_id = %(id)s
    UNION ALL
    SELECT capacity_pool_id, quantity FROM order_items JOIN events ON events.id = event_id
    WHERE order_id = %(id)s AND capacity_pool_id IS NOT NULL
    UNION ALL
    SELECT pool_id, 1 FROM orders JOIN vouchers ON vouchers.id = voucher_id WHERE orders.id = %(id)s
) AS wanted
WHERE NOT EXISTS (
    SELECT FROM order_items JOIN events ON events.id = order_items.event_id
        JOIN ticket_types ON ticket_types.id = ticket_type_id
    WHERE order_id = %(id)s AND (events.status <> 'published' OR ends_at <= now() OR events.deleted_at IS NOT NULL
        OR ticket_types.deleted_at IS NOT NULL OR seated AND seat_ids IS NULL))
GROUP BY pool_id ORDER BY pool_id

-- name: get_order_for_email
SELECT orders.id, number, currency, discount, total, organisations.name AS seller,
    (SELECT code FROM vouchers WHERE vouchers.id = voucher_id) AS voucher
FROM order_summaries AS orders JOIN organisations ON organisations.id = organisation_id WHERE orders.id = %(id)s

-- name: list_items_for_email
SELECT item.event_id, events.version AS event_version, title AS event_title, venue_name, venue_address, city, time_zone,
    starts_at, ends_at, item.ticket_type_id, name AS ticket_type_name, quantity, unit_price * quantity AS gross
FROM order_items AS item JOIN events ON events.id = item.event_id JOIN ticket_types ON ticket_types.id = ticket_type_id
WHERE order_id = %(order_id)s ORDER BY starts_at, item.event_id, item_no

-- name: get_draws
-- All that some orders hold, or have sold, of each row of stock.
SELECT coalesce(array_agg((pool_id, row_no, quantity)::draw), '{}')::text AS draws FROM (
    SELECT pool_id, row_no, sum(quantity)::integer AS quantity FROM orders CROSS JOIN unnest(draws)
    WHERE orders.id = ANY(%(ids)s) GROUP BY pool_id, row_no
) AS held

-- name: set_draws
UPDATE orders SET draws = %(draws)s::draw[] WHERE id = %(id)s

-- name: give_back_draws
-- The order gives back some of its draws, or all of them; answers those.
WITH returned AS MATERIALIZED (
    SELECT draw.pool_id, draw.row_no, draw.quantity,
        CASE WHEN %(everything)s THEN draw.quantity ELSE coalesce(given.quantity, 0) END AS back
    FROM orders CROSS JOIN unnest(draws) AS draw
        LEFT JOIN unnest(%(pool_ids)s::uuid[], %(quantities)s::integer[]) AS given (pool_id, quantity) USING (pool_id)
    WHERE orders.id = %(id)s
), kept AS (
    UPDATE orders SET draws = (
        SELECT coalesce(array_agg((pool_id, row_no, quantity - back)::draw), '{}') FROM returned WHERE quantity > back
    ) WHERE id = %(id)s
)
SELECT coalesce(array_agg((pool_id, row_no, back)::draw), '{}')::text AS draws FROM returned WHERE back > 0

-- name: list_lapsed_orders
-- A batch of lapsed holds. While a payment is open, the order waits until its provider has been asked, which closes it,
-- but not for ever: a provider may be down. They are looked up in the range of the index that has each organisation's
-- pending orders, which are few: an index on expires_at would cost every purchase a tenth.
SELECT pending.id FROM organisations CROSS JOIN LATERAL (
    SELECT id FROM orders
    WHERE organisation_id = organisations.id
        AND (status, id) >= ('pending', '00000000-0000-0000-0000-000000000000'::uuid)
        AND (status, id) <= ('pending', 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
        AND expires_at <= %(now)s AND id <> ALL(%(left)s)
        AND (expires_at <= %(grace_cutoff)s OR NOT EXISTS (
            SELECT FROM payments WHERE order_id = orders.id AND payments.status = 'pending'))
    ORDER BY status, id LIMIT %(batch)s
) AS pending LIMIT %(batch)s

-- name: lock_lapsed_orders
-- Those of some orders whose hold has lapsed. What somebody is paying or cancelling right now is left to them.
SELECT id FROM orders
WHERE id = ANY(%(ids)s) AND status = 'pending' AND expires_at <= %(now)s
    AND (expires_at <= %(grace_cutoff)s OR NOT EXISTS (
        SELECT FROM payments WHERE order_id = orders.id AND payments.status = 'pending'))
ORDER BY id FOR NO KEY UPDATE SKIP LOCKED

-- name: set_expired
-- Ends lapsed orders, with their history; answers what organisations that listen are told.
WITH expired AS (
    UPDATE orders SET status = 'expired' WHERE id = ANY(%(ids)s)
    RETURNING id, organisation_id, number, status, currency, total
), noted AS (
    INSERT INTO order_history (order_id, from_status, to_status, reason)
    SELECT id, 'pending', status, 'the hold lapsed' FROM expired
)
SELECT organisation_id, jsonb_build_object('order_id', expired.id, 'number', number, 'status', expired.status,
    'currency', currency, 'total', total, 'event_ids', (
        SELECT jsonb_agg(DISTINCT event_id) FROM order_items WHERE order_id = expired.id)) AS facts
FROM expired JOIN organisations ON organisations.id = organisation_id WHERE webhooks
