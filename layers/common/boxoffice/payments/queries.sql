-- Statements on payments.

-- name: find_organisation
-- The id of an organisation, if it exists.
SELECT id AS organisation_id FROM organisations WHERE id = %(id)s

-- name: reopen_payment
-- A buyer tries again: the open payment of an order at a provider is no longer failed. This locks the payment, before
-- its order.
UPDATE payments SET status = 'pending', closed_at = NULL
WHERE order_id = %(order_id)s AND provider = %(provider)s AND ask_at IS NOT NULL AND status = 'failed'

-- name: list_payments_of_order
-- All payments of an order, the oldest first. One that is open may still bring money.
SELECT id, order_id, provider, status, amount, currency, created_at, closed_at, ask_at IS NOT NULL AS is_open
FROM payments WHERE order_id = %(order_id)s ORDER BY id

-- name: get_sale_state
-- If what an order is for is still for sale: the state of its organisation, and of its events taken together.
SELECT organisations.id AS organisation_id, organisations.status AS organisation_status,
    min(events.ends_at) AS ends_at, (array_agg(events.id ORDER BY events.id)
        FILTER (WHERE events.status <> 'published' OR events.deleted_at IS NOT NULL))[1] AS cancelled_event,
    CASE WHEN bool_and(late_payments_until IS NOT NULL) THEN min(late_payments_until) END AS late_payments_until
FROM orders JOIN organisations ON organisations.id = organisation_id JOIN order_items ON order_id = orders.id
    JOIN events ON events.id = event_id
WHERE orders.id = %(order_id)s GROUP BY organisations.id

-- name: lock_events_of_order
-- Lock the events of an order, so that one payment after the other takes from their share for late payments.
SELECT id FROM events WHERE id IN (SELECT event_id FROM order_items WHERE order_id = %(order_id)s)
ORDER BY id FOR NO KEY UPDATE

-- name: fits_late_share
-- True if an order fits into the share of each of its ticket types that late payments may hold. Pending orders count
-- whose money may be, or is, under way for days: each of them once, however many such payments it has.
SELECT bool_and(wanted.quantity + held.quantity <= stock_pools.quantity * late_payments_share / 100)
FROM (
    SELECT ticket_type_id, sum(quantity) AS quantity FROM order_items
    WHERE order_id = %(order_id)s GROUP BY ticket_type_id
) AS wanted JOIN ticket_types ON ticket_types.id = ticket_type_id JOIN events ON events.id = event_id
    JOIN stock_pools ON stock_pools.id = pool_id CROSS JOIN LATERAL (
    SELECT coalesce(sum(item.quantity), 0) AS quantity
    FROM (SELECT DISTINCT order_id AS id FROM payments WHERE ask_at IS NOT NULL AND (late OR status = 'processing')
        AND order_id <> %(order_id)s) AS late
        JOIN orders USING (id) JOIN order_items AS item ON item.order_id = orders.id
    WHERE orders.status = 'pending' AND item.ticket_type_id = wanted.ticket_type_id
) AS held

-- name: insert_payment
-- A payment that a client starts.
INSERT INTO payments (id, order_id, provider, merchant_id, amount, currency, late, ask_at)
VALUES (%(id)s, %(order_id)s, %(provider)s, %(merchant_id)s, %(amount)s, %(currency)s, %(late)s, %(ask_at)s)
RETURNING id, order_id, provider, status, amount, currency, created_at, closed_at

-- name: insert_payment_by_hand
-- Money that the organisation took itself: a payment that has succeeded, and its incoming payment.
WITH payment AS (
    INSERT INTO payments (id, order_id, provider, provider_reference, status, amount, currency, closed_at)
    VALUES (%(id)s, %(order_id)s, %(provider)s, %(id)s::uuid, 'succeeded', %(amount)s, %(currency)s, now())
    RETURNING id, provider, merchant_id, provider_reference, amount, currency
)
INSERT INTO incoming_payments (id, payment_id, provider, merchant_id, reference, amount, currency, pays_order)
SELECT %(incoming_payment_id)s, id, provider, merchant_id, provider_reference, amount, currency, true FROM payment

-- name: insert_unannounced_payment
-- The payment of an order that a provider's event names. Its reference is the order's id, so an account has one.
INSERT INTO payments (id, order_id, provider, merchant_id, provider_reference, amount, currency)
SELECT %(id)s, id, %(provider)s, %(merchant_id)s, id, total, currency FROM orders WHERE id = %(order_id)s AND total > 0
ON CONFLICT ON CONSTRAINT payments_reference_key DO NOTHING

-- name: get_unannounced_payment
-- The payment that insert_unannounced_payment has made, now or before.
SELECT id FROM payments
WHERE provider = %(provider)s AND merchant_id = %(merchant_id)s AND provider_reference = %(order_id)s::uuid::text

-- name: get_named_order
-- An order by its id or number, if this merchant's account takes money for it. The platform's account does for each.
SELECT id, total, currency FROM orders
WHERE (id = %(id)s OR number = %(number)s) AND %(merchant_id)s::uuid IN (organisation_id, %(platform_merchant)s)

-- name: get_payment_to_prepare
-- What a provider needs to know of a payment, and what it has prepared before.
SELECT payments.id, provider, merchant_id, provider_reference AS reference, amount, payments.currency, order_id,
    number AS order_number, buyer_name, buyer_email, email_changes, expires_at, orders.status AS order_status, late,
    prepared, ask_at IS NOT NULL AS is_open
FROM payments JOIN orders ON orders.id = order_id WHERE payments.id = %(id)s

-- name: set_prepared
-- Store what the provider has prepared, and answer it. If another request was faster, what that stored stays. There is
-- no row if the payment was closed meanwhile. Then nobody learns how to pay it.
UPDATE payments SET provider_reference = coalesce(provider_reference, %(reference)s),
    prepared = coalesce(prepared, %(prepared)s)
WHERE id = %(id)s AND ask_at IS NOT NULL RETURNING prepared

-- name: close_unprepared
-- Close a payment that no provider has prepared. So nobody was told how to pay it.
UPDATE payments SET status = 'failed', closed_at = coalesce(closed_at, now()), ask_at = NULL
WHERE id = %(id)s AND prepared IS NULL AND ask_at IS NOT NULL AND status IN ('pending', 'failed')

-- name: get_payment
-- A payment, with the organisation and account of its order.
SELECT payments.id, order_id, provider, payments.status, amount, payments.currency, payments.created_at, closed_at,
    organisation_id, account_id, email_changes
FROM payments JOIN orders ON orders.id = order_id WHERE payments.id = %(id)s

-- name: lock_payment
-- Lock a payment until the transaction ends, if it was made with this account at this provider.
SELECT id, order_id, provider, status, amount, currency, created_at, closed_at FROM payments
WHERE id = %(id)s AND provider = %(provider)s AND merchant_id = %(merchant_id)s FOR NO KEY UPDATE

-- name: close_payment
-- Set how a payment ended. One that has succeeded or was refunded stays as it is. If `final`, its provider is not asked
-- about it again.
UPDATE payments SET status = %(status)s, closed_at = now(), ask_at = CASE WHEN %(final)s THEN NULL ELSE ask_at END
WHERE id = %(id)s AND status IN ('pending', 'processing', 'failed')

-- name: stop_asking
-- Nothing can come of a payment any more.
UPDATE payments SET ask_at = NULL WHERE id = %(id)s

-- name: set_processing
-- The provider has money under way, for days. We ask about it soon, since this may be old news. If the payment is not
-- open any more, it is old news.
UPDATE payments SET status = 'processing', closed_at = NULL, ask_at = least(ask_at, %(ask_at)s)
WHERE id = %(id)s AND ask_at IS NOT NULL

-- name: ask_later
-- Set when to ask about a payment again. Nothing changes if it is due at another time than the end of the lease: it was
-- closed, or somebody wants it asked about sooner.
UPDATE payments SET ask_at = CASE WHEN status IN ('pending', 'processing') THEN %(if_open)s::timestamptz
    ELSE %(if_closed)s::timestamptz END
WHERE id = %(id)s AND ask_at = %(leased_until)s

-- name: set_unpaid
-- The provider knew of no money for a payment when we asked. An earlier answer does not replace a later one.
UPDATE payments SET unpaid_at = greatest(unpaid_at, %(asked_at)s) WHERE id = %(id)s

-- name: take_payments_to_ask
-- Lease a batch of payments to ask about, the most overdue first. Accounts that have just not answered are left out.
WITH due AS MATERIALIZED (
    SELECT id FROM payments WHERE ask_at <= %(now)s AND provider || merchant_id <> ALL(%(unresponsive_accounts)s)
    ORDER BY ask_at LIMIT %(batch)s FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE payments SET ask_at = %(lease_end)s FROM due, orders
WHERE payments.id = due.id AND orders.id = payments.order_id
RETURNING payments.id, payments.provider, payments.merchant_id, payments.provider_reference AS reference,
    payments.amount, payments.currency, payments.order_id, number AS order_number, buyer_name, buyer_email,
    email_changes, expires_at, payments.status, orders.status AS order_status, late, payments.created_at,
    ask_at AS leased_until

-- name: get_wait
-- How long a call that comes now would wait for its turn, in seconds. A plain read, so that no crowd queues at the row.
SELECT greatest(extract(epoch FROM next_at - clock_timestamp()), 0)::float8 FROM paces
WHERE provider = %(provider)s AND merchant_id = %(merchant_id)s AND operation = %(operation)s

-- name: take_turns
-- Take the next turns, and say how long to wait for the first of them. No row if that would take too long. It runs in
-- autocommit, so the row is locked for a moment only.
INSERT INTO paces AS pace (provider, merchant_id, operation, next_at)
VALUES (%(provider)s, %(merchant_id)s, %(operation)s, clock_timestamp() + %(distance)s)
ON CONFLICT (provider, merchant_id, operation) DO UPDATE
SET next_at = greatest(pace.next_at, clock_timestamp()) + %(distance)s
WHERE pace.next_at <= clock_timestamp() + %(longest_wait)s
RETURNING extract(epoch FROM next_at - %(distance)s - clock_timestamp())::float8

-- name: slow_down
-- Move the next turn to the end of a pause, unless it is later already.
UPDATE paces SET next_at = greatest(next_at, clock_timestamp() + %(pause)s)
WHERE provider = %(provider)s AND merchant_id = %(merchant_id)s AND operation = %(operation)s

-- name: count_waiting_payments
-- How many payments their provider has not prepared yet. Beyond ten thousand it makes no difference.
SELECT count(*) FROM (
    SELECT FROM payments
    WHERE provider = %(provider)s AND merchant_id = %(merchant_id)s AND provider_reference IS NULL
        AND status = 'pending' LIMIT 10000
) AS waiting

-- name: store_event
-- The first delivery of an event stores it. A repeat waits here for the first transaction, and then stores nothing.
INSERT INTO provider_events (provider, merchant_id, event_id, payment_id, kind, payload, effect)
VALUES (%(provider)s, %(merchant_id)s, %(event_id)s,
    (SELECT id FROM payments
    WHERE id = %(payment_id)s AND provider = %(provider)s AND merchant_id = %(merchant_id)s),
    %(kind)s, %(payload)s, 'ignored')
ON CONFLICT DO NOTHING

-- name: set_effect
-- Store what an event changed.
UPDATE provider_events SET effect = %(effect)s
WHERE provider = %(provider)s AND merchant_id = %(merchant_id)s AND event_id = %(event_id)s

-- name: get_effect
-- What the first delivery of an event changed.
SELECT effect FROM provider_events
WHERE provider = %(provider)s AND merchant_id = %(merchant_id)s AND event_id = %(event_id)s

-- name: insert_incoming_payment
-- Record money that came. Nothing is inserted if the same money is recorded already.
INSERT INTO incoming_payments (id, payment_id, provider, merchant_id, reference, amount, currency)
VALUES (%(id)s, %(payment_id)s, %(provider)s, %(merchant_id)s, %(reference)s, %(amount)s, %(currency)s)
ON CONFLICT ON CONSTRAINT incoming_payments_reference_key DO NOTHING

-- name: set_pays_order
-- Mark the incoming payment that pays its order.
UPDATE incoming_payments SET pays_order = true WHERE id = %(id)s

-- name: take_from_incoming_payment
-- Take an amount to refund from the money that has paid an order. No row if less than the amount is left. If the money
-- that is still there is too little, what went back elsewhere counts as a part of the amount.
UPDATE incoming_payments AS incoming
SET refunded = refunded + least(%(most_to_send)s, incoming.amount - refunded - refunded_elsewhere)
WHERE payment_id = %(payment_id)s AND pays_order AND %(amount)s <= incoming.amount - (
    SELECT coalesce(sum(refunds.amount), 0) FROM refunds WHERE incoming_payment_id = incoming.id)
RETURNING new.id, new.currency, (%(amount)s - (new.refunded - old.refunded))::bigint AS elsewhere

-- name: return_incoming_payment
-- All of an incoming payment goes back.
UPDATE incoming_payments SET refunded = amount WHERE id = %(id)s

-- name: insert_refund
-- A refund that is owed. It is due at once, unless all of it went back elsewhere.
INSERT INTO refunds (id, payment_id, incoming_payment_id, amount, elsewhere, currency, reason, status, due_at,
    closed_at)
SELECT %(id)s, %(payment_id)s, %(incoming_payment_id)s, %(amount)s, %(elsewhere)s, %(currency)s, %(reason)s,
    CASE WHEN to_send THEN 'owed' ELSE 'succeeded' END, CASE WHEN to_send THEN now() END,
    CASE WHEN NOT to_send THEN now() END
FROM (SELECT %(elsewhere)s::bigint < %(amount)s::bigint AS to_send) AS refund

-- name: list_accounts_to_send
-- The accounts whose refunds are due, and how many they are.
SELECT provider, merchant_id, count(*) AS due
FROM refunds JOIN incoming_payments AS incoming ON incoming.id = incoming_payment_id
WHERE due_at <= %(now)s AND provider || merchant_id <> ALL(%(leave_out)s) GROUP BY provider, merchant_id

-- name: take_due_refunds
-- Lease a batch of refunds to send, the most overdue first: of one account, or of all but those that have just not
-- answered.
WITH due AS MATERIALIZED (
    SELECT refunds.id FROM refunds JOIN incoming_payments AS incoming ON incoming.id = incoming_payment_id
    WHERE due_at <= %(now)s AND provider || merchant_id <> ALL(%(unresponsive_accounts)s)
        AND (%(account)s::text IS NULL OR provider || merchant_id = %(account)s)
    ORDER BY due_at LIMIT %(batch)s FOR NO KEY UPDATE OF refunds SKIP LOCKED
)
UPDATE refunds SET due_at = %(lease_end)s, attempts = attempts + 1
FROM due, incoming_payments AS incoming, payments
WHERE refunds.id = due.id AND incoming.id = incoming_payment_id AND payments.id = refunds.payment_id
RETURNING refunds.id, refunds.payment_id, incoming.provider, incoming.merchant_id,
    incoming.reference AS money_reference, payments.provider_reference AS payment_reference,
    refunds.amount - elsewhere AS amount, refunds.currency, reason, refunds.provider_reference AS reference, attempts,
    failures, refunds.created_at

-- name: take_refunds
-- Lease some refunds to send, those that are due by our clock or by the database's. They may have just been owed.
WITH due AS MATERIALIZED (
    SELECT id FROM refunds WHERE id = ANY(%(ids)s) AND due_at <= greatest(%(now)s, now())
    ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE refunds SET due_at = %(lease_end)s, attempts = attempts + 1
FROM due, incoming_payments AS incoming, payments
WHERE refunds.id = due.id AND incoming.id = incoming_payment_id AND payments.id = refunds.payment_id
RETURNING refunds.id, refunds.payment_id, incoming.provider, incoming.merchant_id,
    incoming.reference AS money_reference, payments.provider_reference AS payment_reference,
    refunds.amount - elsewhere AS amount, refunds.currency, reason, refunds.provider_reference AS reference, attempts,
    failures, refunds.created_at

-- name: set_refund
-- Store the outcome of an attempt. Nothing changes if another worker has tried since, if the refund was reduced, or if
-- it has succeeded. The answer is the state before, and the order.
UPDATE refunds SET status = %(status)s, due_at = %(due_at)s, provider_reference = %(reference)s,
    last_error = %(error)s, error_code = %(code)s, failures = failures + %(new_failures)s,
    closed_at = CASE WHEN %(status)s = 'succeeded' THEN now() END
FROM payments, orders
WHERE refunds.id = %(id)s AND attempts = %(attempts)s AND failures = %(failures)s AND refunds.status <> 'succeeded'
    AND payments.id = payment_id AND orders.id = order_id
RETURNING old.status AS status_before, order_id, organisation_id, buyer_email, refunds.payment_id, refunds.amount,
    refunds.currency, (
    SELECT order_refunds.id FROM order_refunds WHERE order_refunds.order_id = orders.id AND refund_id = refunds.id
) AS order_refund_id

-- name: lock_money_of_refund
-- Lock the incoming payment of a refund, whose row is the lock of its books.
SELECT id FROM incoming_payments WHERE id = (SELECT incoming_payment_id FROM refunds WHERE id = %(refund_id)s)
FOR NO KEY UPDATE

-- name: get_money_to_book
-- An incoming payment and all that its books depend on: what it pays, its refunds and its reversals, as they are now.
-- A refund's tickets are those that the seller took back for it, by item and by the units of the item.
SELECT orders.organisation_id, order_id, incoming.provider, incoming.merchant_id, incoming.amount, incoming.currency,
    CASE WHEN pays_order THEN (
        SELECT jsonb_agg(jsonb_build_object('item_no', item_no, 'event_id', event_id, 'ticket_type_id', ticket_type_id,
            'quantity', quantity, 'terms_id', terms_id, 'gross', unit_price * quantity, 'discount', discount,
            'buyer_fee', buyer_fee, 'tax', tax, 'platform_fee', platform_fee, 'total', total,
            'returns_fee', coalesce(return_on_refund, true)) ORDER BY item_no)
        FROM order_items AS item LEFT JOIN fee_terms ON fee_terms.id = terms_id WHERE item.order_id = orders.id
    ) ELSE '[]' END AS items,
    (
        SELECT coalesce(jsonb_agg(jsonb_build_object('amount', refunds.amount, 'elsewhere', elsewhere,
            'is_taken', refunds.status IN ('sent', 'succeeded'), 'tickets', (
                SELECT coalesce(jsonb_agg(jsonb_build_array(
                    item_no, (position - 1) * group_size, position * group_size) ORDER BY item_no, position), '[]')
                FROM tickets WHERE tickets.order_id = orders.id AND tickets.id = ANY(order_refunds.ticket_ids)
            )) ORDER BY refunds.id), '[]')
        FROM refunds LEFT JOIN order_refunds ON refund_id = refunds.id WHERE incoming_payment_id = incoming.id
    ) AS refunds,
    (
        SELECT coalesce(jsonb_agg(jsonb_build_object('status', reversals.status, 'amount', reversals.amount,
            'booked', booked, 'is_open', reversals.status = 'open' AND reversals.currency = incoming.currency)
            ORDER BY reversals.id), '[]')
        FROM reversals WHERE incoming_payment_id = incoming.id
    ) AS reversals
FROM incoming_payments AS incoming JOIN payments ON payments.id = payment_id JOIN orders ON orders.id = order_id
WHERE incoming.id = %(id)s

-- name: find_money_of_order
-- The money that has paid an order.
SELECT incoming.id FROM incoming_payments AS incoming JOIN payments ON payments.id = payment_id
WHERE order_id = %(order_id)s AND pays_order

-- name: get_gone_refund
-- The order of a refund that was refused in this attempt, since all of it had gone back elsewhere.
SELECT 'owed' AS status_before, order_id, organisation_id, buyer_email, refunds.payment_id, refunds.amount,
    refunds.currency, (
    SELECT order_refunds.id FROM order_refunds WHERE order_refunds.order_id = orders.id AND refund_id = refunds.id
) AS order_refund_id
FROM refunds JOIN payments ON payments.id = payment_id JOIN orders ON orders.id = order_id
WHERE refunds.id = %(id)s AND attempts = %(attempts)s AND refunds.status = 'succeeded' AND elsewhere = refunds.amount

-- name: ask_about_refund
-- A provider event says that a refund has changed, so ask about it now. It may have failed after it seemed to succeed.
UPDATE refunds SET status = 'sent', due_at = now(), closed_at = NULL FROM incoming_payments AS incoming
WHERE refunds.provider_reference = %(reference)s AND refunds.status IN ('sent', 'succeeded')
    AND incoming.id = incoming_payment_id AND provider = %(provider)s AND merchant_id = %(merchant_id)s

-- name: get_payments_backlog
-- How many payments are open, how many refunds have not arrived, and what waits for people, for the metrics. A refund
-- that the provider has under way may take days, so it does not count as old.
SELECT (SELECT count(*) FROM payments WHERE ask_at IS NOT NULL AND status = 'pending') AS payments_open,
    (SELECT count(*) FROM refunds WHERE due_at IS NOT NULL AND status <> 'failed') AS refunds_owed,
    (SELECT count(*) FROM refunds WHERE status = 'failed') AS refunds_failed,
    (SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 FROM refunds
    WHERE due_at IS NOT NULL AND status <> 'sent') AS oldest_refund_seconds,
    (SELECT count(*) FROM money_matters WHERE settled_at IS NULL) AS matters_open,
    (SELECT count(*) FROM money_matters WHERE settled_at IS NULL AND kind = 'unknown_payment') AS unknown_payments,
    (SELECT count(*) FROM money_matters WHERE settled_at IS NULL AND kind = 'books_differ') AS books_differ,
    (SELECT coalesce(extract(epoch FROM now() - min(opened_at)), 0)::float8 FROM money_matters
    WHERE settled_at IS NULL) AS oldest_matter_seconds

-- name: get_refund_for_email
-- What emails say of a refund: how much of it is to be sent, and how it stands. A person has sent one that succeeded
-- without a name at the provider.
SELECT payments.order_id, refunds.amount, elsewhere, refunds.currency, refunds.status,
    refunds.status = 'by_hand' OR provider = ANY(%(methods_by_hand)s)
        OR refunds.status = 'succeeded' AND refunds.provider_reference IS NULL AS by_hand
FROM refunds JOIN payments ON payments.id = payment_id WHERE refunds.id = %(id)s

-- name: find_reversed_payment
-- The payment of ours that brought some money, or is to bring it.
SELECT coalesce(
    (SELECT payment_id FROM incoming_payments
    WHERE provider = %(provider)s AND merchant_id = %(merchant_id)s AND reference = %(money_reference)s),
    (SELECT id FROM payments
    WHERE provider = %(provider)s AND merchant_id = %(merchant_id)s AND provider_reference = %(money_reference)s),
    (SELECT id FROM payments
    WHERE provider = %(provider)s AND merchant_id = %(merchant_id)s AND id = %(payment_id)s)
) AS id

-- name: lock_incoming_payment
-- Lock the money of a payment that a reversal is about. If the provider does not name it, it is the money that the
-- reversal is booked against, or else what paid the order.
SELECT id, payment_id, reference, amount, currency, pays_order, refunded, refunded_elsewhere,
    (SELECT coalesce(sum(elsewhere), 0)::bigint FROM refunds WHERE incoming_payment_id = incoming.id) AS covered
FROM incoming_payments AS incoming
WHERE payment_id = %(payment_id)s AND (reference = %(money_reference)s OR %(money_reference)s = '')
ORDER BY id = (
    SELECT incoming_payment_id FROM reversals
    WHERE payment_id = %(payment_id)s AND kind = %(kind)s AND reversals.reference = %(reference)s
) DESC, pays_order DESC, id LIMIT 1 FOR NO KEY UPDATE OF incoming

-- name: upsert_reversal
-- Store what a provider says of a reversal. Events come in any order: an open dispute never replaces one that has
-- ended, and a failed refund stays failed. The answer is the reversal as it stands, also if nothing has changed.
INSERT INTO reversals (id, provider, merchant_id, kind, reference, payment_id, money_reference, amount, currency,
    status, reason, is_total)
VALUES (%(id)s, %(provider)s, %(merchant_id)s, %(kind)s, %(reference)s, %(payment_id)s, %(money_reference)s,
    %(amount)s, %(currency)s, %(status)s, %(reason)s, %(is_total)s)
ON CONFLICT ON CONSTRAINT reversals_reference_key DO UPDATE SET
    status = CASE WHEN reversals.status = 'failed' OR EXCLUDED.status = 'open' THEN reversals.status
        ELSE EXCLUDED.status END,
    amount = EXCLUDED.amount,
    reason = CASE WHEN reversals.status = 'failed' OR EXCLUDED.status = 'open' THEN reversals.reason
        ELSE EXCLUDED.reason END
RETURNING id, kind, reference, money_reference, amount, currency, status, reason, booked, is_total,
    old.status AS status_before, old.amount AS amount_before

-- name: has_waiting_reversal
-- True if a reversal of a payment came before its money.
SELECT EXISTS (SELECT FROM reversals WHERE payment_id = %(payment_id)s AND incoming_payment_id IS NULL)

-- name: list_waiting_reversals
-- The reversals of a payment that came before its money.
SELECT id, kind, reference, money_reference, amount, currency, status, reason, booked, is_total
FROM reversals WHERE payment_id = %(payment_id)s AND incoming_payment_id IS NULL ORDER BY is_total, id

-- name: list_replaceable_reversals
-- The reversals of an incoming payment whose booked amount another one can take over. Each was only a part of a sum, or
-- did not arrive in the end.
SELECT id, kind, reference, money_reference, amount, currency, status, reason, booked, is_total
FROM reversals
WHERE incoming_payment_id = %(incoming_payment_id)s AND id <> %(id)s AND booked > 0
    AND (is_total OR status IN ('failed', 'won'))
ORDER BY id

-- name: list_unbooked_reversals
-- What went back of the money of a refund, and could not be booked, since the refund was under way.
SELECT kind, reference, money_reference, reversals.amount, reversals.currency, reversals.status, reversals.reason,
    reversals.payment_id
FROM refunds JOIN reversals USING (incoming_payment_id)
WHERE refunds.id = %(refund_id)s AND reversals.status IN ('made', 'lost') AND booked < reversals.amount AND NOT is_total
ORDER BY reversals.id

-- name: get_booked
-- How much of a reversal is booked. No row if it is new.
SELECT booked FROM reversals
WHERE incoming_payment_id = %(incoming_payment_id)s AND kind = %(kind)s AND reference = %(reference)s

-- name: set_booked
-- Book more or less of a reversal.
UPDATE reversals SET booked = booked + %(amount)s, incoming_payment_id = %(incoming_payment_id)s WHERE id = %(id)s

-- name: book_elsewhere
-- More or less of an incoming payment went back without us, and more or less of it is left to our refunds.
UPDATE incoming_payments SET refunded_elsewhere = refunded_elsewhere + %(elsewhere)s,
    refunded = refunded - %(from_refunds)s
WHERE id = %(id)s

-- name: lock_reducible_refunds
-- The refunds of an incoming payment that nobody is sending now: never tried, or refused for good. The refund `refused`
-- is one of them, since the provider has just refused it, unless another worker has tried since and may have sent it.
SELECT id, amount - elsewhere AS amount FROM refunds
WHERE incoming_payment_id = %(incoming_payment_id)s AND elsewhere < amount AND (
    id = %(refused)s AND attempts = %(attempts)s OR status = 'by_hand' OR status = 'failed' AND due_at IS NULL
    OR status = 'owed' AND attempts = 0)
ORDER BY id DESC FOR NO KEY UPDATE

-- name: reduce_refund
-- A part of a refund has gone back elsewhere, so it sends less. It is a new refund for the provider.
UPDATE refunds SET elsewhere = elsewhere + %(amount)s, failures = failures + 1, last_error = NULL, error_code = NULL,
    status = CASE WHEN elsewhere + %(amount)s = refunds.amount THEN 'succeeded'
        WHEN status = 'by_hand' THEN 'by_hand' ELSE 'owed' END,
    due_at = CASE WHEN elsewhere + %(amount)s < refunds.amount AND status <> 'by_hand' THEN now() END,
    closed_at = CASE WHEN elsewhere + %(amount)s = refunds.amount THEN now() END
WHERE id = %(id)s RETURNING status

-- name: has_unsent_refund
-- True if a refund of an incoming payment may be under way to the provider.
SELECT EXISTS (SELECT FROM refunds WHERE incoming_payment_id = %(incoming_payment_id)s AND status = 'owed')

-- name: set_ends_order
-- The money of an order has gone back without us, so that the order is to be ended.
UPDATE incoming_payments SET ends_order_at = coalesce(ends_order_at, now()) WHERE id = %(id)s AND pays_order

-- name: keep_order
-- Money that had gone back elsewhere did not arrive, so the order is not to be ended. A lost dispute still ends it.
UPDATE incoming_payments SET ends_order_at = NULL
WHERE id = %(id)s AND ends_order_at IS NOT NULL
    AND NOT EXISTS (SELECT FROM reversals WHERE incoming_payment_id = incoming_payments.id AND status = 'lost')

-- name: list_orders_to_end
-- A batch of orders whose money has gone back elsewhere, the oldest news first.
SELECT order_id AS id FROM incoming_payments JOIN payments ON payments.id = payment_id
WHERE ends_order_at IS NOT NULL AND order_id <> ALL(%(leave_out)s) ORDER BY ends_order_at LIMIT 100

-- name: clear_end_of_order
-- Clear that an order is to be ended, in the transaction that ends it. The answer is what went back elsewhere and is in
-- no refund yet. No row if there is nothing to end.
UPDATE incoming_payments AS incoming SET ends_order_at = NULL FROM payments
WHERE payments.id = payment_id AND order_id = %(order_id)s AND ends_order_at IS NOT NULL
RETURNING (refunded_elsewhere - (
        SELECT coalesce(sum(elsewhere), 0) FROM refunds WHERE incoming_payment_id = incoming.id))::bigint AS elsewhere,
    CASE WHEN EXISTS (SELECT FROM reversals WHERE incoming_payment_id = incoming.id AND reversals.status = 'lost')
        THEN 'the payer won a dispute at ' ELSE 'all of it was refunded at ' END || incoming.provider AS reason

-- name: has_open_dispute
-- True if somebody disputes the money that paid an order.
SELECT EXISTS (SELECT FROM reversals WHERE incoming_payment_id = %(incoming_payment_id)s AND status = 'open')

-- name: open_matter
-- Open a matter, or open it again. What it says is replaced.
INSERT INTO money_matters (id, organisation_id, kind, subject, order_id, payment_id, refund_id, provider, merchant_id,
    reference, amount, currency, details)
VALUES (%(id)s, %(organisation_id)s, %(kind)s, %(subject)s, %(order_id)s, %(payment_id)s, %(refund_id)s, %(provider)s,
    %(merchant_id)s, %(reference)s, %(amount)s, %(currency)s, %(details)s)
ON CONFLICT ON CONSTRAINT money_matters_subject_key DO UPDATE SET
    amount = EXCLUDED.amount, details = EXCLUDED.details, reference = EXCLUDED.reference,
    opened_at = CASE WHEN money_matters.settled_at IS NULL THEN money_matters.opened_at ELSE now() END,
    settled_at = NULL, settled_by = NULL, resolution = NULL, note = NULL

-- name: close_matter
-- Settle a matter that has settled itself, if it is open.
UPDATE money_matters SET settled_at = now(), resolution = %(resolution)s
WHERE kind = %(kind)s AND subject = %(subject)s AND settled_at IS NULL

-- name: lock_and_close_matters
-- Settle the matters about some subjects that have settled themselves, those of them that are open.
WITH open AS MATERIALIZED (
    SELECT id FROM money_matters WHERE kind = %(kind)s AND subject = ANY(%(subjects)s) AND settled_at IS NULL
    ORDER BY id FOR NO KEY UPDATE
)
UPDATE money_matters SET settled_at = now(), resolution = %(resolution)s FROM open WHERE money_matters.id = open.id

-- name: list_open_matters
-- An organisation's open matters, newest first. They are few, and have an index of their own.
SELECT matters.id, matters.organisation_id, kind, order_id, number AS order_number, payment_id, refund_id, provider,
    merchant_id, reference, amount, matters.currency, matters.details, opened_at, settled_at, settled_by, resolution,
    note
FROM money_matters AS matters LEFT JOIN orders ON orders.id = order_id
WHERE matters.organisation_id = %(organisation_id)s AND matters.id < %(before)s AND settled_at IS NULL
ORDER BY matters.id DESC LIMIT %(limit)s + 1

-- name: list_matters
-- An organisation's matters, newest first: all, or only those that are settled.
SELECT matters.id, matters.organisation_id, kind, order_id, number AS order_number, payment_id, refund_id, provider,
    merchant_id, reference, amount, matters.currency, matters.details, opened_at, settled_at, settled_by, resolution,
    note
FROM money_matters AS matters LEFT JOIN orders ON orders.id = order_id
WHERE matters.organisation_id = %(organisation_id)s AND matters.id < %(before)s
    AND (settled_at IS NOT NULL OR NOT %(only_settled)s)
ORDER BY matters.id DESC LIMIT %(limit)s + 1

-- name: get_matter
-- A matter of an organisation.
SELECT matters.id, matters.organisation_id, kind, order_id, number AS order_number, payment_id, refund_id, provider,
    merchant_id, reference, amount, matters.currency, matters.details, opened_at, settled_at, settled_by, resolution,
    note
FROM money_matters AS matters LEFT JOIN orders ON orders.id = order_id
WHERE matters.organisation_id = %(organisation_id)s AND matters.id = %(id)s

-- name: settle_matter
-- Settle a matter. No row changes if somebody has settled it already.
UPDATE money_matters SET settled_at = now(), settled_by = %(settled_by)s, resolution = %(resolution)s, note = %(note)s,
    order_id = coalesce(order_id, %(order_id)s)
WHERE id = %(id)s AND settled_at IS NULL

-- name: retry_refund
-- Send a refund again that has failed. No row changes if a worker may be sending it, or if it is sent.
UPDATE refunds SET status = 'owed', due_at = now()
WHERE id = %(id)s AND status IN ('failed', 'owed') AND (due_at IS NULL OR due_at > %(lease_end)s)

-- name: end_refund_by_hand
-- A person has sent the money of a refund. No row if a worker may be sending it, or if it is sent. Nor is there one if
-- the provider's last answer is not known: it may have sent the money.
UPDATE refunds SET status = 'succeeded', due_at = NULL, closed_at = now() FROM payments, orders
WHERE refunds.id = %(id)s
    AND (refunds.status IN ('failed', 'by_hand') OR refunds.status = 'owed' AND error_code IS NOT NULL)
    AND (due_at IS NULL OR due_at > %(lease_end)s) AND payments.id = payment_id AND orders.id = order_id
RETURNING old.status AS status_before, order_id, organisation_id, buyer_email, refunds.payment_id, refunds.amount,
    refunds.currency, (
    SELECT order_refunds.id FROM order_refunds WHERE order_refunds.order_id = orders.id AND refund_id = refunds.id
) AS order_refund_id

-- name: erase_provider_events
-- Erase what providers told of some orders' payments. That each was told, and with what effect, stays.
UPDATE provider_events SET payload = '{}'
WHERE payment_id IN (SELECT id FROM payments WHERE order_id = ANY(%(order_ids)s)) AND payload <> '{}'

-- name: lock_and_erase_prepared
-- Erase what clients needed to pay some orders, where it can no longer be used.
WITH locked AS MATERIALIZED (
    SELECT id FROM payments WHERE order_id = ANY(%(order_ids)s) AND ask_at IS NULL AND prepared IS NOT NULL
    ORDER BY id FOR NO KEY UPDATE
)
UPDATE payments SET prepared = NULL FROM locked WHERE payments.id = locked.id

-- name: list_old_events
-- A batch of events that providers told long ago, with what they told.
SELECT provider || ' ' || merchant_id || ' ' || event_id AS id, provider, merchant_id, event_id FROM provider_events
WHERE payload <> '{}' AND received_at < now() - make_interval(days => %(days)s)
    AND provider || ' ' || merchant_id || ' ' || event_id <> ALL(%(leave_out)s)
ORDER BY received_at LIMIT %(batch)s

-- name: erase_old_events
UPDATE provider_events SET payload = '{}'
FROM unnest(%(providers)s::text[], %(merchant_ids)s::uuid[], %(event_ids)s::text[])
    AS old_event (provider, merchant_id, event_id)
WHERE provider_events.provider = old_event.provider AND provider_events.merchant_id = old_event.merchant_id
    AND provider_events.event_id = old_event.event_id
