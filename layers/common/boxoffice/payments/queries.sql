-- Statements on payments.

-- name: insert_payment
INSERT INTO payments (id, order_id, provider, merchant_id, amount, currency, ask_at)
VALUES (%(id)s, %(order_id)s, %(provider)s, %(merchant_id)s, %(amount)s, %(currency)s, %(ask_at)s)
RETURNING id, order_id, provider, status, amount, currency, created_at, settled_at

-- name: insert_payment_by_hand
-- Money that the organisation took itself, and the receipt for it.
WITH payment AS (
    INSERT INTO payments (id, order_id, provider, provider_reference, status, amount, currency, settled_at)
    VALUES (%(id)s, %(order_id)s, %(provider)s, %(id)s::uuid, 'succeeded', %(amount)s, %(currency)s, now())
    RETURNING *
)
INSERT INTO receipts (id, payment_id, provider, merchant_id, reference, amount, currency, kept)
SELECT %(receipt_id)s, id, provider, merchant_id, provider_reference, amount, currency, true FROM payment

-- name: insert_generic_payment
-- An order has one such payment at the most.
INSERT INTO payments (id, order_id, provider, merchant_id, provider_reference, amount, currency)
SELECT %(id)s, id, 'generic', %(merchant_id)s, id, total, currency FROM orders WHERE id = %(order_id)s AND total > 0
ON CONFLICT (order_id) WHERE provider = 'generic' DO NOTHING

-- name: get_generic_payment
SELECT id FROM payments WHERE order_id = %(order_id)s AND provider = 'generic'

-- name: get_billed_order
-- By id or by number; those that are sold through an account of this merchant.
SELECT id, total, currency FROM orders
WHERE (id = %(id)s OR number = %(number)s) AND %(merchant_id)s::uuid IN (organisation_id, %(platform)s)

-- name: get_bill
SELECT payments.id, provider, merchant_id, provider_reference AS reference, amount, payments.currency, order_id,
    number AS order_number, buyer_name, buyer_email, expires_at
FROM payments JOIN orders ON orders.id = order_id WHERE payments.id = %(id)s

-- name: set_prepared
-- The provider has it. One that it has refused before is open again.
UPDATE payments SET provider_reference = %(reference)s, ask_at = coalesce(ask_at, %(ask_at)s),
    status = CASE status WHEN 'failed' THEN 'pending' ELSE status END,
    settled_at = CASE status WHEN 'failed' THEN NULL ELSE settled_at END
WHERE id = %(id)s

-- name: get_payment
SELECT payments.id, order_id, provider, payments.status, amount, payments.currency, payments.created_at, settled_at,
    organisation_id, account_id
FROM payments JOIN orders ON orders.id = order_id WHERE payments.id = %(id)s

-- name: lock_payment
SELECT id, order_id, provider, status, amount, currency, created_at, settled_at FROM payments
WHERE id = %(id)s AND provider = %(provider)s AND merchant_id = %(merchant_id)s FOR NO KEY UPDATE

-- name: settle_payment
-- Once its provider has said its last word, it is asked no more. What money has settled stays so.
UPDATE payments SET status = %(status)s, settled_at = now(), ask_at = CASE WHEN %(last)s THEN NULL ELSE ask_at END
WHERE id = %(id)s AND status IN ('pending', 'failed')

-- name: stop_asking
UPDATE payments SET ask_at = NULL WHERE id = %(id)s

-- name: ask_later
-- Unless its last word has been heard meanwhile.
UPDATE payments SET ask_at = CASE WHEN status = 'pending' THEN %(if_open)s::timestamptz
    ELSE %(if_closed)s::timestamptz END
WHERE id = %(id)s AND ask_at IS NOT NULL

-- name: take_payments_to_ask
-- A batch, the most overdue first, leased to one worker. Accounts that have not answered just now are left for later.
WITH due AS MATERIALIZED (
    SELECT id FROM payments WHERE ask_at <= %(now)s AND provider || merchant_id <> ALL(%(silent)s)
    ORDER BY ask_at LIMIT %(batch)s FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE payments SET ask_at = %(leased_until)s FROM due, orders
WHERE payments.id = due.id AND orders.id = payments.order_id
RETURNING payments.id, payments.provider, payments.merchant_id, payments.provider_reference AS reference, payments.amount,
    payments.currency, payments.order_id, number AS order_number, buyer_name, buyer_email, expires_at, payments.status,
    orders.status AS order_status, payments.created_at

-- name: store_event
-- The first delivery of an event stores it. A repeat waits here for the first one's transaction, and stores nothing.
INSERT INTO provider_events (provider, merchant_id, event_id, payment_id, kind, payload, effect)
VALUES (%(provider)s, %(merchant_id)s, %(event_id)s,
    (SELECT id FROM payments
    WHERE id = %(payment_id)s AND provider = %(provider)s AND merchant_id = %(merchant_id)s),
    %(kind)s, %(payload)s, 'ignored')
ON CONFLICT DO NOTHING

-- name: set_effect
UPDATE provider_events SET effect = %(effect)s
WHERE provider = %(provider)s AND merchant_id = %(merchant_id)s AND event_id = %(event_id)s

-- name: get_effect
SELECT effect FROM provider_events
WHERE provider = %(provider)s AND merchant_id = %(merchant_id)s AND event_id = %(event_id)s

-- name: insert_receipt
-- Nothing, if this money is known already.
INSERT INTO receipts (id, payment_id, provider, merchant_id, reference, amount, currency)
VALUES (%(id)s, %(payment_id)s, %(provider)s, %(merchant_id)s, %(reference)s, %(amount)s, %(currency)s)
ON CONFLICT ON CONSTRAINT receipts_reference_key DO NOTHING

-- name: keep_receipt
UPDATE receipts SET kept = true WHERE id = %(id)s

-- name: take_from_receipt
-- What is to go back of the money that an order was paid with; nothing, if less is left.
UPDATE receipts SET refunded = refunded + %(amount)s
WHERE payment_id = %(payment_id)s AND kept AND refunded + %(amount)s <= amount
RETURNING id, currency

-- name: return_receipt
UPDATE receipts SET refunded = amount WHERE id = %(id)s

-- name: insert_refund
INSERT INTO refunds (id, payment_id, receipt_id, amount, currency, reason)
VALUES (%(id)s, %(payment_id)s, %(receipt_id)s, %(amount)s, %(currency)s, %(reason)s)

-- name: take_due_refunds
-- A batch, the most overdue first, leased to one worker. Accounts that have not answered just now are left for later.
WITH due AS MATERIALIZED (
    SELECT refunds.id FROM refunds JOIN receipts ON receipts.id = receipt_id
    WHERE due_at <= %(now)s AND provider || merchant_id <> ALL(%(silent)s)
    ORDER BY due_at LIMIT %(batch)s FOR NO KEY UPDATE OF refunds SKIP LOCKED
)
UPDATE refunds SET due_at = %(leased_until)s, attempts = attempts + 1
FROM due, receipts, payments
WHERE refunds.id = due.id AND receipts.id = receipt_id AND payments.id = refunds.payment_id
RETURNING refunds.id, refunds.payment_id, receipts.provider, receipts.merchant_id, receipts.reference AS money,
    payments.provider_reference AS payment_reference, refunds.amount, refunds.currency, reason,
    refunds.provider_reference AS reference, attempts, failures, refunds.created_at

-- name: take_refunds
-- Those named, as far as they are due, were it only by the database's clock: they have just been owed.
WITH due AS MATERIALIZED (
    SELECT id FROM refunds WHERE id = ANY(%(ids)s) AND due_at <= greatest(%(now)s, now()) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE refunds SET due_at = %(leased_until)s, attempts = attempts + 1
FROM due, receipts, payments
WHERE refunds.id = due.id AND receipts.id = receipt_id AND payments.id = refunds.payment_id
RETURNING refunds.id, refunds.payment_id, receipts.provider, receipts.merchant_id, receipts.reference AS money,
    payments.provider_reference AS payment_reference, refunds.amount, refunds.currency, reason,
    refunds.provider_reference AS reference, attempts, failures, refunds.created_at

-- name: set_refund
-- How an attempt ended. What another worker has settled meanwhile stays so.
UPDATE refunds SET status = %(status)s, due_at = %(due_at)s, provider_reference = %(reference)s, last_error = %(error)s,
    failures = failures + %(failed)s, settled_at = CASE WHEN %(status)s = 'succeeded' THEN now() END
WHERE id = %(id)s AND attempts = %(attempts)s AND status <> 'succeeded'

-- name: ask_about_refund
-- Its provider says that something has happened to it, even if that is after all seemed well.
UPDATE refunds SET status = 'sent', due_at = now(), settled_at = NULL FROM receipts
WHERE refunds.provider_reference = %(reference)s AND refunds.status IN ('sent', 'succeeded')
    AND receipts.id = receipt_id AND provider = %(provider)s AND merchant_id = %(merchant_id)s

-- name: get_backlog
SELECT (SELECT count(*) FROM payments WHERE ask_at IS NOT NULL AND status = 'pending') AS payments_open,
    (SELECT count(*) FROM refunds WHERE due_at IS NOT NULL AND status <> 'failed') AS refunds_owed,
    (SELECT count(*) FROM refunds WHERE status = 'failed') AS refunds_failed,
    (SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 FROM refunds
    WHERE due_at IS NOT NULL) AS oldest_refund_seconds

-- name: get_returned_for_email
-- What came and went back, which need not be what was asked for; the last time, if it happened again.
SELECT refunds.amount, refunds.currency FROM refunds JOIN payments ON payments.id = payment_id
WHERE payment_id = %(id)s AND order_id = %(order_id)s ORDER BY refunds.id DESC LIMIT 1
