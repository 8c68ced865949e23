-- Statements on announcements: what managers write to the buyers and holders of an event.

-- name: get_event
-- What an announcement says of its event. The seller sells unless it is suspended.
SELECT events.id AS event_id, events.version AS event_version, title AS event_title, venue_name, venue_address, city,
    time_zone, starts_at, ends_at, doors_open_at, organisations.name AS seller, contact_email AS seller_contact,
    organisation_id, organisations.status = 'approved' AS seller_sells
FROM events JOIN organisations ON organisations.id = organisation_id
WHERE events.id = %(event_id)s AND deleted_at IS NULL

-- name: count_ticket_types
SELECT count(*) FROM ticket_types WHERE id = ANY(%(ticket_type_ids)s) AND event_id = %(event_id)s

-- name: count_recipients
-- How many mailboxes an announcement would reach now, and how many of them nobody writes to any more.
SELECT count(DISTINCT mailbox_of(email))::integer AS recipients,
    (count(DISTINCT mailbox_of(email)) FILTER (WHERE suppressed_addresses.id IS NOT NULL))::integer AS suppressed
FROM announcement_audience(%(event_id)s, %(audience)s = 'buyers', %(ticket_status)s, %(ticket_type_ids)s,
        %(admitted)s, now(), %(after)s, %(up_to)s)
    LEFT JOIN suppressed_addresses ON address = email AND lifted_at IS NULL
WHERE right(email, length(%(at_erased)s)) <> %(at_erased)s

-- name: insert_announcement
INSERT INTO announcements (id, organisation_id, event_id, sent_by, subject, body, audience, ticket_status,
    ticket_type_ids, admitted, expected)
VALUES (%(id)s, %(organisation_id)s, %(event_id)s, %(sent_by)s, %(subject)s, %(body)s, %(audience)s, %(ticket_status)s,
    %(ticket_type_ids)s, %(admitted)s, %(expected)s)

-- name: get_announcement
SELECT id, organisation_id, event_id, subject, body, audience, ticket_status, ticket_type_ids, admitted, expected,
    recipients, waiting, sent, bounced, complained, suppressed, failed, created_at, last_order_id, finished_at,
    withdrawn_at
FROM announcements WHERE id = %(id)s

-- name: list_announcements
-- A page of an event's announcements, newest first.
SELECT id, organisation_id, event_id, subject, body, audience, ticket_status, ticket_type_ids, admitted, expected,
    recipients, waiting, sent, bounced, complained, suppressed, failed, created_at, last_order_id, finished_at,
    withdrawn_at
FROM announcements WHERE event_id = %(event_id)s AND id < %(before)s ORDER BY id DESC LIMIT %(limit)s + 1

-- name: lock_announcement
-- An announcement that a manager withdraws.
SELECT organisation_id, event_id, withdrawn_at FROM announcements
WHERE id = %(id)s AND event_id = %(event_id)s FOR NO KEY UPDATE

-- name: set_withdrawn
UPDATE announcements SET withdrawn_at = now() WHERE id = %(id)s

-- name: list_unfinished
-- The announcements whose emails are not all written yet, the oldest first.
SELECT id FROM announcements
WHERE finished_at IS NULL AND withdrawn_at IS NULL AND id <> ALL(%(leave_out)s) ORDER BY created_at LIMIT 50

-- name: take_announcement
-- An announcement whose emails are not all written yet, unless another run has it.
SELECT id, organisation_id, event_id, subject, body, audience, ticket_status, ticket_type_ids, admitted, expected,
    recipients, waiting, sent, bounced, complained, suppressed, failed, created_at, last_order_id, finished_at,
    withdrawn_at
FROM announcements WHERE id = %(id)s AND finished_at IS NULL AND withdrawn_at IS NULL
ORDER BY id FOR NO KEY UPDATE SKIP LOCKED

-- name: list_orders
-- A batch of the orders of an event, paid or not, in the order of an index.
SELECT DISTINCT order_id AS id FROM order_items
WHERE event_id = %(event_id)s AND order_id > %(after)s ORDER BY order_id LIMIT %(limit)s

-- name: list_recipients
-- Who is to get an announcement, of the orders after one and up to another: buyers first.
SELECT order_id, ticket_id, email
FROM announcement_audience(%(event_id)s, %(audience)s = 'buyers', %(ticket_status)s, %(ticket_type_ids)s,
    %(admitted)s, %(until)s, %(after)s, %(up_to)s)
ORDER BY ticket_id IS NOT NULL, order_id, ticket_id

-- name: set_written
-- The emails about the event's orders up to this one are written.
UPDATE announcements SET last_order_id = %(last_order_id)s, recipients = recipients + %(new)s, tally_at = now()
WHERE id = %(id)s

-- name: set_finished
UPDATE announcements SET finished_at = now() WHERE id = %(id)s

-- name: list_to_tally
-- The announcements whose emails are to be counted again.
SELECT id FROM announcements WHERE tally_at <= now() AND id <> ALL(%(leave_out)s) ORDER BY tally_at LIMIT 50

-- name: set_tally
-- Count the emails of an announcement, and say when to count them again: after a minute at first, then less often.
UPDATE announcements SET waiting = tally.waiting, sent = tally.sent, bounced = tally.bounced,
    complained = tally.complained, suppressed = tally.suppressed, failed = tally.failed,
    tally_at = CASE WHEN created_at > now() - interval '6 days'
        THEN now() + greatest(interval '1 minute', (now() - created_at) / 10) END
FROM tally_of_mailing(%(id)s) AS tally WHERE id = %(id)s

-- name: get_order_of_recipient
-- The order of a buyer who still has a ticket to which an announcement applies.
SELECT orders.id, number, email_changes FROM orders
WHERE id = %(order_id)s AND EXISTS (
    SELECT FROM tickets
    WHERE order_id = orders.id AND event_id = %(event_id)s AND tickets.status = %(ticket_status)s)

-- name: get_ticket_of_recipient
-- A ticket that an address still holds, if an announcement applies to it.
SELECT id, transfer_count FROM tickets
WHERE id = %(ticket_id)s AND holder_email = %(email)s AND status = %(ticket_status)s
