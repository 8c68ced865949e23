-- Statements on the ledger.

-- name: post_difference
-- Bring what a source has posted to what it should have posted in all. Sums that are right already post nothing, so a
-- repeat posts nothing. Whoever calls it has locked what the source stands for.
WITH target AS (
    SELECT kind, holder, order_id, event_id, ticket_type_id, provider, sum(amount)::bigint AS amount
    FROM unnest(%(kinds)s::text[], %(holders)s::text[], %(amounts)s::bigint[], %(order_ids)s::uuid[],
        %(event_ids)s::uuid[], %(ticket_type_ids)s::uuid[], %(providers)s::text[])
        AS transfer (kind, holder, amount, order_id, event_id, ticket_type_id, provider)
    GROUP BY kind, holder, order_id, event_id, ticket_type_id, provider
), posted AS (
    SELECT kind, holder, order_id, event_id, ticket_type_id, provider, -sum(amount)::bigint AS amount
    FROM ledger_transfers
    WHERE source_id = %(source_id)s AND organisation_id = %(organisation_id)s AND currency = %(currency)s
    GROUP BY kind, holder, order_id, event_id, ticket_type_id, provider
), difference AS (
    SELECT kind, holder, order_id, event_id, ticket_type_id, provider, sum(amount)::bigint AS amount
    FROM (TABLE target UNION ALL TABLE posted) AS both_sides
    GROUP BY kind, holder, order_id, event_id, ticket_type_id, provider HAVING sum(amount) <> 0
)
INSERT INTO ledger_transfers (id, organisation_id, kind, holder, currency, amount, source_id, posting_no, line_no,
    order_id, event_id, ticket_type_id, provider)
SELECT uuidv7(), %(organisation_id)s, kind, holder, %(currency)s, amount, %(source_id)s,
    (SELECT coalesce(max(posting_no), 0) + 1 FROM ledger_transfers WHERE source_id = %(source_id)s),
    row_number() OVER (ORDER BY kind, event_id, ticket_type_id), order_id, event_id, ticket_type_id, provider
FROM difference

-- name: read_one_snapshot
-- Let all statements of this transaction see the ledger as it is now.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY

-- name: list_balances_at
-- What a provider holds for the platform by the books, in each currency.
SELECT currency, -sum(amount)::bigint AS amount FROM ledger_amounts
WHERE account = 'at_provider' AND holder = 'platform' AND provider = %(provider)s
GROUP BY currency HAVING sum(amount) <> 0

-- name: list_balances
-- The balance of each account of an organisation: what is counted, and what is not counted yet.
SELECT currency, holder, account, sum(amount)::bigint AS amount FROM ledger_amounts
WHERE organisation_id = %(organisation_id)s
GROUP BY currency, holder, account HAVING sum(amount) <> 0 ORDER BY currency, holder, account

-- name: find_uncounted
-- What the balances do not count yet, if they were counted a moment ago at the latest.
SELECT counted::text AS begins, ends::text, is_all, now() AS at
FROM ledger_state CROSS JOIN next_snapshot(counted, %(most)s)
WHERE NOT is_all OR as_of < now() - interval '5 seconds'

-- name: lock_state
-- Lock what was counted, if that is still so.
SELECT true FROM ledger_state WHERE counted::text = %(begins)s FOR NO KEY UPDATE

-- name: count_balances
-- Add what the transfers have moved to the balances, of those that one snapshot sees and the one before does not. The
-- second bound of the range follows from the snapshot, and from a range the planner expects few rows.
INSERT INTO ledger_balances (organisation_id, currency, holder, account, event_id, provider, amount)
SELECT organisation_id, currency, holder, account,
    CASE WHEN account IN ('pending', 'tax') THEN event_id ELSE '00000000-0000-0000-0000-000000000000' END,
    CASE WHEN account = 'at_provider' THEN coalesce(provider, '') ELSE '' END, sum(side * amount)
FROM (
    SELECT organisation_id, currency, holder, kind, event_id, provider, sum(amount) AS amount FROM ledger_transfers
    WHERE written_in BETWEEN pg_snapshot_xmin(%(begins)s) AND pg_snapshot_xmax(%(ends)s)
        AND NOT pg_visible_in_snapshot(written_in, %(begins)s) AND pg_visible_in_snapshot(written_in, %(ends)s)
    GROUP BY organisation_id, currency, holder, kind, event_id, provider
) AS uncounted JOIN transfer_kinds() USING (kind)
    CROSS JOIN LATERAL (VALUES (from_account, -1), (to_account, 1)) AS sides (account, side)
GROUP BY 1, 2, 3, 4, 5, 6
ON CONFLICT (organisation_id, currency, holder, account, event_id, provider)
    DO UPDATE SET amount = ledger_balances.amount + excluded.amount

-- name: count_days
-- Add the transfers to the days (UTC) that one snapshot sees and the one before does not.
INSERT INTO ledger_days (organisation_id, day, currency, holder, kind, event_id, ticket_type_id, provider, amount,
    transfers)
SELECT organisation_id, (posted_at AT TIME ZONE 'UTC')::date, currency, holder, kind,
    coalesce(event_id, '00000000-0000-0000-0000-000000000000'),
    coalesce(ticket_type_id, '00000000-0000-0000-0000-000000000000'), coalesce(provider, ''), sum(amount), count(*)
FROM ledger_transfers
WHERE written_in BETWEEN pg_snapshot_xmin(%(begins)s) AND pg_snapshot_xmax(%(ends)s)
    AND NOT pg_visible_in_snapshot(written_in, %(begins)s) AND pg_visible_in_snapshot(written_in, %(ends)s)
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
ON CONFLICT (organisation_id, day, currency, holder, kind, event_id, ticket_type_id, provider)
    DO UPDATE SET amount = ledger_days.amount + excluded.amount, transfers = ledger_days.transfers + excluded.transfers

-- name: set_counted
-- Store what is counted now. All is counted as of a moment only if the snapshot is of that moment.
UPDATE ledger_state SET counted = %(ends)s, as_of = CASE WHEN %(is_all)s THEN %(at)s ELSE as_of END

-- name: get_age
-- For how many seconds transfers have not been counted.
SELECT extract(epoch FROM now() - as_of)::integer AS ledger_uncounted_seconds FROM ledger_state

-- name: list_unreleased
-- What events have earned that is not released, of an organisation or of all. The time begins at the end of the event,
-- or when a cancelled one has given back its orders: what is left then was kept. A day has 24 hours, in each time zone.
-- Each currency stands alone: an event may owe the fee of a provider for money that came in another one.
SELECT unreleased.organisation_id, event_id, unreleased.currency, pending, tax, released, tax_released,
    coalesce(ended_at + make_interval(hours => 24 * %(delay_days)s) <= now(), false) AS is_due,
    coalesce(ended_at + make_interval(hours => 24 * %(reserve_days)s) > now(), true) AS keeps_reserve
FROM (
    SELECT organisation_id, event_id, currency,
        coalesce(sum(amount) FILTER (WHERE account = 'pending'), 0)::bigint AS pending,
        coalesce(sum(amount) FILTER (WHERE account = 'tax'), 0)::bigint AS tax
    FROM ledger_amounts
    WHERE (%(organisation_id)s::uuid IS NULL OR organisation_id = %(organisation_id)s)
        AND holder = 'platform' AND account IN ('pending', 'tax')
    GROUP BY organisation_id, event_id, currency
) AS unreleased JOIN events ON events.id = event_id CROSS JOIN LATERAL (
    SELECT coalesce(sum(amount) FILTER (WHERE kind = 'release'), 0)::bigint AS released,
        coalesce(sum(amount) FILTER (WHERE kind = 'tax_release'), 0)::bigint AS tax_released
    FROM ledger_transfers
    WHERE source_id = unreleased.event_id AND ledger_transfers.organisation_id = unreleased.organisation_id
        AND ledger_transfers.currency = unreleased.currency
) AS before CROSS JOIN LATERAL (
    SELECT CASE WHEN status = 'cancelled' THEN cancellation_finished_at ELSE ends_at END AS ended_at
) AS ending
WHERE pending <> 0 OR tax <> 0 ORDER BY organisation_id, event_id

-- name: sum_corrections
SELECT currency, sum(amount)::bigint AS amount FROM ledger_corrections
WHERE organisation_id = %(organisation_id)s GROUP BY currency

-- name: list_entries
-- A page of an organisation's entries, newest first, with optional filters. Each transfer has an entry that fits or
-- two, but for the one where the page before ended. So two transfers more than the page has are enough. They are read
-- in the order of the index of their organisation, or else of their event or order. With `=` the planner reads those of
-- all organisations by id instead.
SELECT transfer.id, side, kind, holder, account, transfer.currency, side * transfer.amount AS amount,
    transfer.amount AS moved, order_id, number AS order_number, event_id, title AS event_title, ticket_type_id,
    transfer.provider, reference, reason, posted_at
FROM (
    SELECT id, kind, holder, currency, amount, source_id, order_id, event_id, ticket_type_id, provider, posted_at
    FROM ledger_transfers
    WHERE (organisation_id, id) >= (%(organisation_id)s, %(first)s)
        AND (organisation_id, id) <= (%(organisation_id)s, %(last)s) AND id BETWEEN %(first)s AND %(last)s
        AND (%(currency)s::text IS NULL OR currency = %(currency)s)
        AND (%(kinds)s::text[] IS NULL OR kind = ANY(%(kinds)s))
        AND (%(event_id)s::uuid IS NULL OR event_id = %(event_id)s)
        AND (%(order_id)s::uuid IS NULL OR order_id = %(order_id)s)
        AND (%(since)s::timestamptz IS NULL OR posted_at >= %(since)s)
        AND (%(until)s::timestamptz IS NULL OR posted_at < %(until)s)
    ORDER BY CASE WHEN coalesce(%(event_id)s::uuid, %(order_id)s::uuid) IS NULL THEN organisation_id END DESC, id DESC
    LIMIT %(limit)s + 2
) AS transfer JOIN transfer_kinds() USING (kind)
    CROSS JOIN LATERAL (VALUES (from_account, -1), (to_account, 1)) AS sides (account, side)
    LEFT JOIN orders ON orders.id = order_id LEFT JOIN events ON events.id = event_id
    LEFT JOIN incoming_payments ON incoming_payments.id = source_id
    LEFT JOIN ledger_corrections ON ledger_corrections.id = source_id
WHERE (transfer.id, side) < (%(before)s, %(before_side)s) AND (%(account)s::text IS NULL OR account = %(account)s)
ORDER BY transfer.id DESC, side DESC LIMIT %(limit)s + 1

-- name: insert_correction
INSERT INTO ledger_corrections (id, organisation_id, currency, amount, reason, made_by)
VALUES (%(id)s, %(organisation_id)s, %(currency)s, %(amount)s, %(reason)s, %(made_by)s)
RETURNING id, organisation_id, currency, amount, reason, made_by, created_at
