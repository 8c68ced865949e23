-- Statements on orders.

-- name: list_sale_terms
-- The sale terms of some ticket types, in the order of the ids, with the terms of the platform's fee if there are any.
-- Hidden ticket types are among them: the caller checks that a voucher unlocks them. Stock is not read.
SELECT ticket_types.id AS ticket_type_id, ticket_types.name AS ticket_type_name, event_id, title AS event_title,
    organisation_id, currency, price AS unit_price, sales_start AS on_sale_from,
    least(coalesce(sales_end, ends_at), ends_at) AS on_sale_until, min_per_order, max_per_order, max_per_buyer,
    ticket_mode, hidden, seated, pool_id, pool.row_count AS pool_rows, capacity_pool_id,
    capacity.row_count AS capacity_rows, organisations.status = 'approved' AS seller_sells,
    asks_challenge, confirm_free_orders, form, fee.id AS terms_id, fee.basis_points AS fee_basis_points,
    fee.fixed AS fee_fixed, fee.minimum AS fee_minimum, fee.maximum AS fee_maximum
FROM ticket_types JOIN events ON events.id = event_id JOIN organisations ON organisations.id = organisation_id
    JOIN stock_pools AS pool ON pool.id = pool_id
    LEFT JOIN stock_pools AS capacity ON capacity.id = capacity_pool_id
    LEFT JOIN LATERAL (
        SELECT id, basis_points, fixed, minimum, maximum FROM fee_terms
        WHERE organisation_id IN (events.organisation_id, '00000000-0000-0000-0000-000000000000')
            AND fee_terms.currency = events.currency AND replaced_at IS NULL
        ORDER BY organisation_id DESC LIMIT 1
    ) AS fee ON true
WHERE ticket_types.id = ANY(%(ticket_type_ids)s) AND ticket_types.deleted_at IS NULL
    AND events.status = 'published' AND events.deleted_at IS NULL
ORDER BY array_position(%(ticket_type_ids)s, ticket_types.id)

-- name: get_organisation
-- The organisation that some ticket types belong to, whatever has become of them.
SELECT organisation_id FROM ticket_types JOIN events ON events.id = event_id
WHERE ticket_types.id = ANY(%(ticket_type_ids)s) ORDER BY organisation_id LIMIT 1

-- name: place_order
-- Hold stock and insert the order with its item, all or nothing, in one statement.
-- The search for a row of stock begins at the row `start`, and continues from row 0 after the last one. It takes the
-- first row that has enough and that no transaction has locked, so a purchase never waits for stock. If there is no
-- such row, nothing is inserted and the answer is false (decision 2).
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
        ARRAY[(%(pool_id)s, row_no, %(quantity)s)::draw], %(request_id)s, %(fingerprint)s, %(expires_at)s,
        %(created_at)s
    FROM taken
), item AS (
    INSERT INTO order_items (order_id, item_no, is_group, event_id, ticket_type_id, quantity, unit_price, discount,
        total, terms_id, buyer_fee, tax, platform_fee)
    SELECT %(id)s, 1, %(is_group)s, %(event_id)s, %(ticket_type_id)s, %(quantity)s, %(unit_price)s, %(discount)s,
        %(total)s, %(terms_id)s, %(buyer_fee)s, %(tax)s, %(platform_fee)s
    FROM taken
)
SELECT EXISTS (SELECT FROM taken)

-- name: place_cart
-- The general form of place_order: several items, or several pools. place_order has nothing to unnest, so its plan is
-- half as large. With it 64 connections sell a tenth more (decision 3).
WITH draw AS MATERIALIZED (
    SELECT * FROM unnest(%(pool_ids)s::uuid[], %(draw_quantities)s::integer[], %(starts)s::integer[])
        AS draw (pool_id, quantity, start)
    -- A LIMIT without effect, as a row estimate for the planner: it expects one draw, not ten, and finds rows by key.
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
    INSERT INTO order_items (order_id, item_no, is_group, event_id, ticket_type_id, quantity, unit_price, discount,
        total, terms_id, buyer_fee, tax, platform_fee)
    SELECT %(id)s, item_no, is_group, event_id, ticket_type_id, quantity, unit_price, discount, total, terms_id,
        buyer_fee, tax, platform_fee
    FROM unnest(%(are_groups)s::boolean[], %(event_ids)s::uuid[], %(ticket_type_ids)s::uuid[],
        %(quantities)s::integer[], %(unit_prices)s::bigint[], %(discounts)s::bigint[], %(totals)s::bigint[],
        %(terms_ids)s::uuid[], %(buyer_fees)s::bigint[], %(taxes)s::bigint[], %(platform_fees)s::bigint[])
        WITH ORDINALITY AS item (is_group, event_id, ticket_type_id, quantity, unit_price, discount, total, terms_id,
            buyer_fee, tax, platform_fee, item_no)
    WHERE EXISTS (SELECT FROM complete)
)
SELECT EXISTS (SELECT FROM complete)

-- name: hold_for_guest
-- Count what a guest's order will hold, within the budgets of its kind. If one is used up, the answer says which, how
-- much of it is used, and after how many seconds the earliest hold ends. Nothing is counted then. As a rule the hold is
-- a long one, and the answer null: it costs the caller the least.
SELECT CASE WHEN hold_ends IS DISTINCT FROM %(long_until)s THEN to_jsonb(hold) END
FROM hold_for_guest(%(order_id)s, %(request_id)s, %(network)s, %(mailbox)s, %(is_free)s, %(event_ids)s::uuid[],
    %(pool_ids)s::uuid[], %(quantities)s::integer[], (%(limits)s::integer[])[1], (%(limits)s::integer[])[2],
    (%(limits)s::integer[])[3], (%(limits)s::integer[])[4], (%(limits)s::integer[])[5], %(long_until)s,
    %(short_until)s) AS hold

-- name: release_guest_hold
-- Release the hold of an order, unless it was placed.
DELETE FROM guest_holds
WHERE order_id = %(order_id)s AND NOT EXISTS (SELECT FROM orders WHERE id = %(order_id)s)

-- name: keep_guest_hold
UPDATE guest_holds SET until = now() + %(time)s WHERE order_id = %(order_id)s

-- name: list_over_guest_holds
-- A batch of holds that are over, but for those of pending orders, which end with these. The table is small, and has no
-- index on the time, so that a purchase stays cheap.
SELECT order_id AS id FROM guest_holds
WHERE until <= now() AND order_id <> ALL(%(leave_out)s)
    AND NOT EXISTS (SELECT FROM orders WHERE id = order_id AND status = 'pending')
LIMIT %(batch)s

-- name: delete_over_guest_holds
DELETE FROM guest_holds
WHERE order_id = ANY(%(order_ids)s) AND until <= now()
    AND NOT EXISTS (SELECT FROM orders WHERE id = order_id AND status = 'pending')

-- name: lock_buyer
-- Lock the keys of a buyer until the transaction ends, so that purchases of one buyer run one after another.
SELECT pg_advisory_xact_lock(hash) FROM (
    SELECT hashtextextended(key, 0) AS hash FROM unnest(%(keys)s::text[]) AS key ORDER BY hash
) AS hashes

-- name: list_quantities_of_buyer
-- How much a buyer has of some ticket types and vouchers, in live orders of the account or of the mailbox. Orders count
-- whose buyer was erased since. The order `id` does not. Others may order in a buyer's name. Once a buyer has proved
-- that they read the mailbox, only those of its orders count that were paid for or proven by a link. So do those of an
-- account that has proved it.
WITH proof AS MATERIALIZED (
    SELECT %(is_proven)s OR EXISTS (
        SELECT FROM accounts
        WHERE id = %(account_id)s AND email_verified_at IS NOT NULL AND mailbox_of(email) = %(mailbox)s) AS is_proven
), live_orders AS MATERIALIZED (
    SELECT id, voucher_id FROM orders CROSS JOIN proof
    WHERE organisation_id = %(organisation_id)s AND mailbox_of(buyer_email) = %(mailbox)s AND id <> %(id)s
        AND status IN ('pending', 'paid', 'partially_refunded')
        AND (NOT is_proven OR status <> 'pending' AND (total > 0 OR EXISTS (
            SELECT FROM order_history WHERE order_id = orders.id AND reason = ANY(%(proven)s)))
            OR EXISTS (
                SELECT FROM accounts
                WHERE id = orders.account_id AND email_verified_at IS NOT NULL AND mailbox_of(email) = %(mailbox)s))
    UNION
    SELECT id, voucher_id FROM orders
    WHERE account_id = %(account_id)s AND organisation_id = %(organisation_id)s AND id <> %(id)s
        AND status IN ('pending', 'paid', 'partially_refunded')
    UNION
    SELECT id, voucher_id FROM erased_buyers JOIN orders ON orders.id = order_id
    WHERE address_mac = ANY(%(mailbox_macs)s) AND organisation_id = %(organisation_id)s AND id <> %(id)s
        AND status IN ('pending', 'paid', 'partially_refunded')
)
SELECT ticket_type_id AS subject_id, sum(kept_quantity(item.order_id, item.item_no, quantity))::integer AS quantity
FROM live_orders JOIN order_items AS item ON item.order_id = live_orders.id
WHERE ticket_type_id = ANY(%(subject_ids)s) GROUP BY ticket_type_id
UNION ALL
SELECT voucher_id, count(*)::integer FROM live_orders WHERE voucher_id = ANY(%(subject_ids)s) GROUP BY voucher_id

-- name: list_buyer_limits
-- The limits per buyer of an order's ticket types and voucher, where there are any. Refunded tickets do not count.
SELECT ticket_types.id AS subject_id, name, kept_quantity(order_id, item_no, quantity) AS quantity, max_per_buyer
FROM order_items JOIN ticket_types ON ticket_types.id = ticket_type_id
WHERE order_id = %(id)s AND max_per_buyer IS NOT NULL
UNION ALL
SELECT vouchers.id, code, 1, max_per_buyer FROM orders JOIN vouchers ON vouchers.id = voucher_id
WHERE orders.id = %(id)s AND max_per_buyer IS NOT NULL

-- name: get_request
-- The order that a request has placed. A repeat of the request finds it here.
SELECT fingerprint, jsonb_build_object('id', id) AS response FROM orders WHERE request_id = %(request_id)s

-- name: get_order
-- An order by its id or its number. The service then decides what the caller may see of it.
SELECT orders.id, number, organisation_id, account_id, status, buyer_name, buyer_email, buyer_phone, currency, total,
    subtotal, discount, voucher_id, expires_at, created_at, version, email_changes,
    (SELECT expires_at FROM one_time_tokens
    WHERE order_id = orders.id AND purpose = 'change order email' AND one_time_tokens.expires_at > now()
    LIMIT 1) AS email_change_expires_at,
    (SELECT code FROM vouchers WHERE vouchers.id = voucher_id) AS voucher,
    (SELECT reason FROM suppressed_addresses WHERE address = buyer_email AND lifted_at IS NULL) AS email_problem,
    coalesce((SELECT array_agg(DISTINCT kind ORDER BY kind) FROM money_matters
    WHERE order_id = orders.id AND settled_at IS NULL), '{}') AS money_matters,
    (SELECT coalesce(jsonb_agg(jsonb_build_object('event_id', item.event_id, 'ticket_type_id', ticket_type_id,
        'event_title', title, 'ticket_type_name', name, 'quantity', item.quantity, 'unit_price', unit_price,
        'discount', item.discount, 'total', item.total, 'platform_fee', coalesce(platform_fee, 0),
        'is_group', is_group, 'seats', (
            SELECT coalesce(jsonb_agg(jsonb_build_object('id', seats.id, 'label', label) ORDER BY place), '[]')
            FROM unnest(seat_ids) WITH ORDINALITY AS item_seat (id, place) JOIN seats ON seats.id = item_seat.id
        )) ORDER BY item_no), '[]')
    FROM order_items AS item JOIN ticket_types ON ticket_types.id = ticket_type_id
        JOIN events ON events.id = item.event_id
    WHERE item.order_id = orders.id) AS items,
    (SELECT jsonb_build_object('basis_points', basis_points, 'fixed', fixed, 'minimum', minimum, 'maximum', maximum,
        'return_on_refund', return_on_refund)
    FROM order_items JOIN fee_terms ON fee_terms.id = terms_id
    WHERE order_id = orders.id LIMIT 1) AS platform_fee_terms,
    coalesce(details -> 'answers', '{}') AS answers, coalesce(details -> 'holders', '[]') AS holders,
    (SELECT coalesce(jsonb_agg(jsonb_build_object('id', id, 'ticket_type_id', ticket_type_id, 'group_size', group_size,
        'seat', seat, 'status', status, 'transferred', holder_email IS NOT NULL, 'holder_name', holder_name,
        'holder_contact', holder_contact, 'answers', coalesce(answers, '[]')) ORDER BY item_no, position), '[]')
    FROM tickets WHERE tickets.order_id = orders.id) AS tickets,
    (SELECT coalesce(jsonb_agg(jsonb_build_object('id', id, 'provider', provider, 'status', status) ORDER BY id), '[]')
    FROM payments WHERE payments.order_id = orders.id) AS payments,
    (SELECT coalesce(jsonb_agg(jsonb_build_object('from_status', from_status, 'to_status', to_status, 'reason', reason,
        'actor_id', actor_id, 'at', at) ORDER BY id), '[]')
    FROM order_history WHERE order_history.order_id = orders.id) AS history
FROM order_summaries AS orders WHERE orders.id = %(id)s OR number = %(number)s

-- name: list_orders
-- An organisation's orders, newest first. Each status is read as a range of the index, so a rare status costs no more
-- than the others. With `=` the planner scans all orders by id instead.
SELECT id, number, organisation_id, account_id, status, buyer_name, buyer_email, buyer_phone, currency, total, subtotal,
    discount, voucher_id, expires_at, created_at, version, email_changes,
    (SELECT reason FROM suppressed_addresses WHERE address = buyer_email AND lifted_at IS NULL) AS email_problem,
    coalesce((SELECT array_agg(DISTINCT kind ORDER BY kind) FROM money_matters
    WHERE order_id = order_summaries.id AND settled_at IS NULL), '{}') AS money_matters
FROM (
    SELECT newest.id FROM (
        -- A row estimate, as in place_cart: the planner expects one status, not ten, and keeps one plan for any number.
        SELECT * FROM unnest(%(statuses)s::text[]) LIMIT cardinality(%(statuses)s::text[])
    ) AS requested (status) CROSS JOIN LATERAL (
        SELECT id FROM orders
        WHERE organisation_id = %(organisation_id)s
            AND (orders.status, id) < (requested.status, %(before)s)
            AND (orders.status, id) >= (requested.status, %(after)s)
        ORDER BY orders.status DESC, id DESC LIMIT %(limit)s + 1
    ) AS newest ORDER BY id DESC LIMIT %(limit)s + 1
) AS page JOIN order_summaries USING (id)
ORDER BY id DESC

-- name: list_orders_of_buyer
-- A buyer's orders at an organisation, newest first: all of them, or those with an item of an event.
SELECT id, number, organisation_id, account_id, status, buyer_name, buyer_email, buyer_phone, currency, total, subtotal,
    discount, voucher_id, expires_at, created_at, version, email_changes,
    (SELECT reason FROM suppressed_addresses WHERE address = buyer_email AND lifted_at IS NULL) AS email_problem,
    coalesce((SELECT array_agg(DISTINCT kind ORDER BY kind) FROM money_matters
    WHERE order_id = order_summaries.id AND settled_at IS NULL), '{}') AS money_matters
FROM order_summaries
WHERE organisation_id = %(organisation_id)s AND mailbox_of(buyer_email) = mailbox_of(%(email)s)
    AND buyer_email = %(email)s AND status = ANY(%(statuses)s) AND id < %(before)s AND id >= %(after)s
    AND (%(event_id)s::uuid IS NULL
        OR EXISTS (SELECT FROM order_items WHERE order_id = order_summaries.id AND event_id = %(event_id)s))
ORDER BY id DESC LIMIT %(limit)s + 1

-- name: list_orders_of_event
-- An organisation's orders that have an item of an event, newest first. An order may have several such items, hence
-- DISTINCT. Orders are looked up one by one, from the newest item on.
SELECT id, number, organisation_id, account_id, status, buyer_name, buyer_email, buyer_phone, currency, total, subtotal,
    discount, voucher_id, expires_at, created_at, version, email_changes,
    (SELECT reason FROM suppressed_addresses WHERE address = buyer_email AND lifted_at IS NULL) AS email_problem,
    coalesce((SELECT array_agg(DISTINCT kind ORDER BY kind) FROM money_matters
    WHERE order_id = orders.id AND settled_at IS NULL), '{}') AS money_matters
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
-- An account's orders, newest first.
SELECT id, number, organisation_id, account_id, status, buyer_name, buyer_email, buyer_phone, currency, total, subtotal,
    discount, voucher_id, expires_at, created_at, version, email_changes,
    (SELECT reason FROM suppressed_addresses WHERE address = buyer_email AND lifted_at IS NULL) AS email_problem,
    NULL::text[] AS money_matters
FROM order_summaries WHERE account_id = %(account_id)s AND id < %(before)s
ORDER BY id DESC LIMIT %(limit)s + 1

-- name: get_order_row
-- An order without its items.
SELECT id, number, organisation_id, account_id, status, buyer_name, buyer_email, buyer_phone, currency, total,
    voucher_id, expires_at, created_at, version, email_changes
FROM orders WHERE id = %(id)s

-- name: get_processing_payment
-- The payment of an order whose money is under way for days, if there is one.
SELECT id FROM payments WHERE order_id = %(order_id)s AND status = 'processing' LIMIT 1

-- name: set_hold_end
-- Set until when a pending order holds its stock.
UPDATE orders SET expires_at = %(expires_at)s WHERE id = %(id)s AND status = 'pending'

-- name: lock_order
-- Lock an order. Wait for whoever has locked it.
SELECT id, number, organisation_id, account_id, status, buyer_name, buyer_email, buyer_phone, currency, total,
    voucher_id, expires_at, created_at, version, email_changes
FROM orders WHERE id = %(id)s FOR NO KEY UPDATE

-- name: take_order
-- Lock an order, or answer no row if somebody else has locked it.
SELECT id, number, organisation_id, account_id, status, buyer_name, buyer_email, buyer_phone, currency, total,
    voucher_id, expires_at, created_at, version, email_changes
FROM orders WHERE id = %(id)s ORDER BY id FOR NO KEY UPDATE SKIP LOCKED

-- name: set_status
-- Change an order's state, add the history row, and end a guest's hold: of what is paid, or comes back. The answer is
-- the events that the order is for.
WITH updated AS (
    UPDATE orders SET status = %(to_status)s WHERE id = %(id)s
), ended AS (
    DELETE FROM guest_holds
    WHERE order_id = %(id)s AND (NOT is_free OR %(to_status)s IN ('cancelled', 'expired', 'refunded'))
), history AS (
    INSERT INTO order_history (order_id, from_status, to_status, reason, actor_id)
    VALUES (%(id)s, %(from_status)s, %(to_status)s, %(reason)s, %(actor_id)s)
)
SELECT DISTINCT event_id FROM order_items WHERE order_id = %(id)s ORDER BY event_id

-- name: insert_note
-- A history row of something that leaves the order's state as it is.
INSERT INTO order_history (order_id, from_status, to_status, reason, actor_id)
VALUES (%(id)s, %(status)s, %(status)s, %(reason)s, %(actor_id)s)

-- name: set_buyer
-- Set the name and phone of an order's buyer.
UPDATE orders SET buyer_name = %(name)s, buyer_phone = %(phone)s WHERE id = %(id)s

-- name: set_email
-- Give an order to another address. If that ends the links before, email_changes grows by one.
UPDATE orders SET buyer_email = %(email)s, email_changes = email_changes + %(ended)s WHERE id = %(id)s

-- name: list_asked_items
-- The items of an order, with what their events ask. An event without a time for its doors opens them when it starts.
SELECT item.event_id, ticket_type_id, CASE WHEN is_group THEN 1 ELSE quantity END AS tickets, form,
    now() >= coalesce(doors_open_at, starts_at) AS doors_are_open
FROM order_items AS item JOIN events ON events.id = item.event_id WHERE order_id = %(id)s ORDER BY item_no

-- name: get_details
SELECT details FROM orders WHERE id = %(id)s

-- name: set_details
UPDATE orders SET details = %(details)s WHERE id = %(id)s

-- name: hand_over_holders
-- The holders that an order has named are on its tickets now.
UPDATE orders SET details = nullif(details - 'holders', '{}') WHERE id = %(id)s

-- name: increment_version
UPDATE orders SET version = version + 1 WHERE id = %(id)s

-- name: is_buyer_told
-- True if an email about an order was written to its buyer's address.
SELECT EXISTS (
    SELECT FROM outbox
    WHERE recipient = %(email)s AND (payload ->> 'order_id')::uuid = %(order_id)s)

-- name: set_seats
-- Store with each item of an order which seats it took. The order of seats decides which ticket is for which. So those
-- that the buyer has named with their holders keep their order.
UPDATE order_items AS item SET seat_ids = (
    SELECT array_agg(seats.id ORDER BY array_position(%(named)s::uuid[], seats.id), rank, position)
    FROM seats JOIN seat_rows ON seat_rows.id = row_id
    WHERE owner_id = %(id)s AND seat_rows.ticket_type_id = item.ticket_type_id
) WHERE order_id = %(id)s

-- name: list_draws
-- What an order takes from each pool when it takes its stock again. The pools are those of its ticket types, of the
-- capacities of their events, and of its voucher. There is no row if the seller, an event or a ticket type no longer
-- sells.
-- Nor is there one if a ticket type has become seated since, because the order has no seats.
SELECT pool_id, sum(quantity)::integer AS quantity, 0 AS start FROM (
    SELECT pool_id, quantity FROM order_items JOIN ticket_types ON ticket_types.id = ticket_type_id
    WHERE order_id = %(id)s
    UNION ALL
    SELECT capacity_pool_id, quantity FROM order_items JOIN events ON events.id = event_id
    WHERE order_id = %(id)s AND capacity_pool_id IS NOT NULL
    UNION ALL
    SELECT pool_id, 1 FROM orders JOIN vouchers ON vouchers.id = voucher_id WHERE orders.id = %(id)s
) AS item_draw
WHERE NOT EXISTS (
    SELECT FROM order_items JOIN events ON events.id = order_items.event_id
        JOIN ticket_types ON ticket_types.id = ticket_type_id JOIN organisations ON organisations.id = organisation_id
    WHERE order_id = %(id)s AND (organisations.status <> 'approved' OR events.status <> 'published'
        OR ends_at <= now() OR events.deleted_at IS NOT NULL
        OR ticket_types.deleted_at IS NOT NULL OR seated AND seat_ids IS NULL))
GROUP BY pool_id ORDER BY pool_id

-- name: get_order_for_email
-- What emails say of an order.
SELECT orders.id, number, currency, total, email_changes, organisations.name AS seller,
    contact_email AS seller_contact,
    (SELECT code FROM vouchers WHERE vouchers.id = voucher_id) AS voucher,
    (SELECT min(at) FROM order_history WHERE order_id = orders.id AND to_status = 'paid') AS paid_at
FROM order_summaries AS orders JOIN organisations ON organisations.id = organisation_id WHERE orders.id = %(id)s

-- name: get_order_change_for_email
-- What emails say of an order whose address changes.
SELECT number, organisations.name AS seller, contact_email
FROM orders JOIN organisations ON organisations.id = organisation_id WHERE orders.id = %(id)s

-- name: list_items_for_email
-- What emails say of an order's items and their events.
SELECT item.event_id, events.version AS event_version, title AS event_title, venue_name, venue_address, city, time_zone,
    starts_at, ends_at, doors_open_at, organisations.name AS seller, contact_email AS seller_contact,
    item.ticket_type_id, ticket_types.name AS ticket_type_name, quantity, unit_price, discount, buyer_fee, tax, total
FROM order_items AS item JOIN events ON events.id = item.event_id JOIN ticket_types ON ticket_types.id = ticket_type_id
    JOIN organisations ON organisations.id = events.organisation_id
WHERE order_id = %(order_id)s ORDER BY starts_at, item.event_id, item_no

-- name: get_draws
-- The sum of what some orders have of each row of stock, held or sold.
SELECT coalesce(array_agg((pool_id, row_no, quantity)::draw), '{}')::text AS draws FROM (
    SELECT pool_id, row_no, sum(quantity)::integer AS quantity FROM orders CROSS JOIN unnest(draws)
    WHERE orders.id = ANY(%(ids)s) GROUP BY pool_id, row_no
) AS held

-- name: set_draws
-- Store what an order holds of each row of stock.
UPDATE orders SET draws = %(draws)s::draw[] WHERE id = %(id)s

-- name: give_back_draws
-- Take some of an order's draws away from it, or all of them. The answer is what was taken away.
WITH reduction AS MATERIALIZED (
    SELECT draw.pool_id, draw.row_no, draw.quantity AS before,
        CASE WHEN %(everything)s THEN draw.quantity ELSE coalesce(given_back.quantity, 0) END AS less
    FROM orders CROSS JOIN unnest(draws) AS draw
        LEFT JOIN unnest(%(pool_ids)s::uuid[], %(quantities)s::integer[]) AS given_back (pool_id, quantity)
            USING (pool_id)
    WHERE orders.id = %(id)s
), updated AS (
    UPDATE orders SET draws = (
        SELECT coalesce(array_agg((pool_id, row_no, before - less)::draw), '{}') FROM reduction WHERE before > less
    ) WHERE id = %(id)s
)
SELECT coalesce(array_agg((pool_id, row_no, less)::draw), '{}')::text AS draws FROM reduction WHERE less > 0

-- name: list_lapsed_orders
-- A batch of orders whose hold has lapsed. An order with an open payment is left out until we have asked the provider
-- after the hold, and it knows of no money. After the grace period, the order does not wait any longer. The search
-- reads each organisation's pending orders, which are few, in a range of an index. An index on expires_at would slow
-- down every purchase by a tenth.
-- The weight is the quantity of an order's items, where entries of the waitlist wait for their events.
SELECT pending.id, greatest(1, (
    SELECT sum(quantity)::integer FROM order_items
    WHERE order_id = pending.id AND EXISTS (
        SELECT FROM waitlist_entries WHERE event_id = order_items.event_id AND status = 'waiting')
)) AS weight
FROM organisations CROSS JOIN LATERAL (
    SELECT id FROM orders
    WHERE organisation_id = organisations.id
        AND (status, id) >= ('pending', '00000000-0000-0000-0000-000000000000'::uuid)
        AND (status, id) <= ('pending', 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
        AND expires_at <= %(now)s AND id <> ALL(%(leave_out)s)
        AND (expires_at <= %(grace_cutoff)s OR NOT EXISTS (
            SELECT FROM payments WHERE order_id = orders.id AND ask_at IS NOT NULL
                AND coalesce(unpaid_at < expires_at, true)))
    ORDER BY status, id LIMIT %(batch)s
) AS pending LIMIT %(batch)s

-- name: lock_lapsed_orders
-- Lock those of some orders that list_lapsed_orders would list. One that somebody is paying or cancelling is left out.
SELECT id FROM orders
WHERE id = ANY(%(ids)s) AND status = 'pending' AND expires_at <= %(now)s
    AND (expires_at <= %(grace_cutoff)s OR NOT EXISTS (
        SELECT FROM payments WHERE order_id = orders.id AND ask_at IS NOT NULL
            AND coalesce(unpaid_at < expires_at, true)))
ORDER BY id FOR NO KEY UPDATE SKIP LOCKED

-- name: take_payments_to_close
-- Ask the providers about an order's open payments now, which closes them. Payments are locked before their order. So
-- one that somebody has locked is left out here. Its own time comes when the hold ends at the latest.
WITH open AS MATERIALIZED (
    SELECT id FROM payments WHERE order_id = %(order_id)s AND ask_at IS NOT NULL
    ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE payments SET ask_at = now() FROM open WHERE payments.id = open.id

-- name: set_expired
-- Expire some orders, add their history rows, and end the holds of guests. The answer is each order of an organisation
-- that listens, with what its webhook says.
WITH expired AS (
    UPDATE orders SET status = 'expired' WHERE id = ANY(%(ids)s)
    RETURNING id, organisation_id, number, status, currency, total
), ended AS (
    DELETE FROM guest_holds WHERE order_id = ANY(%(ids)s)
), history AS (
    INSERT INTO order_history (order_id, from_status, to_status, reason)
    SELECT id, 'pending', status, 'the hold lapsed' FROM expired
)
SELECT organisation_id, expired.id AS order_id, number, expired.status, currency, total, (
    SELECT array_agg(DISTINCT event_id) FROM order_items WHERE order_id = expired.id) AS event_ids
FROM expired WHERE EXISTS (
    SELECT FROM webhook_endpoints AS endpoint
    WHERE endpoint.organisation_id = expired.organisation_id AND listens(endpoint, 'order.expired'))

-- name: take_ended_orders
-- Lock those of some orders that nothing is under way for: they are not pending, and no payment is open. An order that
-- somebody has locked is left for later, and one that was erased before is left out.
SELECT id AS order_id, buyer_email AS email FROM orders
WHERE id = ANY(%(ids)s) AND status <> 'pending' AND buyer_email <> concat(id, %(at_erased)s::text)
    AND NOT EXISTS (SELECT FROM payments WHERE order_id = orders.id AND ask_at IS NOT NULL)
ORDER BY id FOR NO KEY UPDATE SKIP LOCKED

-- name: insert_erased_buyers
-- Limits per buyer go on counting an order, until its last event is over.
INSERT INTO erased_buyers (address_mac, order_id, until)
SELECT DISTINCT ON (address_mac, buyer.order_id) address_mac, buyer.order_id, ends_at
FROM unnest(%(address_macs)s::bytea[], %(order_ids)s::uuid[]) AS buyer (address_mac, order_id)
    JOIN order_items ON order_items.order_id = buyer.order_id JOIN events ON events.id = event_id
WHERE ends_at > now() ORDER BY address_mac, buyer.order_id, ends_at DESC
ON CONFLICT (address_mac, order_id) DO NOTHING

-- name: erase_buyers
-- Erase who placed some orders, which the transaction has locked. What was bought and paid stays.
UPDATE orders SET account_id = NULL, buyer_name = %(erased_name)s, buyer_email = concat(id, %(at_erased)s::text),
    buyer_phone = NULL, details = NULL
WHERE id = ANY(%(ids)s)

-- name: list_forgotten_buyers
-- A batch of erased buyers that no limit needs any more.
SELECT order_id AS id FROM erased_buyers WHERE until <= now() AND order_id <> ALL(%(leave_out)s)
ORDER BY until LIMIT %(batch)s

-- name: delete_forgotten_buyers
DELETE FROM erased_buyers WHERE order_id = ANY(%(ids)s) AND until <= now()

-- name: list_orders_of_address
-- The newest orders that an address has bought, at all organisations, with the events that they are for.
SELECT orders.id, number, email_changes, organisations.name AS seller, (
    SELECT array_agg(title ORDER BY starts_at) FROM (
        SELECT DISTINCT title, starts_at FROM order_items JOIN events ON events.id = event_id WHERE order_id = orders.id
    ) AS item_event
) AS titles
FROM (
    SELECT bought.id FROM organisations CROSS JOIN LATERAL (
        SELECT id FROM orders
        WHERE organisation_id = organisations.id AND mailbox_of(buyer_email) = mailbox_of(%(email)s)
            AND buyer_email = %(email)s AND status IN ('paid', 'partially_refunded', 'refunded')
        ORDER BY id DESC LIMIT %(most)s
    ) AS bought ORDER BY bought.id DESC LIMIT %(most)s
) AS newest JOIN orders USING (id) JOIN organisations ON organisations.id = organisation_id ORDER BY orders.id DESC

-- name: list_orders_to_tell
-- A batch of the orders of an event, paid or not, in the order of an index.
SELECT DISTINCT order_id AS id FROM order_items
WHERE event_id = %(event_id)s AND order_id > %(after)s ORDER BY order_id LIMIT %(limit)s

-- name: list_holders_to_tell
-- Who has a valid ticket of an event from some orders, bought before a moment: the buyers, then the other holders.
WITH valid AS MATERIALIZED (
    SELECT id, order_id, holder_email FROM tickets
    WHERE order_id = ANY(%(order_ids)s) AND event_id = %(event_id)s AND status = 'valid' AND created_at <= %(seen_at)s
)
SELECT buyer_email AS email, id AS order_id, NULL::uuid AS ticket_id FROM orders
WHERE id = ANY(%(order_ids)s) AND EXISTS (SELECT FROM valid WHERE order_id = orders.id)
UNION ALL
SELECT holder_email, NULL, id FROM valid WHERE holder_email IS NOT NULL

-- name: get_order_to_tell
-- Since when the buyer of an order has tickets for it. Nothing if they have none any more.
SELECT min(tickets.created_at) AS since
FROM orders JOIN tickets ON tickets.order_id = orders.id
WHERE orders.id = %(order_id)s AND buyer_email = %(email)s AND event_id = %(event_id)s AND tickets.status = 'valid'
HAVING count(*) > 0

-- name: get_ticket_to_tell
-- Since when an address holds a ticket that has passed to it. Nothing if it does not any more.
SELECT accepted_at AS since, tickets.transfer_count
FROM tickets JOIN transfers ON ticket_id = tickets.id AND transfers.transfer_count = tickets.transfer_count
WHERE tickets.id = %(ticket_id)s AND holder_email = %(email)s AND tickets.status = 'valid'

-- name: get_event_for_email
-- What emails say of an event. It is on if it is neither cancelled nor over.
SELECT events.id AS event_id, events.version AS event_version, title AS event_title, venue_name, venue_address, city,
    time_zone, starts_at, ends_at, doors_open_at, organisations.name AS seller, contact_email AS seller_contact,
    events.status = 'published' AND deleted_at IS NULL AND ends_at > now() AS is_on
FROM events JOIN organisations ON organisations.id = organisation_id WHERE events.id = %(id)s

-- name: list_events_to_remind_of
-- The events of the next two days whose holders are not all reminded, the next one first. The job decides which are due
-- by the clocks of their venues.
SELECT events.id, events.starts_at, time_zone FROM events LEFT JOIN reminders ON event_id = events.id
WHERE events.status = 'published' AND deleted_at IS NULL AND reminds_holders
    AND events.starts_at BETWEEN now() AND now() + interval '2 days'
    AND (finished_at IS NULL OR reminders.starts_at <> events.starts_at) AND events.id <> ALL(%(leave_out)s)
ORDER BY events.starts_at, events.id

-- name: insert_reminder
INSERT INTO reminders (event_id, starts_at) VALUES (%(event_id)s, %(starts_at)s) ON CONFLICT DO NOTHING

-- name: take_reminder
-- How far the holders of an event are reminded, unless another run reminds them.
SELECT starts_at, last_order_id, finished_at FROM reminders
WHERE event_id = %(event_id)s ORDER BY event_id FOR NO KEY UPDATE SKIP LOCKED

-- name: set_reminder
UPDATE reminders SET starts_at = %(starts_at)s, last_order_id = %(last_order_id)s, finished_at = %(finished_at)s
WHERE event_id = %(event_id)s

-- name: list_holders_to_remind
-- Who has a valid ticket of an event from some orders, and got it by a moment. That is the buyer of each order, and
-- whoever has got tickets of it from them, with one of these tickets.
SELECT order_id, coalesce(holder_email, buyer_email) AS email,
    CASE WHEN holder_email IS NOT NULL THEN (array_agg(tickets.id ORDER BY item_no, position))[1] END AS ticket_id
FROM tickets JOIN orders ON orders.id = order_id
WHERE order_id = ANY(%(order_ids)s) AND event_id = %(event_id)s AND tickets.status = 'valid'
    AND tickets.created_at <= %(got_by)s AND NOT EXISTS (
        SELECT FROM transfers WHERE ticket_id = tickets.id AND accepted_at > %(got_by)s)
GROUP BY order_id, buyer_email, holder_email ORDER BY order_id, holder_email

-- name: list_tickets_to_remind_of
-- The valid tickets that have passed to an address, of the order of one of them.
SELECT others.order_id, others.id FROM tickets JOIN tickets AS others ON others.order_id = tickets.order_id
WHERE tickets.id = %(ticket_id)s AND tickets.holder_email = %(email)s AND others.holder_email = %(email)s
    AND others.status = 'valid'

-- name: get_email_problem
-- Why nobody writes to an address any more, if so.
SELECT reason FROM suppressed_addresses WHERE address = %(address)s AND lifted_at IS NULL
