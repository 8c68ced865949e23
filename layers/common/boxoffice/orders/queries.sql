-- Statements on orders.

-- name: list_offers
-- What the public can buy, with the terms; reads no stock.
SELECT ticket_types.id AS ticket_type_id, ticket_types.name AS ticket_type_name, event_id, title AS event_title,
    organisation_id, currency, price AS unit_price, sales_start AS on_sale_from,
    least(coalesce(sales_end, ends_at), ends_at) AS on_sale_until, min_per_order, max_per_order, pool_id,
    row_count AS pool_rows
FROM ticket_types JOIN events ON events.id = event_id JOIN stock_pools ON stock_pools.id = pool_id
WHERE ticket_types.id = ANY(%(ticket_type_ids)s) AND NOT hidden AND ticket_types.deleted_at IS NULL
    AND status = 'published' AND events.deleted_at IS NULL

-- name: place_order
-- The purchase: hold stock, write the order and its items, all or nothing, in one statement.
-- Of each pool it takes the first row from home on, around the end, that has enough and that nobody holds: it never waits
-- for stock. Unless a row was found for every draw nothing is written, and the answer is false.
WITH draw AS MATERIALIZED (
    SELECT * FROM unnest(%(pool_ids)s::uuid[], %(draw_quantities)s::integer[], %(homes)s::integer[])
        AS draw (pool_id, quantity, home)
    -- This takes nothing away: it lets the planner expect one draw, not ten, and so look up each stock row by its key.
    LIMIT cardinality(%(pool_ids)s::uuid[])
), taken AS MATERIALIZED (
    SELECT pool_id, quantity, coalesce(
        (SELECT row_no FROM stock
        WHERE stock.pool_id = draw.pool_id AND row_no >= draw.home AND available >= draw.quantity
        ORDER BY row_no LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED),
        (SELECT row_no FROM stock
        WHERE stock.pool_id = draw.pool_id AND row_no < draw.home AND available >= draw.quantity
        ORDER BY row_no LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED)
    ) AS row_no FROM draw
), complete AS MATERIALIZED (
    SELECT array_agg((pool_id, row_no, quantity)::draw) AS draws FROM taken HAVING count(row_no) = count(*)
), held AS (
    UPDATE stock SET available = stock.available - taken.quantity, held = stock.held + taken.quantity
    FROM taken WHERE stock.pool_id = taken.pool_id AND stock.row_no = taken.row_no AND EXISTS (SELECT FROM complete)
), placed AS (
    INSERT INTO orders (id, number, organisation_id, account_id, status, buyer_name, buyer_email, buyer_phone, currency,
        total, draws, request_id, fingerprint, expires_at, created_at)
    SELECT %(id)s, %(number)s, %(organisation_id)s, %(account_id)s, 'pending', %(buyer_name)s, %(buyer_email)s,
        %(buyer_phone)s, %(currency)s, %(total)s, draws, %(request_id)s, %(fingerprint)s, %(expires_at)s, %(created_at)s
    FROM complete
), items AS (
    INSERT INTO order_items (order_id, line, event_id, ticket_type_id, quantity, unit_price)
    SELECT %(id)s, line, event_id, ticket_type_id, quantity, unit_price
    FROM unnest(%(event_ids)s::uuid[], %(ticket_type_ids)s::uuid[], %(quantities)s::integer[], %(unit_prices)s::bigint[])
        WITH ORDINALITY AS item (event_id, ticket_type_id, quantity, unit_price, line)
    WHERE EXISTS (SELECT FROM complete)
)
SELECT EXISTS (SELECT FROM complete)

-- name: get_request
-- The order that a request placed, for its repeats.
SELECT fingerprint, jsonb_build_object('id', id) AS response FROM orders WHERE request_id = %(request_id)s

-- name: get_order
-- By id or by number; what the caller may see is decided with the row in hand.
SELECT orders.*,
    (SELECT coalesce(jsonb_agg(jsonb_build_object('event_id', item.event_id, 'ticket_type_id', ticket_type_id,
        'event_title', title, 'ticket_type_name', name, 'quantity', item.quantity, 'unit_price', unit_price)
        ORDER BY line), '[]')
    FROM order_items AS item JOIN ticket_types ON ticket_types.id = ticket_type_id
        JOIN events ON events.id = item.event_id
    WHERE item.order_id = orders.id) AS items,
    (SELECT coalesce(jsonb_agg(jsonb_build_object('id', id, 'ticket_type_id', ticket_type_id, 'status', status)
        ORDER BY line, position), '[]')
    FROM tickets WHERE tickets.order_id = orders.id) AS tickets,
    (SELECT coalesce(jsonb_agg(jsonb_build_object('id', id, 'provider', provider, 'status', status) ORDER BY id), '[]')
    FROM payments WHERE payments.order_id = orders.id) AS payments
FROM orders WHERE orders.id = %(id)s OR number = %(number)s

-- name: list_orders
-- An organisation's orders, newest first. Each status is a range of the index, so a rare one costs no more than the others.
SELECT newest.* FROM unnest(%(statuses)s::text[]) AS wanted (status) CROSS JOIN LATERAL (
    SELECT * FROM orders
    WHERE organisation_id = %(organisation_id)s AND orders.status = wanted.status
        AND id < %(before)s AND id >= %(after)s
    ORDER BY id DESC LIMIT %(limit)s + 1
) AS newest ORDER BY id DESC LIMIT %(limit)s + 1

-- name: list_orders_of_buyer
SELECT * FROM orders
WHERE organisation_id = %(organisation_id)s AND buyer_email = %(email)s AND status = ANY(%(statuses)s)
    AND id < %(before)s AND id >= %(after)s
ORDER BY id DESC LIMIT %(limit)s + 1

-- name: list_orders_of_event
-- An order has several items of one event where it holds several of its ticket types.
SELECT orders.* FROM orders JOIN (
    SELECT DISTINCT order_id FROM order_items
    WHERE event_id = %(event_id)s AND order_id < %(before)s AND order_id >= %(after)s
    ORDER BY order_id DESC
) AS item ON item.order_id = orders.id
WHERE organisation_id = %(organisation_id)s AND status = ANY(%(statuses)s)
    AND (%(email)s::text IS NULL OR buyer_email = %(email)s)
ORDER BY orders.id DESC LIMIT %(limit)s + 1

-- name: list_orders_of_account
SELECT * FROM orders WHERE account_id = %(account_id)s AND id < %(before)s
ORDER BY id DESC LIMIT %(limit)s + 1

-- name: get_order_row
SELECT * FROM orders WHERE id = %(id)s

-- name: lock_order
SELECT * FROM orders WHERE id = %(id)s FOR NO KEY UPDATE

-- name: set_status
-- A change of state and its history row.
WITH changed AS (
    UPDATE orders SET status = %(to_status)s WHERE id = %(id)s
)
INSERT INTO order_history (order_id, from_status, to_status, reason, actor_id)
VALUES (%(id)s, %(from_status)s, %(to_status)s, %(reason)s, %(actor_id)s)

-- name: lock_and_sell_stock
-- What the order holds is sold.
WITH locked AS MATERIALIZED (
    SELECT stock.pool_id, stock.row_no, draw.quantity
    FROM orders CROSS JOIN unnest(draws) AS draw
        JOIN stock ON stock.pool_id = draw.pool_id AND stock.row_no = draw.row_no
    WHERE orders.id = %(id)s ORDER BY stock.pool_id, stock.row_no FOR NO KEY UPDATE OF stock
)
UPDATE stock SET held = stock.held - locked.quantity, sold = stock.sold + locked.quantity
FROM locked WHERE stock.pool_id = locked.pool_id AND stock.row_no = locked.row_no

-- name: lock_and_release_stock
-- What the order holds is available again.
WITH locked AS MATERIALIZED (
    SELECT stock.pool_id, stock.row_no, draw.quantity
    FROM orders CROSS JOIN unnest(draws) AS draw
        JOIN stock ON stock.pool_id = draw.pool_id AND stock.row_no = draw.row_no
    WHERE orders.id = %(id)s ORDER BY stock.pool_id, stock.row_no FOR NO KEY UPDATE OF stock
)
UPDATE stock SET held = stock.held - locked.quantity, available = stock.available + locked.quantity
FROM locked WHERE stock.pool_id = locked.pool_id AND stock.row_no = locked.row_no

-- name: list_draws
-- What the order once took from each pool, for taking it again; nothing, if one of the events is off or over by now.
SELECT draw.pool_id, draw.quantity, 0 AS home FROM orders CROSS JOIN unnest(draws) AS draw
WHERE orders.id = %(id)s AND NOT EXISTS (
    SELECT FROM order_items JOIN events ON events.id = order_items.event_id
        JOIN ticket_types ON ticket_types.id = ticket_type_id
    WHERE order_id = %(id)s AND (events.status <> 'published' OR ends_at <= now() OR events.deleted_at IS NOT NULL
        OR ticket_types.deleted_at IS NOT NULL))
ORDER BY draw.pool_id

-- name: hold_again
-- A lapsed order takes stock that was gathered for it, and is held as before.
WITH taken AS MATERIALIZED (
    SELECT * FROM unnest(%(pool_ids)s::uuid[], %(row_nos)s::smallint[], %(quantities)s::integer[])
        AS taken (pool_id, row_no, quantity)
), held AS (
    UPDATE stock SET available = stock.available - taken.quantity, held = stock.held + taken.quantity
    FROM taken WHERE stock.pool_id = taken.pool_id AND stock.row_no = taken.row_no
)
UPDATE orders SET draws = (SELECT array_agg((pool_id, row_no, quantity)::draw) FROM taken) WHERE id = %(id)s

-- name: lock_and_expire_orders
-- A batch of lapsed holds ends, and what they held is available again. Orders that somebody is paying or cancelling right
-- now are left to them. While a payment is open, the order waits until its provider has been asked, which closes it, but
-- not for ever: a provider may be down.
WITH lapsed AS MATERIALIZED (
    SELECT id, draws FROM orders WHERE status = 'pending' AND expires_at <= %(now)s
        AND (expires_at <= %(now)s::timestamptz - interval '15 minutes' OR NOT EXISTS (
            SELECT FROM payments WHERE order_id = orders.id AND payments.status = 'pending'))
    ORDER BY expires_at LIMIT %(batch)s FOR NO KEY UPDATE SKIP LOCKED
), freed AS MATERIALIZED (
    SELECT pool_id, row_no, sum(quantity)::integer AS quantity
    FROM lapsed CROSS JOIN unnest(draws) GROUP BY pool_id, row_no
), locked AS MATERIALIZED (
    SELECT stock.pool_id, stock.row_no, freed.quantity
    FROM freed JOIN stock ON stock.pool_id = freed.pool_id AND stock.row_no = freed.row_no
    ORDER BY stock.pool_id, stock.row_no FOR NO KEY UPDATE OF stock
), returned AS (
    UPDATE stock SET held = stock.held - locked.quantity, available = stock.available + locked.quantity
    FROM locked WHERE stock.pool_id = locked.pool_id AND stock.row_no = locked.row_no
), expired AS (
    UPDATE orders SET status = 'expired' FROM lapsed WHERE orders.id = lapsed.id
)
INSERT INTO order_history (order_id, from_status, to_status, reason)
SELECT id, 'pending', 'expired', 'the hold lapsed' FROM lapsed

-- name: purge_idempotency_keys
-- Keys are kept for two days: a day is promised.
DELETE FROM idempotency_keys WHERE (operation, scope, key) IN (
    SELECT operation, scope, key FROM idempotency_keys WHERE created_at < now() - interval '2 days' LIMIT %(batch)s)
