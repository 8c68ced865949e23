-- Statements on the sandbox's memory (SQLite).

-- name: insert_payment
-- A repeat changes nothing.
INSERT INTO payments (id, amount, currency, number, buyer, return_url)
VALUES (:id, :amount, :currency, :number, :buyer, :return_url)
ON CONFLICT DO NOTHING

-- name: get_payment
SELECT id, amount, currency, number, buyer, return_url, status,
    (SELECT coalesce(sum(amount), 0) FROM went_back WHERE payment_id = payments.id) AS refunded
FROM payments WHERE id = :id

-- name: set_status
-- A payment that has ended stays as it is. The buyer may have paid another amount than was asked for.
UPDATE payments SET status = :status, amount = coalesce(:amount, amount)
WHERE id = :id AND status NOT IN ('succeeded', 'cancelled')

-- name: insert_refund
-- Nothing is inserted if less than the amount is left of the payment.
INSERT INTO refunds (id, payment_id, amount, status)
SELECT :id, payments.id, :amount, :status FROM payments
WHERE id = :payment_id AND payments.status = 'succeeded' AND currency = :currency AND payments.amount >= :amount
    + (SELECT coalesce(sum(amount), 0) FROM went_back WHERE payment_id = payments.id)
ON CONFLICT DO NOTHING

-- name: get_refund
SELECT id, payment_id, amount, status, reason FROM refunds WHERE id = :id

-- name: set_refund
-- How a refund ended that was under way.
UPDATE refunds SET status = :status, reason = :reason WHERE id = :id AND status = 'pending'

-- name: list_refunds
SELECT id, payment_id, amount, status, reason FROM refunds WHERE payment_id = :payment_id ORDER BY id

-- name: insert_reversal
-- Nothing is inserted if less than the amount is left of the payment.
INSERT INTO reversals (reference, payment_id, type, amount)
SELECT :reference, payments.id, :type, :amount FROM payments
WHERE id = :payment_id AND payments.status = 'succeeded' AND payments.amount >= :amount
    + (SELECT coalesce(sum(amount), 0) FROM went_back WHERE payment_id = payments.id)
ON CONFLICT DO NOTHING

-- name: end_reversal
-- A dispute that has ended, or a refund that has failed, stays as it is.
UPDATE reversals SET type = :type
WHERE reference = :reference AND payment_id = :payment_id AND amount = :amount AND type IN (
    CASE :type WHEN 'refund.failed' THEN 'refund.created' WHEN 'dispute.won' THEN 'dispute.opened'
    WHEN 'dispute.lost' THEN 'dispute.opened' END)

-- name: list_reversals
SELECT reference, type, amount FROM reversals WHERE payment_id = :payment_id ORDER BY reference

-- name: insert_webhook
INSERT INTO webhooks (id, body, due_at) VALUES (:id, :body, :due_at)

-- name: take_webhook
-- Begin an attempt to send a webhook that is due. The next one follows after growing waits.
UPDATE webhooks SET attempts = attempts + 1, due_at = :now + min(:first_wait * (1 << min(attempts, 10)), :longest_wait)
WHERE id = :id AND due_at <= :now RETURNING body, attempts

-- name: list_due_webhooks
SELECT id FROM webhooks WHERE due_at <= :now ORDER BY due_at LIMIT :batch

-- name: set_taken
-- The API has taken a webhook, or we give it up.
UPDATE webhooks SET due_at = NULL WHERE id = :id

-- name: give_up_webhooks
UPDATE webhooks SET due_at = NULL WHERE due_at IS NOT NULL

-- name: list_entries
-- A page of the balance report, the oldest first, and one entry more if another page follows.
SELECT entries.id, payment_id, payments.amount AS paid, currency, kind, type, subject, entries.amount, fee, made_at
FROM entries JOIN payments ON payments.id = payment_id
WHERE entries.id > :after AND made_at >= :since AND made_at < :until ORDER BY entries.id LIMIT :limit + 1

-- name: list_balances
SELECT currency, sum(entries.amount - fee) FROM entries JOIN payments ON payments.id = payment_id GROUP BY currency
