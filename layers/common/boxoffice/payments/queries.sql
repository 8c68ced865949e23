-- Statements on payments.

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
SELECT organisations.status AS organisation_status, min(events.ends_at) AS ends_at,
    bool_or(events.status <> 'published' OR events.deleted_at IS NOT NULL) AS is_cancelled
FROM orders JOIN organisations ON organisations.id = organisation_id JOIN order_items ON order_id = orders.id
    JOIN events ON events.id = event_id
WHERE orders.id = %(order_id)s GROUP BY organisations.status

-- name: insert_payment
-- A payment that a client starts.
INSERT INTO payments (id, order_id, provider, merchant_id, amount, currency, ask_at)
VALUES (%(id)s, %(order_id)s, %(provider)s, %(merchant_id)s, %(amount)s, %(currency)s, %(ask_at)s)
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
    number AS order_number, buyer_name, buyer_email, expires_at, orders.status AS order_status, late, prepared,
    ask_at IS NOT NULL AS is_open
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
    organisation_id, account_id
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
    payments.amount, payments.currency, payments.order_id, number AS order_number, buyer_name, buyer_email, expires_at,
    payments.status, orders.status AS order_status, late, payments.created_at, ask_at AS leased_until

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
-- Take an amount to refund from the money that has paid an order. No row if less than the amount is left.
UPDATE incoming_payments SET refunded = refunded + %(amount)s
WHERE payment_id = %(payment_id)s AND pays_order AND refunded + %(amount)s <= amount
RETURNING id, currency

-- name: return_incoming_payment
-- All of an incoming payment goes back.
UPDATE incoming_payments SET refunded = amount WHERE id = %(id)s

-- name: insert_refund
-- A refund that is owed. It is due at once.
INSERT INTO refunds (id, payment_id, incoming_payment_id, amount, currency, reason)
VALUES (%(id)s, %(payment_id)s, %(incoming_payment_id)s, %(amount)s, %(currency)s, %(reason)s)

-- name: list_accounts_to_send
-- The accounts whose refunds are due, and how many they are.
SELECT provider, merchant_id, count(*) AS due
FROM refunds JOIN incoming_payments AS incoming ON incoming.id = incoming_payment_id
WHERE due_at <= %(now)s AND provider || merchant_id <> ALL(%(excluded)s) GROUP BY provider, merchant_id

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
    incoming.reference AS money_reference, payments.provider_reference AS payment_reference, refunds.amount,
    refunds.currency, reason, refunds.provider_reference AS reference, attempts, failures, refunds.created_at

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
    incoming.reference AS money_reference, payments.provider_reference AS payment_reference, refunds.amount,
    refunds.currency, reason, refunds.provider_reference AS reference, attempts, failures, refunds.created_at

-- name: set_refund
-- Store the outcome of an attempt. Nothing changes if another worker has tried since, or if the refund has succeeded.
UPDATE refunds SET status = %(status)s, due_at = %(due_at)s, provider_reference = %(reference)s, last_error = %(error)s,
    failures = failures + %(new_failures)s, closed_at = CASE WHEN %(status)s = 'succeeded' THEN now() END
WHERE id = %(id)s AND attempts = %(attempts)s AND status <> 'succeeded'

-- name: ask_about_refund
-- A provider event says that a refund has changed, so ask about it now. It may have failed after it seemed to succeed.
UPDATE refunds SET status = 'sent', due_at = now(), closed_at = NULL FROM incoming_payments AS incoming
WHERE refunds.provider_reference = %(reference)s AND refunds.status IN ('sent', 'succeeded')
    AND incoming.id = incoming_payment_id AND provider = %(provider)s AND merchant_id = %(merchant_id)s

-- name: get_payments_backlog
-- How many payments are open, and how many refunds have not arrived, for the metrics.
SELECT (SELECT count(*) FROM payments WHERE ask_at IS NOT NULL AND status = 'pending') AS payments_open,
    (SELECT count(*) FROM refunds WHERE due_at IS NOT NULL AND status <> 'failed') AS refunds_owed,
    (SELECT count(*) FROM refunds WHERE status = 'failed') AS refunds_failed,
    (SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 FROM refunds
    WHERE due_at IS NOT NULL) AS oldest_refund_seconds

-- name: get_excess_for_email
-- What goes back of money that was more than its order's total.
SELECT amount, currency FROM refunds WHERE id = %(id)s

-- name: get_returned_for_email
-- The last refund of a payment. Its amount may differ from the payment's, since it is what the buyer really paid.
SELECT refunds.amount, refunds.currency FROM refunds JOIN payments ON payments.id = payment_id
WHERE payment_id = %(id)s AND order_id = %(order_id)s ORDER BY refunds.id DESC LIMIT 1
