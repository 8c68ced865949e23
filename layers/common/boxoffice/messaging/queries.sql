-- Statements on the outbox.

-- name: insert_email
INSERT INTO outbox (id, kind, template, recipient, payload)
VALUES (%(id)s, 'email', %(template)s, %(recipient)s, %(payload)s)
ON CONFLICT (id) DO NOTHING

-- name: insert_webhooks
-- One for each organisation that listens.
INSERT INTO outbox (id, kind, template, recipient, payload, due_at, relay_at)
SELECT webhook.id, 'webhook', %(type)s, organisations.id, webhook_body(%(type)s, data), 'infinity', 'infinity'
FROM unnest(%(ids)s::uuid[], %(organisation_ids)s::uuid[], %(data)s::jsonb[]) AS webhook (id, organisation_id, data)
    JOIN organisations ON organisations.id = organisation_id WHERE webhooks

-- name: take_due_messages
-- What the sweep puts on the queue next. The rows are leased for the time that takes: should the sweep die before all of
-- them are on the queue, the next one takes them again.
WITH due AS MATERIALIZED (
    SELECT id FROM outbox WHERE status IN ('pending', 'sending') AND relay_at <= now()
    ORDER BY relay_at LIMIT %(batch)s FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE outbox SET relay_at = now() + interval '2 minutes' FROM due WHERE outbox.id = due.id
RETURNING outbox.id, relay_at AS leased_until

-- name: set_relayed
-- They are on the queue: the next sweep that minds them is one after as long as they have waited already, within five
-- minutes and an hour. So a long queue is not filled with the same messages again and again. What a worker has claimed
-- meanwhile has a relay_at of its own.
UPDATE outbox SET relay_at = now() + least(greatest(now() - created_at, interval '5 minutes'), interval '1 hour')
WHERE id = ANY(%(ids)s) AND status = 'pending' AND relay_at = %(leased_until)s

-- name: get_backlog
-- What waits to be sent, and since when; failed messages wait for a person, so they are counted apart. Webhooks wait at
-- infinity, which the index leaves out.
SELECT count(*) AS waiting, coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 AS oldest_seconds,
    (SELECT count(*) FROM outbox WHERE status = 'failed') AS failed
FROM outbox WHERE kind = 'email' AND status IN ('pending', 'sending') AND relay_at < 'infinity'

-- name: claim_message
-- One worker has the message until the lease ends; then it is anyone's again.
UPDATE outbox SET status = 'sending', attempts = attempts + 1, due_at = now() + %(lease)s, relay_at = now() + %(lease)s
WHERE id = %(id)s AND status IN ('pending', 'sending') AND due_at <= now()
RETURNING id, template, recipient, payload, attempts

-- name: get_status
SELECT status FROM outbox WHERE id = %(id)s

-- name: set_sent
-- Whoever holds the lease by now: it has been sent.
UPDATE outbox SET status = 'sent', message_id = %(message_id)s, sent_at = now(), last_error = NULL WHERE id = %(id)s

-- name: set_pending
-- Back for another attempt, unless the lease was lost to another worker.
UPDATE outbox SET status = 'pending', attempts = %(attempts)s, due_at = now() + %(wait)s, relay_at = now() + %(wait)s,
    last_error = %(error)s
WHERE id = %(id)s AND status = 'sending' AND attempts = %(claimed_attempts)s

-- name: set_failed
UPDATE outbox SET status = 'failed', last_error = %(error)s
WHERE id = %(id)s AND status = 'sending' AND attempts = %(claimed_attempts)s
