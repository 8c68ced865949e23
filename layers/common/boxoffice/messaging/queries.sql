-- Statements on the outbox, and on what its messages say.

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

-- name: get_order
SELECT orders.id, number, currency, discount, total, organisations.name AS seller,
    (SELECT code FROM vouchers WHERE vouchers.id = voucher_id) AS voucher
FROM orders JOIN organisations ON organisations.id = organisation_id WHERE orders.id = %(id)s

-- name: list_lines
SELECT item.event_id, events.version AS event_version, title AS event_title, venue_name, venue_address, city, time_zone,
    starts_at, ends_at, item.ticket_type_id, name AS ticket_type_name, quantity, unit_price
FROM order_items AS item JOIN events ON events.id = item.event_id JOIN ticket_types ON ticket_types.id = ticket_type_id
WHERE order_id = %(order_id)s ORDER BY starts_at, item.event_id, line

-- name: get_returned
-- What came and went back, which need not be what was asked for; the last time, if it happened again.
SELECT refunds.amount, refunds.currency FROM refunds JOIN payments ON payments.id = payment_id
WHERE payment_id = %(id)s AND order_id = %(order_id)s ORDER BY refunds.id DESC LIMIT 1

-- name: get_refund
SELECT order_id, order_refunds.amount, orders.currency,
    coalesce((SELECT provider = ANY(%(methods_by_hand)s) FROM payments JOIN refunds ON refunds.payment_id = payments.id
    WHERE refunds.id = refund_id), false) AS by_hand,
    cardinality(ticket_ids) = (SELECT count(*) FROM tickets WHERE tickets.order_id = orders.id) AS whole,
    (SELECT coalesce(jsonb_agg(ended ORDER BY event_title, type_name), '[]') FROM (
        SELECT title AS event_title, name AS type_name, sum(admits) AS quantity
        FROM tickets JOIN ticket_types ON ticket_types.id = ticket_type_id JOIN events ON events.id = tickets.event_id
        WHERE tickets.id = ANY(ticket_ids) GROUP BY title, name
    ) AS ended) AS tickets
FROM order_refunds JOIN orders ON orders.id = order_id WHERE order_refunds.id = %(id)s

-- name: get_cancellation
SELECT events.id AS event_id, events.version AS event_version, title AS event_title, venue_name, venue_address, city,
    time_zone, starts_at, ends_at, cancel_reason AS reason, organisations.name AS seller
FROM events JOIN organisations ON organisations.id = organisation_id WHERE events.id = %(id)s AND cancelled_at IS NOT NULL

-- name: get_transfer
SELECT transfers.id, ticket_id, from_name, to_name, expires_at, transfers.epoch,
    tickets.event_id, events.version AS event_version, title AS event_title, venue_name, venue_address, city, time_zone, starts_at,
    ends_at, ticket_types.name AS ticket_type_name, organisations.name AS seller
FROM transfers JOIN tickets ON tickets.id = ticket_id JOIN events ON events.id = tickets.event_id
    JOIN ticket_types ON ticket_types.id = ticket_type_id JOIN organisations ON organisations.id = tickets.organisation_id
WHERE transfers.id = %(id)s

-- name: get_entry
SELECT entry.id, entry.name, quantity, entry.status, expires_at, entry.event_id, events.version AS event_version,
    events.status = 'cancelled' AS is_cancelled, title AS event_title, venue_name, venue_address, city, time_zone, starts_at, ends_at,
    ticket_types.name AS ticket_type_name, organisations.name AS seller, ARRAY(
        SELECT label FROM seats JOIN seat_rows ON seat_rows.id = row_id WHERE owner_id = entry.id ORDER BY rank, position
    ) AS seats
FROM waitlist_entries AS entry JOIN events ON events.id = entry.event_id
    JOIN ticket_types ON ticket_types.id = ticket_type_id
    JOIN organisations ON organisations.id = entry.organisation_id
WHERE entry.id = %(id)s
