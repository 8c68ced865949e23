-- Statements on reports. All read the ledger, and write nothing but printed statements.

-- name: get_organisation
-- Whom a statement is for, and the moment.
SELECT name, postal_address, locale, created_at, now() AS now FROM organisations
WHERE organisations.id = %(organisation_id)s

-- name: list_revenue
-- The figures of an organisation in some days, by day, week or month and, if asked for, by event and ticket type.
SELECT since, by_row.currency, holder, by_row.event_id, title AS event_title, ticket_type_id,
    name AS ticket_type_name, figures
FROM (
    SELECT since, currency, holder, event_id, ticket_type_id, jsonb_object_agg(figure, amount) AS figures FROM (
        SELECT greatest(date_trunc(%(interval)s::text, day::timestamp)::date, %(since)s::date) AS since,
            currency, holder,
            CASE WHEN %(group_by)s::text <> 'nothing' THEN event_id END AS event_id,
            CASE WHEN %(group_by)s::text = 'ticket_type' THEN ticket_type_id END AS ticket_type_id, figure,
            sum(sign * amount)::bigint AS amount
        FROM ledger_turnover JOIN unnest(%(kinds)s::text[], %(figures)s::text[], %(signs)s::integer[])
            AS counted (kind, figure, sign) USING (kind)
        WHERE organisation_id = %(organisation_id)s AND day BETWEEN %(since)s AND %(until)s
        GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(sign * amount) <> 0
    ) AS by_figure GROUP BY since, currency, holder, event_id, ticket_type_id
) AS by_row LEFT JOIN events ON events.id = by_row.event_id LEFT JOIN ticket_types ON ticket_types.id = ticket_type_id
ORDER BY since, by_row.currency, holder DESC, by_row.event_id, ticket_type_id LIMIT %(most)s

-- name: list_turnover
-- What each kind of transfer moved of an organisation's money: before a month, and in it by event.
SELECT is_before, by_event.currency, holder, kind, event_id, title AS event_title,
    (starts_at AT TIME ZONE time_zone)::date AS event_day, amount
FROM (
    SELECT day < %(since)s AS is_before, currency, holder, kind,
        CASE WHEN day >= %(since)s THEN event_id END AS event_id, sum(amount)::bigint AS amount
    FROM ledger_turnover WHERE organisation_id = %(organisation_id)s AND day <= %(until)s
    GROUP BY 1, 2, 3, 4, 5 HAVING sum(amount) <> 0
) AS by_event LEFT JOIN events ON events.id = event_id
ORDER BY by_event.currency, starts_at, event_id, kind

-- name: list_postings
-- The payouts that were sent or came back in a month, and the corrections, one by one.
SELECT (posted_at AT TIME ZONE 'UTC')::date AS day, currency, kind,
    CASE kind WHEN 'payout_sent' THEN -amount ELSE amount END AS amount,
    CASE kind WHEN 'correction' THEN (SELECT reason FROM ledger_corrections WHERE ledger_corrections.id = source_id)
        ELSE (SELECT bank_reference FROM payouts WHERE payouts.id = source_id) END AS reference
FROM ledger_transfers
WHERE organisation_id = %(organisation_id)s AND kind IN ('payout_sent', 'payout_returned', 'correction')
    AND id >= %(first_id)s AND posted_at >= %(begins_at)s AND posted_at < %(ends_at)s
ORDER BY id

-- name: get_statement
-- A closed month's statement, as it was printed first.
SELECT document FROM statements WHERE organisation_id = %(organisation_id)s AND month = %(month)s

-- name: insert_statement
-- Keep a closed month's statement. Of two that are printed at once, the first one counts.
INSERT INTO statements (organisation_id, month, document) VALUES (%(organisation_id)s, %(month)s, %(document)s)
ON CONFLICT (organisation_id, month) DO NOTHING
