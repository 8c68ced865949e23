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

-- name: list_balances_at
-- What a provider holds for the platform by the books, in each currency: what is counted, and what is not counted yet.
SELECT currency, -sum(amount)::bigint AS amount FROM (
    SELECT currency, amount FROM ledger_balances
    WHERE account = 'at_provider' AND holder = 'platform' AND provider = %(provider)s
    UNION ALL
    SELECT currency, amount FROM ledger_entries CROSS JOIN ledger_state
    WHERE account = 'at_provider' AND holder = 'platform' AND provider = %(provider)s
        AND written_in >= pg_snapshot_xmin(counted) AND NOT pg_visible_in_snapshot(written_in, counted)
) AS counted_or_not
GROUP BY currency HAVING sum(amount) <> 0

-- name: list_balances
-- The balance of each account of an organisation: what is counted, and what is not counted yet.
SELECT currency, holder, account, sum(amount)::bigint AS amount FROM (
    SELECT currency, holder, account, amount FROM ledger_balances WHERE organisation_id = %(organisation_id)s
    UNION ALL
    SELECT currency, holder, account, amount FROM ledger_entries CROSS JOIN ledger_state
    WHERE organisation_id = %(organisation_id)s AND written_in >= pg_snapshot_xmin(counted)
        AND NOT pg_visible_in_snapshot(written_in, counted)
) AS counted_or_not
GROUP BY currency, holder, account HAVING sum(amount) <> 0 ORDER BY currency, holder, account
