-- Statements of admins. Those of invariants find up to ten rows that contradict one, all in one snapshot. Most look at
-- a part of the data: some orders, events, pools of stock or places. The others read what is small, or what an index
-- finds.

-- name: allow_time
-- For the transaction: the statements need time, and memory to group what they read. PostgreSQL plans them for each
-- part, since it must know how large that is.
SELECT set_config('statement_timeout', %(seconds)s || 's', true), set_config('work_mem', '128MB', true),
    set_config('plan_cache_mode', 'force_custom_plan', true)

-- name: list_orders_after
-- The ids of orders in their order. An item or a ticket may name an order that is not there: it must be found, too.
SELECT id FROM (
    (SELECT id FROM orders WHERE id > %(after)s ORDER BY id LIMIT %(limit)s)
    UNION (SELECT DISTINCT order_id FROM order_items WHERE order_id > %(after)s ORDER BY order_id LIMIT %(limit)s)
    UNION (SELECT DISTINCT order_id FROM tickets WHERE order_id > %(after)s ORDER BY order_id LIMIT %(limit)s)
) AS named ORDER BY id LIMIT %(limit)s

-- name: list_events_after
-- Of events in their order as many as hold or have sold 100,000 tickets together, but one at the least.
SELECT id FROM (
    SELECT id, sum(taken) OVER (ORDER BY id) - taken AS taken_before FROM (
        SELECT id, (
            SELECT coalesce(sum(held + sold), 0) FROM pools_of_events JOIN stock USING (pool_id)
            WHERE event_id = events.id
        ) AS taken
        FROM events WHERE id > %(after)s ORDER BY id LIMIT %(limit)s
    ) AS next_events
) AS weighed
WHERE taken_before < 100000 ORDER BY id

-- name: list_pools_after
SELECT id FROM stock_pools WHERE id > %(after)s ORDER BY id LIMIT %(limit)s

-- name: list_places_after
SELECT id FROM places WHERE id > %(after)s ORDER BY id LIMIT %(limit)s

-- name: list_days_after
-- The next day (UTC) of the ledger, as the first id that a transfer of it can have.
SELECT first_id(day AT TIME ZONE 'UTC') AS id FROM (
    SELECT coalesce((uuid_extract_timestamp(%(after)s) AT TIME ZONE 'UTC')::date, '2000-01-01') + 1 AS least_day
) AS following CROSS JOIN LATERAL (
    SELECT least(
        (SELECT min(day) FROM ledger_days WHERE day >= least_day),
        (SELECT (uuid_extract_timestamp(id) AT TIME ZONE 'UTC')::date FROM ledger_transfers
        WHERE id >= first_id(least_day::timestamp AT TIME ZONE 'UTC') ORDER BY id LIMIT 1)
    )::timestamp AS day
) AS next_day
WHERE day IS NOT NULL LIMIT %(limit)s

-- name: list_organisations_after
SELECT DISTINCT organisation_id AS id FROM ledger_balances
WHERE organisation_id > %(after)s ORDER BY organisation_id LIMIT %(limit)s

-- name: list_changed_orders
-- The newest orders of those that have changed since a run began: by their own id, by their history, or by rows that
-- are newer.
SELECT id FROM (
    SELECT id FROM orders WHERE id > %(since)s
    UNION SELECT order_id FROM order_history WHERE id > %(after_history)s
    UNION SELECT order_id FROM order_refunds WHERE id > %(since)s
    UNION SELECT order_id FROM payments WHERE id > %(since)s
    UNION SELECT order_id FROM incoming_payments AS incoming JOIN payments ON payments.id = payment_id
    WHERE incoming.id > %(since)s
    UNION SELECT order_id FROM reversals JOIN payments ON payments.id = payment_id WHERE reversals.id > %(since)s
    UNION SELECT order_id FROM transfers JOIN tickets ON tickets.id = ticket_id WHERE transfers.id > %(since)s
    UNION SELECT order_id FROM scans JOIN tickets ON tickets.id = ticket_id WHERE scans.id > %(since)s
) AS changed ORDER BY id DESC LIMIT %(limit)s

-- name: list_changed_events
-- New events, and those whose stock orders and entries of the waitlist have moved.
SELECT id FROM events WHERE id > %(since)s
UNION SELECT event_id FROM order_items WHERE order_id = ANY(%(orders)s)
UNION SELECT event_id FROM waitlist_entries WHERE id > %(since)s OR status = 'offered'

-- name: list_pools_of_events
SELECT pool_id AS id FROM pools_of_events WHERE event_id = ANY(%(events)s)

-- name: list_changed_places
SELECT id FROM places WHERE id > %(since)s
UNION SELECT place_id FROM claims WHERE id > %(since)s

-- name: list_changed_days
-- The days of the ledger (UTC) since a run began, each as the first id that a transfer of it can have.
SELECT first_id(day AT TIME ZONE 'UTC') AS id FROM generate_series(
    date_trunc('day', uuid_extract_timestamp(%(since)s) AT TIME ZONE 'UTC'), now() AT TIME ZONE 'UTC', '1 day') AS day

-- name: list_changed_organisations
SELECT DISTINCT organisation_id AS id FROM ledger_days
WHERE day >= (uuid_extract_timestamp(%(since)s) AT TIME ZONE 'UTC')::date

-- name: begin_run
-- If none has begun since two o'clock in the night, and none is under way. Transactions that have not ended yet may
-- have numbered their changes already, so it goes some numbers back.
INSERT INTO invariant_runs (id, after_history)
SELECT %(id)s, coalesce((SELECT max(id) FROM order_history), 0) - 1000
WHERE NOT EXISTS (
    SELECT FROM invariant_runs
    WHERE finished_at IS NULL
        OR started_at >= date_trunc('day', now() - interval '2 hours', 'UTC') + interval '2 hours')
ON CONFLICT DO NOTHING

-- name: get_last_run
-- The newest run that has ended. It has looked at all that was expected.
SELECT id, started_at, finished_at, part, after, after_history, checked, checked AS expected, breaches
FROM invariant_runs WHERE finished_at IS NOT NULL ORDER BY id DESC LIMIT 1

-- name: get_current_run
-- The run that is under way. How much is expected is an estimate of the planner.
SELECT id, started_at, finished_at, part, after, after_history, checked, (
        SELECT sum(greatest(reltuples, 0))::bigint FROM pg_class
        WHERE oid = ANY(ARRAY['orders', 'events', 'stock_pools', 'places']::regclass[])
    ) AS expected, breaches
FROM invariant_runs WHERE finished_at IS NULL

-- name: take_run
-- If it has not moved on, and nobody else moves it on.
SELECT id, started_at, finished_at, part, after, after_history, checked, checked AS expected, breaches
FROM invariant_runs
WHERE id = %(id)s AND part = %(part)s AND after = %(after)s AND finished_at IS NULL
ORDER BY id FOR NO KEY UPDATE SKIP LOCKED

-- name: move_run
UPDATE invariant_runs
SET part = %(part)s, after = %(after)s, checked = checked + %(checked)s, breaches = %(breaches)s,
    finished_at = CASE WHEN %(is_over)s THEN now() END
WHERE id = %(id)s

-- name: forget_runs
DELETE FROM invariant_runs WHERE started_at < now() - interval '30 days'

-- name: pools_that_do_not_add_up
SELECT id AS pool_id, quantity, sum(available) AS available, sum(held) AS held, sum(sold) AS sold
FROM stock_pools LEFT JOIN stock ON pool_id = id
WHERE id = ANY(%(pools)s)
GROUP BY id HAVING coalesce(sum(available + held + sold), 0) <> quantity LIMIT 10

-- name: stock_that_orders_contradict
-- Offers hold stock as pending orders do. The full join also finds draws from rows of stock that do not exist. Only
-- orders with items of an event draw from its pools.
WITH ordered AS (
    SELECT pool_id, row_no,
        sum(quantity) FILTER (WHERE status IN ('pending', 'offered')) AS held_by_orders,
        sum(quantity) FILTER (WHERE status IN ('paid', 'partially_refunded')) AS sold_to_orders
    FROM (
        SELECT draws, status::text FROM orders
        WHERE id IN (SELECT order_id FROM order_items WHERE event_id = ANY(%(events)s))
        UNION ALL SELECT draws, status FROM waitlist_entries WHERE status = 'offered' AND event_id = ANY(%(events)s)
    ) AS holders CROSS JOIN unnest(draws) GROUP BY pool_id, row_no
), pools AS (
    SELECT pool_id FROM pools_of_events WHERE event_id = ANY(%(events)s)
    UNION SELECT pool_id FROM ordered
    WHERE NOT EXISTS (SELECT FROM pools_of_events WHERE pools_of_events.pool_id = ordered.pool_id)
)
SELECT pool_id, row_no, held, sold, held_by_orders, sold_to_orders
FROM (SELECT pool_id, row_no, held, sold FROM stock WHERE pool_id IN (SELECT pool_id FROM pools)) AS stock
FULL JOIN (
    SELECT pool_id, row_no, held_by_orders, sold_to_orders FROM ordered WHERE pool_id IN (SELECT pool_id FROM pools)
) AS ordered USING (pool_id, row_no)
WHERE coalesce(held, 0) <> coalesce(held_by_orders, 0) OR coalesce(sold, 0) <> coalesce(sold_to_orders, 0) LIMIT 10

-- name: orders_that_draw_otherwise
-- An order draws what it holds: from its ticket types, from their events' capacities and from its voucher. It draws
-- nothing else, but for the pool of a capacity that its event no longer has.
WITH expected AS (
    SELECT order_id, pool_id, quantity FROM order_items JOIN ticket_types ON ticket_types.id = ticket_type_id
    WHERE order_id = ANY(%(orders)s)
    UNION ALL
    SELECT order_id, capacity_pool_id, quantity FROM order_items JOIN events ON events.id = event_id
    WHERE order_id = ANY(%(orders)s) AND capacity_pool_id IS NOT NULL
    UNION ALL
    SELECT orders.id, pool_id, 1 FROM orders JOIN vouchers ON vouchers.id = voucher_id
    WHERE orders.id = ANY(%(orders)s)
)
SELECT order_id, pool_id, expected.quantity, drawn.quantity AS drawn FROM (
    SELECT order_id, pool_id, sum(quantity) AS quantity FROM expected GROUP BY order_id, pool_id
) AS expected FULL JOIN (
    SELECT orders.id AS order_id, pool_id, sum(quantity) AS quantity
    FROM orders CROSS JOIN unnest(draws) WHERE orders.id = ANY(%(orders)s) GROUP BY orders.id, pool_id
) AS drawn USING (order_id, pool_id) JOIN orders ON orders.id = order_id
WHERE status IN ('pending', 'paid') AND expected.quantity IS DISTINCT FROM drawn.quantity AND (
    expected.quantity IS NOT NULL
    OR EXISTS (SELECT FROM ticket_types WHERE ticket_types.pool_id = drawn.pool_id)
    OR EXISTS (SELECT FROM events WHERE capacity_pool_id = drawn.pool_id)
    OR EXISTS (SELECT FROM vouchers WHERE vouchers.pool_id = drawn.pool_id)
    OR NOT EXISTS (SELECT FROM stock_pools WHERE id = drawn.pool_id)
) LIMIT 10

-- name: capacities_that_do_not_add_up
-- What is held or sold of an event's ticket types is held or sold of the event's capacity too.
SELECT events.id AS event_id, of_types.taken AS taken_of_types, of_capacity.taken AS taken_of_capacity
FROM events CROSS JOIN LATERAL (
    SELECT coalesce(sum(held + sold), 0) AS taken FROM ticket_types JOIN stock USING (pool_id)
    WHERE event_id = events.id
) AS of_types CROSS JOIN LATERAL (
    SELECT sum(held + sold) AS taken FROM stock WHERE pool_id = capacity_pool_id
) AS of_capacity
WHERE events.id = ANY(%(events)s) AND of_types.taken <> of_capacity.taken LIMIT 10

-- name: vouchers_overdrawn
-- A pending or paid order with a voucher has drawn one redemption, and there are not more than allowed.
SELECT vouchers.id AS voucher_id, max_redemptions, redemptions, orders FROM vouchers CROSS JOIN LATERAL (
    SELECT sum(held + sold) AS redemptions FROM stock WHERE stock.pool_id = vouchers.pool_id
) AS drawn LEFT JOIN (
    SELECT voucher_id, count(*) AS orders FROM orders
    WHERE id IN (SELECT order_id FROM order_items WHERE event_id = ANY(%(events)s))
        AND voucher_id IS NOT NULL AND status IN ('pending', 'paid', 'partially_refunded')
    GROUP BY voucher_id
) AS redeemed ON voucher_id = vouchers.id
WHERE event_id = ANY(%(events)s) AND (redemptions > max_redemptions OR redemptions <> coalesce(orders, 0)) LIMIT 10

-- name: holds_overdue
-- The job runs every minute; ten minutes allow for a deploy. An order with an open payment may wait for its provider.
SELECT id AS order_id, expires_at FROM orders
WHERE status = 'pending' AND expires_at < now() - CASE
    WHEN EXISTS (SELECT FROM payments WHERE order_id = orders.id AND ask_at IS NOT NULL)
    THEN interval '25 minutes' ELSE interval '10 minutes' END
LIMIT 10

-- name: guest_holds_left_behind
-- A hold ends in the transaction that ends its order. A free order's stays for a day, and one without an order for the
-- time of a hold. The job that deletes those runs every minute; ten minutes allow for a deploy.
SELECT order_id, status, is_free, until FROM guest_holds LEFT JOIN orders ON orders.id = order_id
WHERE CASE WHEN is_free THEN status IN ('cancelled', 'expired', 'refunded') ELSE status <> 'pending' END
    OR until < now() - interval '10 minutes' AND status IS DISTINCT FROM 'pending'
LIMIT 10

-- name: offers_overdue
SELECT id AS entry_id, expires_at FROM waitlist_entries
WHERE status = 'offered' AND expires_at < now() - interval '10 minutes' LIMIT 10

-- name: seats_without_owner
-- A seat that is not free belongs to a pending or paid order, or to an open offer.
SELECT seats.id AS seat_id, owner_id, sold, orders.status AS order_status, entry.status AS entry_status
FROM ticket_types JOIN seat_rows ON ticket_type_id = ticket_types.id JOIN seats ON row_id = seat_rows.id
LEFT JOIN orders ON orders.id = owner_id LEFT JOIN waitlist_entries AS entry ON entry.id = owner_id
WHERE ticket_types.event_id = ANY(%(events)s) AND owner_id IS NOT NULL AND NOT coalesce(
    CASE WHEN sold THEN orders.status IN ('paid', 'partially_refunded')
    ELSE orders.status = 'pending' OR entry.status = 'offered' END, false)
LIMIT 10

-- name: seats_that_orders_contradict
-- A pending or paid order and an open offer have as many seats of a seated ticket type as they hold of its stock.
WITH seated_types AS (SELECT id, event_id, pool_id FROM ticket_types WHERE seated AND event_id = ANY(%(events)s))
SELECT owner_id, ticket_type_id, drawn, seated FROM (
    SELECT holders.id AS owner_id, seated_types.id AS ticket_type_id, sum(draw.quantity) AS drawn
    FROM (
        SELECT id, draws FROM orders
        WHERE id IN (SELECT order_id FROM order_items WHERE ticket_type_id IN (SELECT id FROM seated_types))
            AND status IN ('pending', 'paid', 'partially_refunded')
        UNION ALL SELECT id, draws FROM waitlist_entries WHERE status = 'offered' AND event_id = ANY(%(events)s)
    ) AS holders CROSS JOIN unnest(draws) AS draw JOIN seated_types ON seated_types.pool_id = draw.pool_id
    GROUP BY holders.id, seated_types.id
) AS drawing FULL JOIN (
    SELECT owner_id, ticket_type_id, count(*) AS seated
    FROM seated_types JOIN seat_rows ON ticket_type_id = seated_types.id JOIN seats ON row_id = seat_rows.id
    WHERE owner_id IS NOT NULL GROUP BY owner_id, ticket_type_id
) AS seating USING (owner_id, ticket_type_id)
WHERE coalesce(drawn, 0) <> coalesce(seated, 0) LIMIT 10

-- name: tickets_without_seat
-- A ticket has the label of the seat at its position. A group ticket has the labels of all seats of its item.
SELECT tickets.id AS ticket_id, seat, labels FROM tickets
JOIN ticket_types ON ticket_types.id = ticket_type_id JOIN order_items USING (order_id, item_no)
CROSS JOIN LATERAL (
    SELECT string_agg(label, ', ' ORDER BY seat_no) AS labels, count(*) AS seats
    FROM unnest(CASE WHEN is_group THEN seat_ids ELSE seat_ids[tickets.position:tickets.position] END)
        WITH ORDINALITY AS taken (id, seat_no) JOIN seats ON seats.id = taken.id AND owner_id = tickets.order_id
) AS seating
WHERE tickets.order_id = ANY(%(orders)s) AND seated AND tickets.status = 'valid'
    AND (seats <> group_size OR seat IS DISTINCT FROM labels)
LIMIT 10

-- name: seats_that_stock_contradicts
-- A seated ticket type has as many seats as its quantity, and as many free seats as available stock.
SELECT ticket_types.id AS ticket_type_id, quantity, available, seats, free FROM ticket_types
JOIN stock_pools ON stock_pools.id = pool_id
CROSS JOIN LATERAL (SELECT sum(available) AS available FROM stock WHERE stock.pool_id = ticket_types.pool_id) AS stock
CROSS JOIN LATERAL (
    SELECT count(*) AS seats, count(*) FILTER (WHERE owner_id IS NULL) AS free
    FROM seats JOIN seat_rows ON seat_rows.id = row_id WHERE ticket_type_id = ticket_types.id
) AS map
WHERE event_id = ANY(%(events)s) AND seated AND (seats <> quantity OR free <> available) LIMIT 10

-- name: seat_rows_measured_wrong
WITH rows AS (
    SELECT seat_rows.id, longest_free FROM seat_rows JOIN ticket_types ON ticket_types.id = ticket_type_id
    WHERE event_id = ANY(%(events)s)
)
SELECT rows.id AS row_id, longest_free, longest FROM rows LEFT JOIN (
    SELECT row_id, max(length) AS longest FROM (
        SELECT row_id, count(*) AS length FROM (
            SELECT row_id, position - row_number() OVER (PARTITION BY row_id ORDER BY position) AS gap
            FROM seats WHERE owner_id IS NULL AND row_id IN (SELECT id FROM rows)
        ) AS free GROUP BY row_id, gap
    ) AS gaps GROUP BY row_id
) AS measured ON row_id = rows.id
WHERE longest_free <> coalesce(longest, 0) LIMIT 10

-- name: orders_with_wrong_tickets
-- Compares item by item. A ticket without an item or an order is one too many.
SELECT order_id, item_no, status, quantity AS bought, issued FROM (
    SELECT order_id, item_no, quantity FROM order_items WHERE order_id = ANY(%(orders)s)
) AS items FULL JOIN (
    SELECT order_id, item_no, sum(group_size) AS issued FROM tickets WHERE order_id = ANY(%(orders)s)
    GROUP BY order_id, item_no
) AS issues USING (order_id, item_no) LEFT JOIN orders ON id = order_id
WHERE coalesce(issued, 0)
    <> CASE WHEN status IN ('paid', 'partially_refunded', 'refunded') THEN coalesce(quantity, 0) ELSE 0 END
LIMIT 10

-- name: orders_that_hold_wrong_stock
-- A paid order draws from each of its ticket types as much as its valid tickets admit.
SELECT order_id, pool_id, drawn, admitted FROM (
    SELECT orders.id AS order_id, draw.pool_id, sum(draw.quantity) AS drawn
    FROM orders CROSS JOIN unnest(draws) AS draw JOIN ticket_types ON ticket_types.pool_id = draw.pool_id
    WHERE orders.id = ANY(%(orders)s) AND orders.status IN ('paid', 'partially_refunded')
    GROUP BY orders.id, draw.pool_id
) AS drawing FULL JOIN (
    SELECT order_id, pool_id, sum(group_size) AS admitted
    FROM tickets JOIN ticket_types ON ticket_types.id = ticket_type_id
    WHERE order_id = ANY(%(orders)s) AND tickets.status = 'valid'
    GROUP BY order_id, pool_id
) AS admitting USING (order_id, pool_id)
WHERE drawn IS DISTINCT FROM admitted LIMIT 10

-- name: tickets_refunded_wrong
-- One refund of its order names a refunded ticket. An order is refunded if all its tickets are.
SELECT coalesce(tickets.id, ticket_id) AS ticket_id, tickets.status, named FROM (
    SELECT id, order_id, status FROM tickets WHERE order_id = ANY(%(orders)s)
) AS tickets FULL JOIN (
    SELECT order_id, ticket_id, count(*) AS named FROM order_refunds CROSS JOIN unnest(ticket_ids) AS ticket_id
    WHERE order_id = ANY(%(orders)s) GROUP BY order_id, ticket_id
) AS refund ON refund.order_id = tickets.order_id AND ticket_id = tickets.id
WHERE coalesce(named, 0) <> coalesce((tickets.status = 'refunded')::integer, 0)
UNION ALL
SELECT orders.id, orders.status, count(*) FROM orders JOIN tickets ON order_id = orders.id
WHERE orders.id = ANY(%(orders)s)
GROUP BY orders.id HAVING (orders.status = 'refunded') <> bool_and(tickets.status = 'refunded') LIMIT 10

-- name: orders_that_gave_back_wrong
-- Money that an order gave back is a refund of its payment, never more than was paid. In the end it is all of it but
-- what the seller has kept, which may go back later. If a dispute has ended the order, the seller keeps the rest.
SELECT orders.id AS order_id, status, total, given, kept, booked FROM orders LEFT JOIN (
    SELECT order_refunds.order_id, sum(order_refunds.amount)::bigint AS given, sum(kept)::bigint AS kept,
        coalesce(sum(refunds.amount) FILTER (WHERE payments.order_id = order_refunds.order_id), 0)::bigint AS booked
    FROM order_refunds LEFT JOIN refunds ON refunds.id = refund_id LEFT JOIN payments ON payments.id = payment_id
    WHERE order_refunds.order_id = ANY(%(orders)s) GROUP BY order_refunds.order_id
) AS refund ON order_id = orders.id
WHERE orders.id = ANY(%(orders)s) AND (
    given <> booked OR given > total OR (given IS NOT NULL) <> (status IN ('partially_refunded', 'refunded'))
    OR status = 'refunded' AND given + kept < total AND NOT EXISTS (
        SELECT FROM reversals JOIN payments ON payments.id = payment_id
        WHERE payments.order_id = orders.id AND reversals.status IN ('lost', 'won')))
LIMIT 10

-- name: refunds_without_email
-- Of the last week, since messages are deleted after that.
SELECT id AS order_refund_id FROM order_refunds
WHERE created_at > now() - interval '7 days'
    AND NOT EXISTS (SELECT FROM outbox WHERE payload ->> 'order_refund_id' = order_refunds.id::text)
LIMIT 10

-- name: cancellations_left_behind
-- The job runs every minute. A day is enough for the largest event, and for an order that a person must look at.
SELECT DISTINCT events.id AS event_id, cancelled_at, cancellation_finished_at FROM events
JOIN order_items AS item ON item.event_id = events.id JOIN orders ON orders.id = item.order_id
WHERE events.id = ANY(%(events)s)
    AND (cancellation_finished_at IS NOT NULL OR cancelled_at < now() - interval '1 day')
    AND (orders.status = 'pending' OR EXISTS (
        SELECT FROM tickets WHERE tickets.order_id = item.order_id AND tickets.item_no = item.item_no
            AND tickets.status = 'valid'))
LIMIT 10

-- name: payments_without_effect
-- A succeeded payment has its money, and a paid order with the same total. A refunded payment has a refund.
SELECT payments.id AS payment_id, payments.status, orders.status AS order_status, amount, total FROM payments
JOIN orders ON orders.id = order_id
WHERE order_id = ANY(%(orders)s) AND (
    payments.status = 'succeeded' AND (
        orders.status NOT IN ('paid', 'partially_refunded', 'refunded')
        OR amount <> total OR payments.currency <> orders.currency
        OR NOT EXISTS (SELECT FROM incoming_payments AS incoming WHERE payment_id = payments.id AND pays_order
            AND incoming.amount >= payments.amount AND incoming.currency = payments.currency))
    OR payments.status = 'refunded'
        AND NOT EXISTS (SELECT FROM refunds WHERE refunds.payment_id = payments.id))
LIMIT 10

-- name: money_without_effect
-- A refund goes to whoever paid the money: it names the same payment. What went back elsewhere counts too.
SELECT incoming.id AS incoming_payment_id, payments.id AS payment_id, pays_order, incoming.amount, refunded, owed,
    refunded_elsewhere
FROM incoming_payments AS incoming JOIN payments ON payments.id = incoming.payment_id
LEFT JOIN LATERAL (
    SELECT sum(amount - elsewhere)::bigint AS owed FROM refunds
    WHERE incoming_payment_id = incoming.id AND refunds.payment_id = payments.id
        AND refunds.currency = incoming.currency
) AS refund ON true
WHERE order_id = ANY(%(orders)s) AND (
    refunded <> coalesce(owed, 0) OR refunded + refunded_elsewhere > incoming.amount
    OR NOT pays_order AND refunded + refunded_elsewhere <> incoming.amount
    OR pays_order AND (payments.status <> 'succeeded'
        OR refunded + refunded_elsewhere < incoming.amount - payments.amount))
LIMIT 10

-- name: reversals_booked_wrong
-- What went back elsewhere is what is booked of reversals. Refunds count no more of it as theirs. More than a reversal
-- has sent back is booked only as far as refunds count it: a provider may take back what it said.
SELECT incoming.id AS incoming_payment_id, refunded_elsewhere, booked, covered FROM incoming_payments AS incoming
JOIN payments ON payments.id = incoming.payment_id
CROSS JOIN LATERAL (
    SELECT sum(booked)::bigint AS booked,
        sum(greatest(booked - CASE WHEN status IN ('made', 'lost') THEN amount ELSE 0 END, 0))::bigint AS excess
    FROM reversals WHERE incoming_payment_id = incoming.id
) AS reversal
CROSS JOIN LATERAL (
    SELECT sum(elsewhere)::bigint AS covered FROM refunds WHERE incoming_payment_id = incoming.id
) AS refund
WHERE order_id = ANY(%(orders)s) AND (
    refunded_elsewhere <> coalesce(booked, 0) OR coalesce(covered, 0) > refunded_elsewhere
    OR excess > coalesce(covered, 0))
LIMIT 10

-- name: orders_not_ended
-- A webhook or the job ends an order whose money has gone back elsewhere; ten minutes allow for a deploy.
SELECT order_id, incoming.id AS incoming_payment_id, ends_order_at FROM incoming_payments AS incoming
JOIN payments ON payments.id = payment_id JOIN orders ON orders.id = order_id
WHERE order_id = ANY(%(orders)s) AND (
    ends_order_at < now() - interval '10 minutes'
    OR ends_order_at IS NULL AND pays_order AND orders.status IN ('paid', 'partially_refunded') AND EXISTS (
        SELECT FROM reversals WHERE incoming_payment_id = incoming.id AND reversals.status = 'lost'))
LIMIT 10

-- name: matters_not_opened
-- A person sees each refund that failed or is made by hand, each open dispute, and all money that names no order.
SELECT 'refund' AS what, refunds.id::text AS subject FROM refunds
WHERE status IN ('failed', 'by_hand') AND NOT EXISTS (
    SELECT FROM money_matters WHERE refund_id = refunds.id AND settled_at IS NULL)
UNION ALL
SELECT 'dispute', reversals.id::text FROM reversals
WHERE status = 'open' AND incoming_payment_id IS NOT NULL AND NOT EXISTS (
    SELECT FROM money_matters WHERE kind = 'dispute' AND subject = reversals.id::text)
UNION ALL
SELECT 'money', event_id FROM provider_events
WHERE effect = 'unknown_payment' AND kind = 'succeeded' AND NOT EXISTS (
    SELECT FROM money_matters
    WHERE kind = 'unknown_payment' AND subject = concat_ws(' ', provider, provider_events.merchant_id, event_id))
LIMIT 10

-- name: tickets_disputed_wrong
-- A ticket is disputed while the payer disputes the money that paid its order.
SELECT tickets.id AS ticket_id, disputed, is_open FROM tickets LEFT JOIN (
    SELECT DISTINCT order_id, true AS is_open FROM reversals
    JOIN incoming_payments AS incoming ON incoming.id = incoming_payment_id
    JOIN payments ON payments.id = incoming.payment_id
    WHERE order_id = ANY(%(orders)s) AND reversals.status = 'open' AND pays_order
) AS dispute ON dispute.order_id = tickets.order_id
WHERE tickets.order_id = ANY(%(orders)s) AND disputed <> coalesce(is_open, false) LIMIT 10

-- name: payments_left_behind
-- The job runs every minute; ten minutes allow for a deploy.
SELECT 'payment' AS what, id, ask_at AS due_at FROM payments WHERE ask_at < now() - interval '10 minutes'
UNION ALL
SELECT 'refund', id, due_at FROM refunds WHERE due_at < now() - interval '10 minutes'
LIMIT 10

-- name: orders_without_payment
SELECT id AS order_id, status FROM orders
WHERE id = ANY(%(orders)s) AND status IN ('paid', 'partially_refunded') AND total > 0
    AND NOT EXISTS (SELECT FROM payments WHERE order_id = orders.id AND payments.status = 'succeeded')
LIMIT 10

-- name: keys_without_effect
SELECT operation, scope, key, coalesce(response ->> 'order_id', response ->> 'id') AS order_id FROM idempotency_keys
WHERE operation = 'start_payment' AND NOT EXISTS (SELECT FROM payments WHERE id = (response ->> 'id')::uuid)
    OR operation = 'refund_order' AND NOT EXISTS (SELECT FROM order_refunds WHERE id = (response ->> 'id')::uuid)
    OR operation = 'mark_order_paid' AND NOT EXISTS (SELECT FROM payments WHERE order_id = (response ->> 'id')::uuid)
    OR operation = 'settle_money_matter' AND NOT EXISTS (
        SELECT FROM money_matters WHERE id = (response ->> 'id')::uuid)
LIMIT 10

-- name: keys_without_claim
SELECT scope, key FROM idempotency_keys
WHERE operation = 'claim_slot' AND NOT EXISTS (SELECT FROM claims WHERE id = (response ->> 'id')::uuid) LIMIT 10

-- name: orders_without_confirmation
-- Of the last week, since messages are deleted after that.
SELECT id AS order_id FROM orders
WHERE status IN ('paid', 'partially_refunded') AND created_at > now() - interval '7 days'
    AND NOT EXISTS (
        SELECT FROM outbox WHERE template = 'order_confirmation' AND payload ->> 'order_id' = orders.id::text)
LIMIT 10

-- name: messages_left_behind
SELECT id AS message_id, status, attempts, relay_at FROM outbox
WHERE status IN ('pending', 'sending') AND relay_at < now() - interval '10 minutes'
    OR status IN ('failed', 'dropped') AND last_error IS NULL
LIMIT 10

-- name: webhooks_left_behind
-- Endpoints that have something due, and whose turn nobody has taken since. A disabled one fails what is left.
SELECT id AS endpoint_id, next_turn_at, disabled_at FROM webhook_endpoints AS endpoint
WHERE next_turn_at < now() - interval '10 minutes' AND coalesce(disabled_at < now() - interval '10 minutes', true)
    AND EXISTS (
        SELECT FROM webhook_deliveries
        WHERE endpoint_id = endpoint.id AND status IN ('pending', 'sending')
            AND due_at < now() - interval '10 minutes')
LIMIT 10

-- name: tickets_with_wrong_entries
SELECT id AS ticket_id, entries, admissions FROM tickets LEFT JOIN (
    SELECT ticket_id, count(*) AS admissions, min(at) AS first_at FROM scans
    WHERE ticket_id IN (SELECT id FROM tickets WHERE order_id = ANY(%(orders)s)) AND outcome = 'admitted'
    GROUP BY ticket_id
) AS scanned ON ticket_id = id
WHERE order_id = ANY(%(orders)s)
    AND (entries <> coalesce(admissions, 0) OR first_scan_at IS DISTINCT FROM first_at)
LIMIT 10

-- name: entries_out_of_order
-- A ticket with a conflict has its most entries from earlier scans. Those of unknown time count after all others.
SELECT scans.id AS scan_id, ticket_id, at FROM scans JOIN tickets ON tickets.id = ticket_id
WHERE order_id = ANY(%(orders)s) AND let_in AND outcome = 'already_scanned' AND max_entries > (
    SELECT count(*) FROM scans AS earlier
    WHERE earlier.ticket_id = scans.ticket_id AND earlier.outcome = 'admitted'
        AND CASE WHEN scans.time_unknown THEN true ELSE NOT earlier.time_unknown AND earlier.at <= scans.at END)
LIMIT 10

-- name: slots_that_claims_contradict
SELECT place_id, number, state, open_claims FROM slots LEFT JOIN (
    SELECT place_id, slot AS number, count(*) AS open_claims FROM claims
    WHERE place_id = ANY(%(places)s) AND released_at IS NULL GROUP BY place_id, slot
) AS claimed USING (place_id, number)
WHERE place_id = ANY(%(places)s) AND coalesce(open_claims, 0) <> (state = 'taken')::integer LIMIT 10

-- name: places_that_do_not_add_up
SELECT id AS place_id, capacity, count(number) AS slots, max(number) FILTER (WHERE state = 'free') AS highest_free
FROM places LEFT JOIN slots ON place_id = id AND state <> 'withdrawn'
WHERE id = ANY(%(places)s)
GROUP BY id HAVING count(number) <> capacity OR max(number) FILTER (WHERE state = 'free') > capacity LIMIT 10

-- name: tickets_with_a_broken_chain
-- Each transfer that was accepted raised the transfer count by one.
SELECT tickets.id AS ticket_id, tickets.transfer_count, links FROM tickets LEFT JOIN (
    SELECT ticket_id, count(*) AS links, max(transfer_count) AS last_transfer_count FROM transfers
    WHERE ticket_id IN (SELECT id FROM tickets WHERE order_id = ANY(%(orders)s)) AND status = 'accepted'
    GROUP BY ticket_id
) AS chain ON ticket_id = tickets.id
WHERE order_id = ANY(%(orders)s) AND (
    tickets.transfer_count <> coalesce(links, 0) OR tickets.transfer_count <> coalesce(last_transfer_count, 0))
LIMIT 10

-- name: transfers_without_emails
-- Of the last week, since messages are deleted after that. Emails that are sent again, since a key has leaked, are not
-- counted. A ticket that went with its order owes none.
SELECT id AS transfer_id, status, owed FROM transfers LEFT JOIN (
    SELECT payload ->> 'transfer_id' AS transfer_id, count(*) AS owed FROM outbox
    WHERE template IN ('transfer_started', 'transfer_accepted', 'transfer_completed') AND NOT payload ? 'renewed'
    GROUP BY payload ->> 'transfer_id'
) AS emails ON transfer_id = id::text
WHERE created_at > now() - interval '7 days'
    AND coalesce(owed, 0) <> CASE WHEN with_order THEN 0 WHEN status = 'accepted' THEN 3 ELSE 1 END LIMIT 10

-- name: invitations_without_email
SELECT id AS invitation_id FROM invitations
WHERE expires_at > now() AND NOT EXISTS (
    SELECT FROM outbox WHERE template = 'invitation' AND payload ->> 'invitation_id' = invitations.id::text)
LIMIT 10

-- name: organisations_without_owner
SELECT id AS organisation_id FROM organisations
WHERE NOT EXISTS (SELECT FROM members WHERE organisation_id = organisations.id AND role = 'owner') LIMIT 10

-- name: audit_entries_out_of_chain
-- Among the newest entries of all chains: those that do not follow the one before, or are not what their hash says.
-- And chains whose head is not their last entry: those of the newest entries, the organisations' and the platform's.
WITH newest AS MATERIALIZED (
    SELECT chain, entry, previous_hash, hash, audit_hash(
        previous_hash, chain, entry, at, actor_kind, actor_id, as_admin, action, subject, details) AS right_hash
    FROM audit_log ORDER BY at DESC, chain DESC, entry DESC LIMIT 20000
), chains AS (
    SELECT chain FROM newest
    UNION SELECT chain FROM audit_chains WHERE NOT EXISTS (SELECT FROM accounts WHERE id = chain)
)
SELECT newest.chain, newest.entry FROM newest
LEFT JOIN audit_log AS before ON before.chain = newest.chain AND before.entry = newest.entry - 1
WHERE newest.hash <> right_hash OR newest.previous_hash <> coalesce(before.hash, '')
    OR (newest.entry > 1) <> (before.entry IS NOT NULL)
UNION ALL
SELECT chain, last.entry FROM chains LEFT JOIN audit_chains USING (chain) LEFT JOIN LATERAL (
    SELECT entry, hash FROM audit_log WHERE audit_log.chain = chains.chain ORDER BY entry DESC LIMIT 1
) AS last ON true
WHERE audit_chains.entries IS DISTINCT FROM last.entry OR audit_chains.hash IS DISTINCT FROM last.hash
LIMIT 10

-- name: audit_values_out_of_place
-- Personal values of the newest entries that were not recorded so.
SELECT chain, entry FROM (
    SELECT chain, entry, details FROM audit_log ORDER BY at DESC, chain DESC, entry DESC LIMIT 20000
) AS newest JOIN audit_values USING (chain, entry)
WHERE sha256(salt || convert_to(value, 'UTF8')) <> digest OR position(encode(digest, 'hex') IN details::text) = 0
LIMIT 10

-- name: orders_across_tenants
-- The rows of a purchase have no foreign keys. Still, all rows that they name exist and are of one organisation.
SELECT DISTINCT coalesce(orders.id, order_items.order_id) AS order_id
FROM unnest(%(orders)s::uuid[]) AS checked (id) LEFT JOIN orders ON orders.id = checked.id
LEFT JOIN order_items ON order_items.order_id = checked.id
LEFT JOIN ticket_types ON ticket_types.id = ticket_type_id
LEFT JOIN events ON events.id = order_items.event_id
LEFT JOIN accounts ON accounts.id = orders.account_id
LEFT JOIN vouchers ON vouchers.id = voucher_id
LEFT JOIN events AS discounted ON discounted.id = vouchers.event_id
LEFT JOIN tickets ON tickets.order_id = checked.id AND tickets.item_no = order_items.item_no
WHERE events.organisation_id IS DISTINCT FROM orders.organisation_id OR events.currency IS DISTINCT FROM orders.currency
    OR ticket_types.event_id IS DISTINCT FROM order_items.event_id
    OR accounts.id IS DISTINCT FROM orders.account_id OR vouchers.id IS DISTINCT FROM voucher_id
    OR discounted.organisation_id <> orders.organisation_id
    OR tickets.organisation_id <> orders.organisation_id OR tickets.event_id <> order_items.event_id
    OR tickets.ticket_type_id <> order_items.ticket_type_id
LIMIT 10

-- name: claims_across_tenants
SELECT claims.id AS claim_id FROM claims
JOIN places ON places.id = place_id JOIN customers ON customers.id = customer_id
LEFT JOIN events ON events.id = places.event_id
WHERE place_id = ANY(%(places)s)
    AND (customers.organisation_id <> places.organisation_id OR events.organisation_id <> places.organisation_id)
LIMIT 10

-- name: orders_with_wrong_totals
SELECT id AS order_id, total, charged FROM orders JOIN (
    SELECT order_id, sum(total)::bigint AS charged FROM order_items WHERE order_id = ANY(%(orders)s) GROUP BY order_id
) AS items ON order_id = id
WHERE id = ANY(%(orders)s) AND total <> charged LIMIT 10

-- name: items_with_wrong_charges
-- The total of an item is the sum of its parts, with the tax inside or on top. A discount is not above the gross. What
-- the terms decide is set together or not at all.
SELECT order_id, item_no, unit_price * quantity AS gross, discount, buyer_fee, tax, platform_fee, total, terms_id
FROM order_items CROSS JOIN LATERAL (
    SELECT unit_price * quantity - discount + coalesce(buyer_fee, 0) AS before_tax
) AS charge
WHERE order_id = ANY(%(orders)s) AND (
    total NOT IN (before_tax, before_tax + coalesce(tax, 0)) OR discount > unit_price * quantity
    OR num_nonnulls(terms_id, buyer_fee, tax, platform_fee) NOT IN (0, 4))
LIMIT 10

-- name: items_with_wrong_terms
-- An item with terms was sold under terms of its organisation or of all, in its currency. The platform keeps no more
-- than what was paid.
SELECT order_id, item_no, terms_id, platform_fee, order_items.total
FROM order_items JOIN orders ON orders.id = order_id LEFT JOIN fee_terms ON fee_terms.id = terms_id
WHERE order_id = ANY(%(orders)s) AND terms_id IS NOT NULL AND (
    fee_terms.organisation_id IS NULL OR fee_terms.currency <> orders.currency
    OR fee_terms.organisation_id NOT IN (orders.organisation_id, '00000000-0000-0000-0000-000000000000')
    OR platform_fee > order_items.total)
LIMIT 10

-- name: default_fees_otherwise
-- The setting and the default terms are written together.
SELECT currency, setting, terms FROM (
    SELECT key AS currency, fee AS setting FROM platform_settings CROSS JOIN jsonb_each(value) AS each (key, fee)
    WHERE name = 'platform_fees'
) AS set_fees FULL JOIN (
    SELECT currency, jsonb_build_object('basis_points', basis_points, 'fixed', fixed, 'minimum', minimum, 'maximum',
        maximum, 'return_on_refund', return_on_refund) AS terms
    FROM fee_terms WHERE organisation_id = '00000000-0000-0000-0000-000000000000' AND replaced_at IS NULL
) AS held USING (currency)
WHERE setting IS DISTINCT FROM terms LIMIT 10

-- name: payouts_posted_otherwise
-- One that is rejected has taken nothing. One that is sent has left, and one that is returned is back.
SELECT payouts.id, status, payouts.amount, taken, sent, back FROM payouts CROSS JOIN LATERAL (
    SELECT coalesce(sum(amount) FILTER (WHERE kind = 'payout'), 0) AS taken,
        coalesce(sum(amount) FILTER (WHERE kind = 'payout_sent'), 0) AS sent,
        coalesce(sum(amount) FILTER (WHERE kind = 'payout_returned'), 0) AS back
    FROM ledger_transfers
    WHERE source_id = payouts.id AND ledger_transfers.organisation_id = payouts.organisation_id
        AND ledger_transfers.currency = payouts.currency AND holder = 'platform'
) AS posted
WHERE taken <> CASE status WHEN 'rejected' THEN 0 ELSE payouts.amount END
    OR sent <> CASE WHEN status IN ('sent', 'returned') THEN payouts.amount ELSE 0 END
    OR back <> CASE status WHEN 'returned' THEN payouts.amount ELSE 0 END
LIMIT 10

-- name: corrections_posted_otherwise
SELECT ledger_corrections.id, ledger_corrections.amount, moved FROM ledger_corrections CROSS JOIN LATERAL (
    SELECT coalesce(sum(amount), 0) AS moved FROM ledger_transfers
    WHERE source_id = ledger_corrections.id AND ledger_transfers.organisation_id = ledger_corrections.organisation_id
        AND ledger_transfers.currency = ledger_corrections.currency AND kind = 'correction' AND holder = 'platform'
) AS posted
WHERE ledger_corrections.amount <> moved LIMIT 10

-- name: sales_counted_wrong
-- Of each ticket type, all days together: an event's time zone may have changed since a day was counted.
SELECT event_id, ticket_type_id, facts, sums FROM (
    SELECT sales_facts.event_id, ticket_type_id, ARRAY[sum(orders), sum(tickets), sum(gross), sum(discount),
        sum(buyer_fee), sum(tax), sum(platform_fee), sum(total), sum(refunded_tickets), sum(refunded)
    ]::bigint[] AS facts
    FROM sales_facts CROSS JOIN daily_sales_state
    WHERE order_id IN (SELECT order_id FROM order_items WHERE event_id = ANY(%(events)s))
        AND event_id = ANY(%(events)s) AND pg_visible_in_snapshot(written_in, counted)
    GROUP BY sales_facts.event_id, ticket_type_id
) AS of_facts FULL JOIN (
    SELECT event_id, ticket_type_id, ARRAY[sum(orders), sum(tickets), sum(gross), sum(discount), sum(buyer_fee),
        sum(tax), sum(platform_fee), sum(total), sum(refunded_tickets), sum(refunded)]::bigint[] AS sums
    FROM daily_sales WHERE event_id = ANY(%(events)s) GROUP BY event_id, ticket_type_id
) AS of_days USING (event_id, ticket_type_id)
WHERE facts IS DISTINCT FROM sums LIMIT 10

-- name: days_counted_wrong
-- Of each day, all that is counted yet. A transaction ends within an hour, and a transfer is posted as of its begin.
WITH days AS (
    SELECT first AS first_id, (uuid_extract_timestamp(first) AT TIME ZONE 'UTC')::date AS day
    FROM unnest(%(days)s::uuid[]) AS first
)
SELECT organisation_id, day, currency, holder, kind, event_id, ticket_type_id, provider, moved, counted FROM (
    SELECT organisation_id, day, currency, holder, kind::text AS kind,
        coalesce(event_id, '00000000-0000-0000-0000-000000000000') AS event_id,
        coalesce(ticket_type_id, '00000000-0000-0000-0000-000000000000') AS ticket_type_id,
        coalesce(provider, '') AS provider, ARRAY[sum(amount), count(*)]::bigint[] AS moved
    FROM days JOIN ledger_transfers
        ON id >= days.first_id AND id < first_id((day + 1)::timestamp AT TIME ZONE 'UTC' + interval '1 hour')
        AND (posted_at AT TIME ZONE 'UTC')::date = day
    WHERE pg_visible_in_snapshot(written_in, (SELECT counted FROM ledger_state))
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
) AS of_transfers FULL JOIN (
    SELECT organisation_id, day, currency, holder, kind, event_id, ticket_type_id, provider,
        ARRAY[amount, transfers]::bigint[] AS counted
    FROM ledger_days WHERE day IN (SELECT day FROM days)
) AS of_days USING (organisation_id, day, currency, holder, kind, event_id, ticket_type_id, provider)
WHERE moved IS DISTINCT FROM counted LIMIT 10

-- name: balances_counted_wrong
-- Of organisations, and each time of the platform itself. The days have what was posted, as another check says.
WITH organisations AS (
    SELECT id FROM unnest(%(organisations)s::uuid[] || '00000000-0000-0000-0000-000000000000'::uuid) AS id
)
SELECT organisation_id, currency, holder, account, event_id, provider, of_days.amount AS moved,
    of_balances.amount AS counted
FROM (
    SELECT organisation_id, currency, holder, account,
        CASE WHEN account IN ('pending', 'tax') THEN event_id ELSE '00000000-0000-0000-0000-000000000000' END
            AS event_id,
        CASE WHEN account = 'at_provider' THEN provider ELSE '' END AS provider, sum(side * amount)::bigint AS amount
    FROM ledger_days JOIN transfer_kinds() USING (kind)
        CROSS JOIN LATERAL (VALUES (from_account, -1), (to_account, 1)) AS sides (account, side)
    WHERE organisation_id IN (SELECT id FROM organisations) GROUP BY 1, 2, 3, 4, 5, 6
) AS of_days FULL JOIN (
    SELECT organisation_id, currency, holder, account, event_id, provider, amount FROM ledger_balances
    WHERE organisation_id IN (SELECT id FROM organisations)
) AS of_balances USING (organisation_id, currency, holder, account, event_id, provider)
WHERE coalesce(of_days.amount, 0) <> coalesce(of_balances.amount, 0) LIMIT 10

-- name: orders_paid_otherwise
-- The daily sales count an order by the one row of its history that pays it.
SELECT id AS order_id, status, paid FROM orders LEFT JOIN (
    SELECT order_id, count(*) AS paid FROM order_history
    WHERE order_id = ANY(%(orders)s) AND to_status = 'paid' AND from_status <> 'paid' GROUP BY order_id
) AS history ON order_id = id
WHERE id = ANY(%(orders)s) AND coalesce(paid, 0) <> (status IN ('paid', 'partially_refunded', 'refunded'))::integer
LIMIT 10

-- name: books_that_payments_contradict
-- What an incoming payment has posted, beside what its refunds and reversals say. What goes back is taken first from
-- what pays nothing. So nothing is left of it once all money has gone back. Nothing is owed to buyers once all is sent.
WITH money AS (
    SELECT incoming.id, organisation_id, incoming.currency, incoming.amount, refunded, refunded_elsewhere, price,
        CASE WHEN incoming.merchant_id = '00000000-0000-0000-0000-000000000000'
            AND incoming.provider NOT IN ('cash', 'bank_transfer') THEN 'platform' ELSE 'organisation' END AS holder,
        (
            SELECT coalesce(sum(refunds.amount - elsewhere), 0)::bigint FROM refunds
            WHERE incoming_payment_id = incoming.id AND refunds.status IN ('sent', 'succeeded')
        ) AS sent,
        made, lost, again, least(open, incoming.amount - refunded - refunded_elsewhere) AS disputed
    FROM incoming_payments AS incoming JOIN payments ON payments.id = payment_id JOIN orders ON orders.id = order_id
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(item.total), 0)::bigint AS price FROM order_items AS item
        WHERE item.order_id = orders.id AND pays_order
    ) AS paid CROSS JOIN LATERAL (
        SELECT
            coalesce(sum(least(booked, reversals.amount)) FILTER (WHERE reversals.status = 'made'), 0)::bigint AS made,
            coalesce(sum(least(booked, reversals.amount)) FILTER (WHERE reversals.status = 'lost'), 0)::bigint AS lost,
            coalesce(sum(CASE WHEN reversals.status IN ('made', 'lost') THEN greatest(booked - reversals.amount, 0)
                ELSE booked END), 0)::bigint AS again,
            coalesce(sum(reversals.amount) FILTER (
                WHERE reversals.status = 'open' AND reversals.currency = incoming.currency), 0)::bigint AS open
        FROM reversals WHERE incoming_payment_id = incoming.id
    ) AS reversal
    WHERE order_id = ANY(%(orders)s)
)
SELECT id AS incoming_payment_id, posted, due FROM (
    SELECT id, ARRAY[amount, price, refunded + again, sent, made, lost + disputed, lost,
        least(amount - price, refunded + refunded_elsewhere + disputed)] AS due FROM money
) AS money LEFT JOIN (
    SELECT id, ARRAY[
        coalesce(sum(moved) FILTER (WHERE kind = 'receipt'), 0),
        coalesce(sum(moved) FILTER (WHERE kind = 'sale'), 0),
        coalesce(sum(moved) FILTER (WHERE kind IN ('refund', 'return')), 0),
        coalesce(sum(moved) FILTER (WHERE kind = 'refund_sent'), 0),
        coalesce(sum(moved) FILTER (WHERE kind IN ('refund_elsewhere', 'return_elsewhere')), 0),
        coalesce(sum(moved) FILTER (WHERE kind IN ('dispute', 'dispute_of_return')), 0),
        coalesce(sum(moved) FILTER (WHERE kind = 'dispute_lost'), 0),
        coalesce(sum(moved) FILTER (WHERE kind IN ('return', 'return_elsewhere', 'dispute_of_return')), 0)
    ]::bigint[] AS posted
    FROM money JOIN (
        SELECT source_id AS id, organisation_id, currency, holder, kind, amount AS moved FROM ledger_transfers
    ) AS transfer USING (id, organisation_id, currency, holder)
    GROUP BY id
) AS books USING (id)
WHERE posted IS DISTINCT FROM due LIMIT 10

-- name: books_that_items_contradict
-- What was posted of each ticket type of an order, beside the charges of its items. What goes back of it is at most its
-- price, and takes back its share of the platform's fee and of the tax. That share is exact if the ticket type is one
-- item and no dispute is open.
WITH money AS (
    SELECT incoming.id, order_id, EXISTS (
        SELECT FROM reversals WHERE incoming_payment_id = incoming.id AND reversals.status = 'open'
    ) AS is_disputed
    FROM incoming_payments AS incoming JOIN payments ON payments.id = payment_id
    WHERE order_id = ANY(%(orders)s) AND pays_order
)
SELECT id AS incoming_payment_id, ticket_type_id, price, sold, platform_fee, fee, tax, taxed, back, fee_back, tax_back
FROM (
    SELECT money.id, event_id, ticket_type_id, coalesce(return_on_refund, true) AS returns_fee, is_disputed,
        count(*) AS items, sum(total) AS price, sum(coalesce(platform_fee, 0)) AS platform_fee,
        sum(coalesce(tax, 0)) AS tax
    FROM money JOIN order_items USING (order_id) LEFT JOIN fee_terms ON fee_terms.id = terms_id
    GROUP BY money.id, event_id, ticket_type_id, return_on_refund, is_disputed
) AS charged FULL JOIN (
    SELECT money.id, event_id, ticket_type_id,
        coalesce(sum(amount) FILTER (WHERE kind = 'sale'), 0) AS sold,
        coalesce(sum(amount) FILTER (WHERE kind = 'platform_fee'), 0) AS fee,
        coalesce(sum(amount) FILTER (WHERE kind = 'tax'), 0) AS taxed,
        coalesce(sum(amount) FILTER (WHERE kind IN ('refund', 'refund_elsewhere', 'dispute')), 0) AS back,
        coalesce(sum(amount) FILTER (WHERE kind = 'platform_fee_returned'), 0) AS fee_back,
        coalesce(sum(amount) FILTER (WHERE kind = 'tax_returned'), 0) AS tax_back
    FROM money JOIN ledger_transfers ON source_id = money.id
    WHERE event_id IS NOT NULL GROUP BY money.id, event_id, ticket_type_id
) AS posted USING (id, event_id, ticket_type_id)
WHERE (price, platform_fee, tax) IS DISTINCT FROM (coalesce(sold, 0), coalesce(fee, 0), coalesce(taxed, 0))
    OR back NOT BETWEEN 0 AND price OR tax_back NOT BETWEEN 0 AND tax OR fee_back NOT BETWEEN 0 AND platform_fee
    OR fee_back > 0 AND NOT returns_fee
    OR price > 0 AND items = 1 AND NOT is_disputed AND (
        tax_back <> div(tax * back, price)
        OR returns_fee AND fee_back <> div(platform_fee * back, price))
LIMIT 10

-- name: list_audit_entries
-- A page of the audit log, newest first, with the personal values that are not erased. PostgreSQL plans the statement
-- for each call, so that filters without a value vanish from the plan.
SELECT chain, entry, at, actor_kind, actor_id, coalesce(accounts.name, door_devices.name) AS actor_name, as_admin,
    action, subject, details, encode(hash, 'hex') AS hash, (
        SELECT coalesce(jsonb_object_agg(encode(digest, 'hex'), value), '{}') FROM audit_values
        WHERE audit_values.chain = page.chain AND audit_values.entry = page.entry
    ) AS personal
FROM (
    SELECT chain, entry, at, actor_kind, actor_id, as_admin, action, subject, details, hash FROM audit_log
    WHERE (%(chain)s::uuid IS NULL OR chain = %(chain)s)
        AND (%(action)s::text IS NULL OR action = %(action)s)
        AND (%(actor_id)s::uuid IS NULL OR actor_id = %(actor_id)s)
        AND (%(subject)s::text IS NULL OR subject = %(subject)s)
        AND (%(since)s::timestamptz IS NULL OR at >= %(since)s)
        AND (%(until)s::timestamptz IS NULL OR at < %(until)s)
        AND (%(before)s::timestamptz IS NULL OR (at, chain, entry) < (%(before)s, %(before_chain)s, %(before_entry)s))
    ORDER BY at DESC, chain DESC, entry DESC LIMIT %(limit)s + 1
) AS page LEFT JOIN accounts ON actor_kind = 'account' AND accounts.id = actor_id
LEFT JOIN door_devices ON actor_kind = 'device' AND door_devices.id = actor_id
ORDER BY at DESC, chain DESC, entry DESC

-- name: get_audit_head
SELECT entries AS entry, encode(hash, 'hex') AS hash FROM audit_chains WHERE chain = %(chain)s

-- name: export_audit_entries
-- Entries of a chain in order, as many as an answer has room for, and one at the least.
SELECT chain, entry, at, actor_kind, actor_id, as_admin, action, subject, details,
    encode(previous_hash, 'hex') AS previous_hash, encode(hash, 'hex') AS hash, (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
            'sha256', encode(digest, 'hex'), 'salt', encode(salt, 'hex'), 'value', value) ORDER BY digest), '[]')
        FROM audit_values WHERE audit_values.chain = page.chain AND audit_values.entry = page.entry
    ) AS values
FROM (
    SELECT chain, entry, at, actor_kind, actor_id, as_admin, action, subject, details, previous_hash, hash,
        sum(2 * octet_length(details::text) + 1000) OVER (ORDER BY entry) AS size_so_far
    FROM (
        SELECT chain, entry, at, actor_kind, actor_id, as_admin, action, subject, details, previous_hash, hash
        FROM audit_log WHERE chain = %(chain)s AND entry > %(after)s AND entry <= %(last)s
        ORDER BY entry LIMIT %(limit)s
    ) AS next_entries
) AS page
WHERE size_so_far <= %(most_bytes)s OR entry = %(after)s + 1 ORDER BY entry
