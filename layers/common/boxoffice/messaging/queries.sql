-- Statements on the outbox.

-- name: insert_email
INSERT INTO outbox (id, kind, template, recipient, payload)
VALUES (%(id)s, 'email', %(template)s, %(recipient)s, %(payload)s)
ON CONFLICT (id) DO NOTHING

-- name: get_recipient
-- To whom a message goes by now: one about an order goes to its buyer, whose address may have changed.
SELECT coalesce((
    SELECT buyer_email FROM orders WHERE id = (payload ->> 'order_id')::uuid
), (
    SELECT buyer_email FROM order_refunds JOIN orders ON orders.id = order_id
    WHERE order_refunds.id = (payload ->> 'order_refund_id')::uuid
), (
    SELECT buyer_email FROM refunds JOIN payments ON payments.id = payment_id JOIN orders ON orders.id = order_id
    WHERE refunds.id = (payload ->> 'refund_id')::uuid
), recipient) FROM outbox WHERE id = %(id)s

-- name: set_recipient
UPDATE outbox SET recipient = %(recipient)s WHERE id = %(id)s

-- name: insert_sms
INSERT INTO outbox (id, kind, template, recipient, payload)
VALUES (%(id)s, 'sms', %(template)s, %(recipient)s, %(payload)s)

-- name: insert_emails
INSERT INTO outbox (id, kind, template, recipient, payload)
SELECT id, 'email', %(template)s, recipient, payload
FROM unnest(%(ids)s::uuid[], %(recipients)s::text[], %(payloads)s::jsonb[]) AS email (id, recipient, payload)
ON CONFLICT (id) DO NOTHING

-- name: take_due_messages
-- The messages that `relay_outbox` puts on the queue next, leased for two minutes. If the run dies before all of them
-- are on the queue, a later run takes them again.
WITH due AS MATERIALIZED (
    SELECT id FROM outbox WHERE status IN ('pending', 'sending') AND relay_at <= now()
    ORDER BY relay_at LIMIT %(batch)s FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE outbox SET relay_at = now() + interval '2 minutes' FROM due WHERE outbox.id = due.id
RETURNING outbox.id, kind, relay_at AS leased_until

-- name: set_relayed
-- Messages are on the queue. `relay_outbox` repeats them only after as long as they have waited already: five minutes
-- at the least, an hour at the most. So it does not fill a long queue with the same messages again and again. A message
-- that a worker has taken in the meantime has another relay_at.
UPDATE outbox SET relay_at = now() + least(greatest(now() - created_at, interval '5 minutes'), interval '1 hour')
WHERE id = ANY(%(ids)s) AND status = 'pending' AND relay_at = %(leased_until)s

-- name: get_backlog
-- How many messages wait, and for how long the oldest has. Failed ones wait for a person, so they are counted apart.
SELECT count(*) AS waiting, coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 AS oldest_seconds,
    (SELECT count(*) FROM outbox WHERE status = 'failed') AS failed
FROM outbox WHERE status IN ('pending', 'sending')

-- name: take_message
-- The message is one worker's until the lease ends. Then any worker can take it. A kind has workers of its own.
UPDATE outbox SET status = 'sending', attempts = attempts + 1, due_at = now() + %(lease)s, relay_at = now() + %(lease)s
WHERE id = %(id)s AND kind = %(kind)s AND status IN ('pending', 'sending') AND due_at <= now()
RETURNING id, template, recipient, payload, attempts

-- name: list_statuses
-- How some messages stand.
SELECT id, status FROM outbox WHERE id = ANY(%(ids)s)

-- name: get_status
SELECT status FROM outbox WHERE id = %(id)s

-- name: set_sent
-- Whichever worker has the lease by now: the message is sent.
UPDATE outbox SET status = 'sent', aws_message_id = %(aws_message_id)s, sent_at = now(), last_error = NULL
WHERE id = %(id)s

-- name: set_dropped
UPDATE outbox SET status = 'dropped', last_error = %(reason)s
WHERE id = %(id)s AND status = 'sending' AND attempts = %(taken_attempts)s

-- name: set_pending
-- The message waits for another attempt, unless another worker has taken it since.
UPDATE outbox SET status = 'pending', attempts = %(attempts)s, due_at = now() + %(wait)s, relay_at = now() + %(wait)s,
    last_error = %(error)s
WHERE id = %(id)s AND status = 'sending' AND attempts = %(taken_attempts)s

-- name: set_failed
UPDATE outbox SET status = 'failed', last_error = %(error)s
WHERE id = %(id)s AND status = 'sending' AND attempts = %(taken_attempts)s

-- name: list_old_messages
-- A batch of messages that have ended, the oldest first. Of those that failed an erased one stays, and names nobody.
SELECT id FROM outbox
WHERE (status IN ('sent', 'dropped') OR status = 'failed' AND recipient <> '')
    AND created_at < now() - make_interval(days => %(days)s) AND id <> ALL(%(leave_out)s)
ORDER BY created_at LIMIT %(batch)s

-- name: delete_messages
DELETE FROM outbox WHERE id = ANY(%(ids)s) AND status IN ('sent', 'dropped')

-- name: erase_messages
-- Erase the recipients of messages that have ended. Of a payload only ids stay, which say what the message was about.
UPDATE outbox SET recipient = '', last_error = left(last_error, 0), payload = (
    SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(payload) WHERE right(key, 3) = '_id')
WHERE id = ANY(%(ids)s) AND status NOT IN ('pending', 'sending')

-- name: erase_buyers
-- The same for messages to the buyers of erased orders. Others may have named somebody's address in theirs. So it
-- leaves all that is not about an order, or is about one that still names the address.
UPDATE outbox SET recipient = '', last_error = left(last_error, 0), payload = (
    SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(payload) WHERE right(key, 3) = '_id')
WHERE recipient = ANY(%(recipients)s) AND status NOT IN ('pending', 'sending')
    AND payload ?| ARRAY['order_id', 'order_refund_id', 'refund_id', 'ticket_id', 'transfer_id']
    AND NOT still_names(payload, recipient)
