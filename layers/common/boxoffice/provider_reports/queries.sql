-- Statements on balance reports of providers. All of them are about the platform's own accounts there.

-- name: open_reports
-- Begin to read the reports of providers that have brought money, from that day on.
INSERT INTO provider_reports (provider, read_until, compared_until, due_at)
SELECT provider, received_at, received_at, %(now)s FROM (
    SELECT unread.provider, (
        SELECT min(received_at) FROM incoming_payments
        WHERE incoming_payments.provider = unread.provider AND merchant_id = %(platform_merchant)s
    ) AS received_at
    FROM unnest(%(providers)s::text[]) AS unread (provider)
    WHERE NOT EXISTS (SELECT FROM provider_reports WHERE provider_reports.provider = unread.provider)
) AS first_money
WHERE received_at IS NOT NULL ON CONFLICT DO NOTHING

-- name: take_reports
-- Lease the reports whose next page is due, and begin a reading of those that have none under way.
WITH due AS MATERIALIZED (
    SELECT provider FROM provider_reports
    WHERE due_at <= %(now)s AND provider = ANY(%(providers)s) AND provider <> ALL(%(leave_out)s)
    ORDER BY provider FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE provider_reports AS report
SET due_at = %(lease_end)s, reading_until = coalesce(reading_until, greatest(%(now)s, read_until))
FROM due WHERE report.provider = due.provider
RETURNING report.provider, read_until, reading_until, next_page

-- name: insert_entries
-- Store the entries of a page. Those that are stored already stay as they are. No entry was made after it was read: one
-- with a later date would wait for its webhook until then, and no difference of it be told.
INSERT INTO provider_entries (id, provider, reference, kind, type, amount, fee, currency, charged_amount,
    charged_currency, subject, money_reference, payment_id, made_at, due_at)
SELECT uuidv7(), %(provider)s, reference, kind, type, amount, fee, currency, charged_amount, charged_currency, subject,
    money_reference, payment_id, least(made_at, %(now)s), %(now)s
FROM unnest(%(references)s::text[], %(kinds)s::text[], %(types)s::text[], %(amounts)s::bigint[], %(fees)s::bigint[],
    %(currencies)s::text[], %(charged_amounts)s::bigint[], %(charged_currencies)s::text[], %(subjects)s::text[],
    %(money_references)s::text[], %(payment_ids)s::uuid[], %(times)s::timestamptz[])
    AS entry (reference, kind, type, amount, fee, currency, charged_amount, charged_currency, subject, money_reference,
    payment_id, made_at)
ORDER BY reference ON CONFLICT ON CONSTRAINT provider_entries_reference_key DO NOTHING

-- name: set_next_page
-- A page is stored, and the next one is due. No row changes if another run has come further.
UPDATE provider_reports SET next_page = %(next_page)s, due_at = %(due_at)s
WHERE provider = %(provider)s AND reading_until = %(reading_until)s AND next_page IS NOT DISTINCT FROM %(page)s

-- name: finish_reading
-- The last page is stored. No row changes if another run has come further.
UPDATE provider_reports
SET read_until = reading_until, reading_until = NULL, next_page = NULL, due_at = %(due_at)s
WHERE provider = %(provider)s AND reading_until = %(reading_until)s AND next_page IS NOT DISTINCT FROM %(page)s

-- name: put_off_report
-- There is no report, so nothing is left to read or to compare.
UPDATE provider_reports SET read_until = greatest(read_until, %(now)s), compared_until = greatest(read_until, %(now)s),
    reading_until = NULL, next_page = NULL, due_at = %(due_at)s
WHERE provider = %(provider)s

-- name: list_due_entries
-- A batch of entries that are due to be explained.
SELECT id FROM provider_entries WHERE due_at <= %(now)s AND id <> ALL(%(leave_out)s) ORDER BY due_at LIMIT 500

-- name: lock_due_entries
SELECT id, provider, reference, kind, type, amount, fee, currency, charged_amount, charged_currency, subject,
    money_reference, payment_id, made_at, difference
FROM provider_entries WHERE id = ANY(%(ids)s) AND due_at <= %(now)s ORDER BY id FOR NO KEY UPDATE SKIP LOCKED

-- name: find_money
-- The incoming payment that an entry is about. If the provider names only our payment, it is the one of that amount, of
-- which there may be several. Money that has a name is never another one's: a payment may have been paid twice.
SELECT incoming.id, incoming.payment_id, order_id, organisation_id, incoming.amount, incoming.currency, event_ids,
    event_totals
FROM incoming_payments AS incoming JOIN payments ON payments.id = payment_id JOIN orders ON orders.id = order_id
    CROSS JOIN LATERAL (
    SELECT array_agg(event_id) AS event_ids, array_agg(total) AS event_totals FROM (
        SELECT event_id, sum(total)::bigint AS total FROM order_items WHERE order_items.order_id = orders.id
        GROUP BY event_id
    ) AS events
) AS items
WHERE incoming.id = coalesce(
    (SELECT id FROM incoming_payments
    WHERE provider = %(provider)s AND merchant_id = %(platform_merchant)s AND reference = %(money_reference)s),
    (SELECT same.id FROM incoming_payments AS same
    WHERE %(money_reference)s::text IS NULL AND same.payment_id = %(payment_id)s
        AND same.provider = %(provider)s AND merchant_id = %(platform_merchant)s
    ORDER BY same.amount = %(amount)s DESC, (
        SELECT count(*) FROM provider_entries AS entry
        WHERE entry.incoming_payment_id = same.id AND entry.kind = %(kind)s AND entry.id <> %(id)s
    ), same.id LIMIT 1))

-- name: get_reported
-- The sum of all entries about a subject, as the buyer paid it.
SELECT coalesce(sum(coalesce(charged_amount, amount)), 0)::bigint FROM provider_entries
WHERE provider = %(provider)s AND kind = %(kind)s AND subject = %(subject)s

-- name: find_booked
-- What we have booked of a refund or a dispute that the provider names: a refund of ours that it has taken, a refund
-- that somebody made there, or a dispute that is not won.
SELECT refunds.id, elsewhere - refunds.amount AS amount, refunds.currency
FROM refunds JOIN incoming_payments AS incoming ON incoming.id = incoming_payment_id
WHERE %(kind)s = 'refund' AND refunds.provider_reference = %(subject)s AND refunds.status IN ('sent', 'succeeded')
    AND provider = %(provider)s AND merchant_id = %(platform_merchant)s
UNION ALL
SELECT id, -amount, currency FROM reversals
WHERE provider = %(provider)s AND merchant_id = %(platform_merchant)s AND kind = %(kind)s AND reference = %(subject)s
    AND status IN ('made', 'open', 'lost')
LIMIT 1

-- name: set_explained
-- Store what explains an entry, or how it differs, and when to look again.
UPDATE provider_entries SET incoming_payment_id = %(incoming_payment_id)s, difference = %(difference)s,
    due_at = %(due_at)s
WHERE id = %(id)s

-- name: find_payment
-- The payment that an entry names, if it is ours and the platform's account has taken it.
SELECT payments.id AS payment_id, order_id, organisation_id FROM payments JOIN orders ON orders.id = order_id
WHERE payments.id = %(payment_id)s AND provider = %(provider)s AND merchant_id = %(platform_merchant)s

-- name: list_reports_to_compare
-- The reports that are read as far as they are due, and whose entries have all been looked at.
SELECT provider, read_until, compared_until FROM provider_reports AS report
WHERE reading_until IS NULL AND provider = ANY(%(providers)s) AND provider <> ALL(%(leave_out)s) AND NOT EXISTS (
    SELECT FROM provider_entries AS entry WHERE entry.provider = report.provider AND entry.due_at <= %(now)s)

-- name: lock_report
SELECT provider FROM provider_reports WHERE provider = %(provider)s AND compared_until = %(compared_until)s
FOR NO KEY UPDATE

-- name: list_missing_entries
-- What we have booked within a time and is in no entry, if there is no matter about it yet: money that came, refunds
-- that the provider has taken, and refunds that somebody made there. Ids begin with the time of what they name.
SELECT id, kind, organisation_id, order_id, payment_id, refund_id, reference, amount, currency FROM (
    SELECT id, 'charge' AS kind, payment_id, NULL::uuid AS refund_id, reference, amount, currency
    FROM incoming_payments AS incoming
    WHERE id >= %(first_id)s AND id < %(last_id)s AND provider = %(provider)s AND merchant_id = %(platform_merchant)s
        AND NOT EXISTS (
            SELECT FROM provider_entries WHERE incoming_payment_id = incoming.id AND provider_entries.kind = 'charge')
    UNION ALL
    SELECT refunds.id, 'refund', refunds.payment_id, refunds.id, provider_reference, refunds.amount - elsewhere,
        refunds.currency
    FROM refunds JOIN incoming_payments AS incoming ON incoming.id = incoming_payment_id
    WHERE closed_at >= %(since)s AND closed_at < %(until)s AND refunds.status = 'succeeded'
        AND provider_reference IS NOT NULL AND %(names_refunds)s
        AND provider = %(provider)s AND merchant_id = %(platform_merchant)s AND NOT EXISTS (
            SELECT FROM provider_entries AS entry
            WHERE entry.provider = incoming.provider AND entry.kind = 'refund' AND subject = provider_reference)
    UNION ALL
    SELECT id, 'refund', payment_id, NULL, reference, amount, currency FROM reversals
    WHERE id >= %(first_id)s AND id < %(last_id)s AND kind = 'refund' AND status = 'made' AND NOT is_total
        AND %(names_refunds)s AND provider = %(provider)s AND merchant_id = %(platform_merchant)s AND NOT EXISTS (
            SELECT FROM provider_entries AS entry
            WHERE entry.provider = reversals.provider AND entry.kind = 'refund' AND subject = reversals.reference)
) AS booked JOIN LATERAL (
    SELECT order_id, organisation_id FROM payments JOIN orders ON orders.id = order_id
    WHERE payments.id = booked.payment_id
) AS sold ON true
WHERE NOT EXISTS (SELECT FROM money_matters WHERE money_matters.kind = 'books_differ' AND subject = booked.id::text)
ORDER BY id LIMIT %(limit)s

-- name: set_compared
UPDATE provider_reports SET compared_until = %(until)s WHERE provider = %(provider)s

-- name: get_backlog
-- The age of the report that is behind the most, and how many entries wait to be explained.
SELECT (SELECT coalesce(extract(epoch FROM now() - min(read_until)), 0)::float8 FROM provider_reports
    WHERE provider = ANY(%(providers)s)) AS oldest_report_seconds,
    (SELECT count(*) FROM provider_entries WHERE due_at IS NOT NULL) AS entries_unexplained
