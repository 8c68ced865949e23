-- Statements on exports, and on what they read. Those that read a page leave out filters that have no value: PostgreSQL
-- plans them for each call.

-- name: get_organisation
-- Whom an export of a whole organisation belongs to.
SELECT organisations.id AS organisation_id FROM organisations WHERE id = %(organisation_id)s

-- name: get_event
-- The organisation of an event.
SELECT organisation_id FROM events WHERE id = %(event_id)s AND deleted_at IS NULL

-- name: insert_export
INSERT INTO exports (id, organisation_id, event_id, kind, format, since, until, asked_by)
VALUES (%(id)s, %(organisation_id)s, %(event_id)s, %(kind)s, %(format)s, %(since)s, %(until)s, %(asked_by)s)

-- name: get_export
-- An export, with the names of what it is of.
SELECT exports.id, exports.organisation_id, event_id, kind, format, since, until, exports.status, attempts, rows_done,
    rows_about, failure, exports.created_at, finished_at, coalesce(title, organisations.name) AS title,
    coalesce(time_zone, 'UTC') AS time_zone
FROM exports JOIN organisations ON organisations.id = exports.organisation_id LEFT JOIN events ON events.id = event_id
WHERE exports.id = %(id)s

-- name: take_export
-- Begin an export anew, unless somebody else has it or it is finished. The lease ends after the time.
UPDATE exports SET status = 'running', attempts = attempts + 1, rows_done = 0, due_at = now() + %(lease)s
WHERE id = %(id)s AND due_at <= now() RETURNING id

-- name: set_progress
-- Go on with the lease. No row if another attempt has begun, or if it is finished.
UPDATE exports SET rows_done = %(rows_done)s, rows_about = greatest(%(rows_about)s, %(rows_done)s::integer),
    due_at = now() + %(lease)s
WHERE id = %(id)s AND attempts = %(attempts)s AND finished_at IS NULL

-- name: finish_export
-- The file is there, or never will be.
UPDATE exports SET status = CASE WHEN %(failure)s::text IS NULL THEN 'ready' ELSE 'failed' END, failure = %(failure)s,
    rows_about = rows_done, due_at = NULL, finished_at = now()
WHERE id = %(id)s AND attempts = %(attempts)s AND finished_at IS NULL

-- name: list_forgotten
-- Exports whose record on the queue is lost, or whose worker has died. The lease gives a worker time to begin.
SELECT id FROM exports WHERE due_at < now() - interval '30 seconds' AND id <> ALL(%(leave_out)s)
ORDER BY due_at LIMIT 50

-- name: list_old
-- Exports whose files are deleted by now.
SELECT id FROM exports WHERE created_at < now() - make_interval(days => %(days)s) AND id <> ALL(%(leave_out)s)
LIMIT 1000

-- name: delete_exports
DELETE FROM exports WHERE id = ANY(%(ids)s)

-- name: list_questions
-- What an event asks its buyers now, in order.
SELECT question ->> 'id' AS id, question ->> 'label' AS label
FROM events CROSS JOIN jsonb_array_elements(form -> 'questions') WITH ORDINALITY AS asked (question, question_no)
WHERE events.id = %(event_id)s ORDER BY question_no

-- name: count_attendees
SELECT count(*) FROM tickets WHERE event_id = %(event_id)s AND id >= %(first_id)s AND id < %(end_id)s

-- name: list_attendees
-- A page of an event's tickets. The index tells which, unless a text is wanted: then the guest list does.
WITH found AS MATERIALIZED (
    SELECT ticket_id FROM guest_list
    WHERE event_id = %(event_id)s AND %(text)s::text IS NOT NULL
        AND (words @@ guest_query(%(event_id)s, %(text)s) OR words @@ guest_query(%(event_id)s, %(order_number)s))
), page AS MATERIALIZED (
    SELECT id FROM tickets
    WHERE event_id = %(event_id)s AND id > greatest(%(after)s::uuid, %(first_id)s::uuid) AND id < %(end_id)s
        AND (%(ticket_type_id)s::uuid IS NULL OR ticket_type_id = %(ticket_type_id)s)
        AND (%(status)s::text IS NULL OR status = %(status)s)
        AND (%(checked_in)s::boolean IS NULL OR (entries > 0) = %(checked_in)s)
        AND (%(text)s::text IS NULL OR id IN (SELECT ticket_id FROM found))
    ORDER BY id LIMIT %(limit)s + 1
)
SELECT tickets.id AS ticket_id, order_id, number AS order_number, ticket_type_id, ticket_types.name AS ticket_type_name,
    holder_name, holder_email, holder_contact, buyer_name, buyer_email, buyer_phone, seat, group_size, tickets.status,
    disputed, entries, tickets.max_entries, first_scan_at, first_scan_gate, tickets.created_at AS issued_at,
    order_answers, ticket_answers.answers
FROM page JOIN tickets USING (id) JOIN orders ON orders.id = order_id
    JOIN ticket_types ON ticket_types.id = ticket_type_id JOIN ticket_answers ON ticket_id = tickets.id
ORDER BY tickets.id

-- name: count_orders
SELECT CASE WHEN %(event_id)s::uuid IS NULL THEN (
    SELECT count(*) FROM orders
    WHERE organisation_id = %(organisation_id)s AND id >= %(first_id)s AND id < %(end_id)s
) ELSE (
    SELECT count(DISTINCT order_id) FROM order_items
    WHERE event_id = %(event_id)s AND order_id >= %(first_id)s AND order_id < %(end_id)s
) END

-- name: list_orders
-- A page of an organisation's orders, or of those that have an item of an event. Each status is a range of the index.
WITH page AS MATERIALIZED (
    SELECT id FROM (
        SELECT next.id FROM unnest(%(statuses)s::text[]) AS requested (status) CROSS JOIN LATERAL (
            SELECT id FROM orders
            WHERE organisation_id = %(organisation_id)s AND %(event_id)s::uuid IS NULL
                AND (orders.status, id) > (requested.status, greatest(%(after)s::uuid, %(first_id)s::uuid))
                AND (orders.status, id) < (requested.status, %(end_id)s)
            ORDER BY orders.status, id LIMIT %(limit)s + 1
        ) AS next
        UNION ALL
        SELECT next.id FROM (
            SELECT DISTINCT order_id AS id FROM order_items
            WHERE event_id = %(event_id)s AND order_id > greatest(%(after)s::uuid, %(first_id)s::uuid)
                AND order_id < %(end_id)s
            ORDER BY order_id LIMIT %(limit)s + 1
        ) AS next
    ) AS found ORDER BY id LIMIT %(limit)s + 1
)
SELECT orders.id AS order_id, number AS order_number, status, created_at AS placed_at, (
        SELECT min(at) FROM order_history WHERE order_id = orders.id AND to_status = 'paid') AS paid_at,
    buyer_name, buyer_email, buyer_phone, events, tickets, currency, gross, discount, buyer_fee, tax,
    platform_fee, orders.total, (
        SELECT coalesce(sum(amount), 0)::bigint FROM order_refunds WHERE order_id = orders.id) AS refunded,
    (SELECT code FROM vouchers WHERE vouchers.id = voucher_id) AS voucher, (
        SELECT provider FROM payments WHERE order_id = orders.id AND payments.status IN ('succeeded', 'refunded')
        ORDER BY payments.created_at LIMIT 1) AS paid_by
FROM page JOIN orders USING (id) CROSS JOIN LATERAL (
    SELECT string_agg(DISTINCT title, ', ') AS events, sum(quantity) AS tickets,
        sum(unit_price * quantity)::bigint AS gross, sum(discount)::bigint AS discount,
        coalesce(sum(buyer_fee), 0)::bigint AS buyer_fee, coalesce(sum(tax), 0)::bigint AS tax,
        coalesce(sum(platform_fee), 0)::bigint AS platform_fee
    FROM order_items JOIN events ON events.id = event_id WHERE order_id = orders.id
) AS items
ORDER BY orders.id

-- name: count_scans
SELECT count(*) FROM scans WHERE event_id = %(event_id)s AND at >= %(begin)s AND at < %(end)s

-- name: list_scans
-- A page of an event's scans, in the order of time.
SELECT scans.id AS scan_id, ticket_id, at, outcome, let_in, gate, device_id AS device,
    scanner.name AS scanned_by, number AS order_number, ticket_types.name AS ticket_type_name, holder_name, seat,
    undone_at
FROM (
    SELECT id, ticket_id, at, outcome, let_in, gate, device_id, scanned_by, undone_at FROM scans
    WHERE event_id = %(event_id)s AND at >= %(begin)s AND at < %(end)s AND (at, id) > (%(after_at)s, %(after)s)
    ORDER BY at, id LIMIT %(limit)s + 1
) AS scans JOIN tickets ON tickets.id = ticket_id JOIN orders ON orders.id = order_id
    JOIN ticket_types ON ticket_types.id = ticket_type_id
    LEFT JOIN actors AS scanner ON scanner.id = scanned_by
ORDER BY at, scans.id

-- name: count_revenue
SELECT count(*) FROM daily_sales JOIN events ON events.id = event_id
WHERE organisation_id = %(organisation_id)s AND (%(event_id)s::uuid IS NULL OR event_id = %(event_id)s)
    AND (%(since)s::date IS NULL OR day >= %(since)s) AND (%(until)s::date IS NULL OR day <= %(until)s)

-- name: list_revenue
-- A page of the daily sales of an organisation or of an event, by event, day and ticket type.
SELECT daily_sales.event_id, day, ticket_type_id, title AS event, name AS ticket_type_name, currency, orders, tickets,
    gross, discount, buyer_fee, tax, platform_fee, total, refunded_tickets, refunded
FROM daily_sales JOIN events ON events.id = daily_sales.event_id JOIN ticket_types ON ticket_types.id = ticket_type_id
WHERE organisation_id = %(organisation_id)s AND (%(event_id)s::uuid IS NULL OR daily_sales.event_id = %(event_id)s)
    AND (%(since)s::date IS NULL OR day >= %(since)s) AND (%(until)s::date IS NULL OR day <= %(until)s)
    AND (daily_sales.event_id, day, ticket_type_id) > (%(after_event)s, %(after_day)s, %(after)s)
ORDER BY daily_sales.event_id, day, ticket_type_id LIMIT %(limit)s + 1

-- name: count_readers
SELECT count(*) FROM newsletter_subscriptions
WHERE list_id = %(organisation_id)s AND unsubscribed_at IS NULL
    AND confirmed_at >= %(begin)s AND confirmed_at < %(end)s

-- name: list_readers
-- A page of who has subscribed to the newsletter of an organisation, in the order in which they have confirmed.
SELECT email, confirmed_at, consent_version, locale, id AS subscription_id FROM newsletter_subscriptions
WHERE list_id = %(organisation_id)s AND unsubscribed_at IS NULL
    AND confirmed_at >= %(begin)s AND confirmed_at < %(end)s
    AND (confirmed_at, id) > (%(after_at)s, %(after)s)
ORDER BY confirmed_at, id LIMIT %(limit)s + 1

-- name: count_entries
SELECT 2 * count(*) FROM ledger_transfers
WHERE organisation_id = %(organisation_id)s AND id >= %(first_id)s AND id < %(last_end_id)s
    AND posted_at >= %(begin)s AND posted_at < %(end)s

-- name: list_entries
-- A page of the entries of an organisation's ledger, in the order of booking. A transfer has two: it debits the account
-- that it goes from, and credits the other one. One that takes back does the opposite. An id is made while its
-- transaction is open, so it is not older than what the transaction posts.
WITH page AS MATERIALIZED (
    SELECT id, kind, holder, currency, amount, source_id, order_id, event_id, ticket_type_id, provider, posted_at
    FROM ledger_transfers
    WHERE organisation_id = %(organisation_id)s AND id >= greatest(%(after)s::uuid, %(first_id)s::uuid)
        AND id < %(last_end_id)s AND posted_at >= %(begin)s AND posted_at < %(end)s
    ORDER BY id LIMIT %(limit)s + 1
)
SELECT page.id AS transfer_id, side_no, posted_at, to_char(posted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS date, holder,
    account, concat(holder, ': ', account) AS account_name, page.currency, side * amount AS amount,
    CASE WHEN side * amount < 0 THEN -side * amount END AS debit,
    CASE WHEN side * amount > 0 THEN side * amount END AS credit, kind, source_id AS reference, number AS order_number,
    title AS event, name AS ticket_type_name, provider, concat_ws(' · ', replace(kind, '_', ' '), title, name) AS text
FROM page JOIN transfer_kinds() USING (kind)
    CROSS JOIN LATERAL (VALUES (1, from_account, -1), (2, to_account, 1)) AS sides (side_no, account, side)
    LEFT JOIN orders ON orders.id = order_id LEFT JOIN events ON events.id = page.event_id
    LEFT JOIN ticket_types ON ticket_types.id = ticket_type_id
WHERE (page.id, side_no) > (%(after)s, %(after_side)s)
ORDER BY page.id, side_no LIMIT %(limit)s + 1
