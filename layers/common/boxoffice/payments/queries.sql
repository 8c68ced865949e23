-- Statements on payments.

-- name: insert_payment
INSERT INTO payments (id, order_id, provider, amount, currency)
VALUES (%(id)s, %(order_id)s, %(provider)s, %(amount)s, %(currency)s)
RETURNING id, order_id, provider, status, amount, currency, created_at, settled_at

-- name: set_reference
UPDATE payments SET provider_reference = %(reference)s WHERE id = %(id)s

-- name: get_payment
SELECT payments.id, order_id, provider, payments.status, amount, payments.currency, payments.created_at, settled_at,
    organisation_id, account_id
FROM payments JOIN orders ON orders.id = order_id WHERE payments.id = %(id)s

-- name: lock_payment
SELECT id, order_id, provider, status, amount, currency, created_at, settled_at
FROM payments WHERE id = %(id)s AND provider = %(provider)s FOR NO KEY UPDATE

-- name: settle_payment
UPDATE payments SET status = %(status)s, settled_at = now() WHERE id = %(id)s

-- name: store_event
-- The first delivery of an event stores it. A repeat waits here for the first one's transaction, and stores nothing.
INSERT INTO provider_events (provider, event_id, payment_id, kind, payload, effect)
VALUES (%(provider)s, %(event_id)s, (SELECT id FROM payments WHERE id = %(payment_id)s AND provider = %(provider)s),
    %(kind)s, %(payload)s, 'ignored')
ON CONFLICT DO NOTHING

-- name: set_effect
UPDATE provider_events SET effect = %(effect)s WHERE provider = %(provider)s AND event_id = %(event_id)s

-- name: get_effect
SELECT effect FROM provider_events WHERE provider = %(provider)s AND event_id = %(event_id)s

-- name: insert_refund
INSERT INTO refunds (id, payment_id, amount, currency, reason)
VALUES (%(id)s, %(payment_id)s, %(amount)s, %(currency)s, %(reason)s)
