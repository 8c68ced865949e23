-- Statements on the outbox.

-- name: insert_email
INSERT INTO outbox (id, kind, template, recipient, payload)
VALUES (%(id)s, 'email', %(template)s, %(recipient)s, %(payload)s)
ON CONFLICT (id) DO NOTHING

-- name: get_recipient
-- To whom a message goes by now, and why nobody writes there any more. One about an order goes to its buyer, whose
-- address may have changed.
SELECT recipient, (
    SELECT reason FROM suppressed_addresses WHERE address = recipient AND lifted_at IS NULL
) AS suppressed FROM (SELECT coalesce((
    SELECT buyer_email FROM orders WHERE id = (payload ->> 'order_id')::uuid
), (
    SELECT buyer_email FROM order_refunds JOIN orders ON orders.id = order_id
    WHERE order_refunds.id = (payload ->> 'order_refund_id')::uuid
), (
    SELECT buyer_email FROM refunds JOIN payments ON payments.id = payment_id JOIN orders ON orders.id = order_id
    WHERE refunds.id = (payload ->> 'refund_id')::uuid
), recipient) AS recipient FROM outbox WHERE id = %(id)s) AS message

-- name: get_locale
-- In which language whoever gets a message reads. What it is about says so: a request, a transfer, an order or a
-- waitlist entry. Else the recipient's account does, and then the organisation that sells.
SELECT coalesce(outbox.payload ->> 'locale', (
    SELECT locale FROM transfers
    WHERE to_email = recipient AND (
        id = (outbox.payload ->> 'transfer_id')::uuid OR ticket_id = (outbox.payload ->> 'ticket_id')::uuid)
    ORDER BY id DESC LIMIT 1
), sold.details ->> 'locale', entry.locale, token.payload ->> 'locale', (
    SELECT locale FROM accounts WHERE email = recipient
), (
    SELECT locale FROM accounts WHERE phone = recipient AND phone_verified_at IS NOT NULL
), (
    SELECT locale FROM organisations
    WHERE id = coalesce((outbox.payload ->> 'organisation_id')::uuid, sold.organisation_id, entry.organisation_id, (
        SELECT organisation_id FROM events WHERE id = (outbox.payload ->> 'event_id')::uuid
    ), (
        SELECT organisation_id FROM ticket_types JOIN events ON events.id = event_id
        WHERE ticket_types.id = (token.payload ->> 'ticket_type_id')::uuid
    ), (
        SELECT organisation_id FROM invitations WHERE id = (outbox.payload ->> 'invitation_id')::uuid
    ))
))
FROM outbox
    LEFT JOIN one_time_tokens AS token ON token.id = (outbox.payload ->> 'token_id')::uuid
    LEFT JOIN waitlist_entries AS entry ON entry.id = (outbox.payload ->> 'entry_id')::uuid
    LEFT JOIN orders AS sold ON sold.id = coalesce(
        (outbox.payload ->> 'order_id')::uuid, (outbox.payload ->> 'former_order_id')::uuid, token.order_id, (
            SELECT order_id FROM order_refunds WHERE id = (outbox.payload ->> 'order_refund_id')::uuid
        ), (
            SELECT order_id FROM refunds JOIN payments ON payments.id = payment_id
            WHERE refunds.id = (outbox.payload ->> 'refund_id')::uuid
        ), (
            SELECT order_id FROM tickets WHERE id = coalesce((outbox.payload ->> 'ticket_id')::uuid, (
                SELECT ticket_id FROM transfers WHERE id = (outbox.payload ->> 'transfer_id')::uuid
            ))
        ))
WHERE outbox.id = %(id)s

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
UPDATE outbox SET status = 'sent', aws_message_id = %(aws_message_id)s, sent_at = now(),
    last_error = CASE WHEN feedback IS NOT NULL THEN last_error END
WHERE id = %(id)s

-- name: set_dropped
UPDATE outbox SET status = 'dropped', last_error = %(reason)s, feedback = coalesce(feedback, %(feedback)s)
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

-- name: suppress_address
-- Write to an address no more, unless an admin has lifted that since. That it does not exist says more than a
-- complaint.
INSERT INTO suppressed_addresses AS known (id, address, reason, detail, suppressed_at)
VALUES (%(id)s, %(address)s, %(reason)s, %(detail)s, %(at)s)
ON CONFLICT (address) DO UPDATE
SET reason = excluded.reason, detail = excluded.detail, suppressed_at = excluded.suppressed_at, lifted_at = NULL
WHERE CASE WHEN known.lifted_at IS NULL THEN known.reason = 'complained' AND excluded.reason = 'bounced'
    ELSE excluded.suppressed_at > known.lifted_at END

-- name: set_feedback
-- What SES has told of an email. A complaint says more than that it came back: somebody has read it.
UPDATE outbox SET feedback = %(feedback)s, last_error = CASE WHEN recipient <> '' THEN %(detail)s END
WHERE id = %(id)s AND kind = 'email' AND (feedback IS NULL OR feedback = 'bounced' AND %(feedback)s = 'complained')

-- name: list_outbox
-- A page of messages, newest first. PostgreSQL plans the statement for each call, so that filters without a value
-- vanish from the plan.
SELECT id, kind, template, recipient, status, feedback, attempts, last_error,
    CASE WHEN status IN ('pending', 'sending') THEN due_at END AS due_at, created_at, sent_at
FROM outbox
WHERE (%(status)s::text IS NULL OR status = %(status)s) AND (%(kind)s::text IS NULL OR kind = %(kind)s)
    AND (%(template)s::text IS NULL OR template = %(template)s)
    AND (%(recipient)s::text IS NULL OR recipient = %(recipient)s)
    AND (%(before)s::timestamptz IS NULL OR (created_at, id) < (%(before)s, %(before_id)s))
ORDER BY created_at DESC, id DESC LIMIT %(limit)s + 1

-- name: lock_message
-- A message that an admin wants to retry.
SELECT id, kind, template, recipient, status, feedback, attempts, last_error,
    CASE WHEN status IN ('pending', 'sending') THEN due_at END AS due_at, created_at, sent_at
FROM outbox WHERE id = %(id)s FOR NO KEY UPDATE

-- name: retry_message
-- The message is tried as often as a new one.
UPDATE outbox SET status = 'pending', attempts = 0, due_at = now(), relay_at = now() + interval '30 seconds'
WHERE id = %(id)s
RETURNING id, kind, template, recipient, status, feedback, attempts, last_error, due_at, created_at, sent_at

-- name: list_suppressed_addresses
-- A page of the addresses that nobody writes to, newest first, or one of them.
SELECT id, address, reason, detail, suppressed_at FROM suppressed_addresses
WHERE lifted_at IS NULL AND (%(address)s::text IS NULL OR address = %(address)s)
    AND (%(before)s::timestamptz IS NULL OR (suppressed_at, id) < (%(before)s, %(before_id)s))
ORDER BY suppressed_at DESC, id DESC LIMIT %(limit)s + 1

-- name: lift_suppression
-- Write to an address again.
UPDATE suppressed_addresses SET lifted_at = now() WHERE id = %(id)s AND lifted_at IS NULL RETURNING address

-- name: delete_suppression
DELETE FROM suppressed_addresses WHERE address = %(address)s
