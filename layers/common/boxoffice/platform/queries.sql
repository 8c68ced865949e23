-- Statements on the health of the deployment, and on keys that are withdrawn.

-- name: ping
-- The cheapest statement there is, to measure the time of a round trip.
SELECT 1

-- name: get_email_backlog
-- How many messages are due, counted up to 1,000, and if one of them has been due for more than five minutes.
SELECT count(*) AS waiting, coalesce(min(due_at) < now() - interval '5 minutes', false) AS is_late FROM (
    SELECT due_at FROM outbox WHERE status IN ('pending', 'sending') AND due_at <= now() ORDER BY relay_at LIMIT 1000
) AS due

-- name: insert_withdrawal
-- A ring has one withdrawal at a time. A second call finds the first one.
INSERT INTO key_withdrawals (id, ring, up_to) VALUES (%(id)s, %(ring)s, %(up_to)s)
ON CONFLICT (ring) WHERE finished_at IS NULL DO NOTHING

-- name: get_open_withdrawal
SELECT id, ring, up_to, signs_at, withdrawn_at FROM key_withdrawals WHERE ring = %(ring)s AND finished_at IS NULL

-- name: set_signing
-- A key that is not withdrawn signs from now on.
UPDATE key_withdrawals SET signs_at = now() WHERE id = %(id)s AND signs_at IS NULL

-- name: set_withdrawn
UPDATE key_withdrawals SET withdrawn_at = coalesce(withdrawn_at, now()),
    finished_at = CASE WHEN %(is_over)s THEN now() END
WHERE id = %(id)s AND finished_at IS NULL

-- name: list_withdrawals_to_list
-- The withdrawals whose orders are to be looked at. Environments keep a ring for five minutes. Before that is over,
-- some still sign with the former key. The ring says what to renew: tickets, or links. Another look begins when all is
-- renewed that the look before has found, with an attempt to send each email about that.
SELECT id FROM key_withdrawals
WHERE NOT is_listed AND ring IN ('ticket', 'link') AND finished_at IS NULL
    AND signs_at < now() - interval '6 minutes' AND id <> ALL(%(leave_out)s)
    AND (listed_starts_at > '1970-01-01 00:00:00Z' OR NOT EXISTS (
        SELECT FROM renewals WHERE withdrawal_id = key_withdrawals.id
    ) AND NOT EXISTS (
        SELECT FROM outbox WHERE status IN ('pending', 'sending') AND relay_at < 'infinity' AND attempts = 0
            AND payload ? 'renewed' AND created_at >= started_at
    ))
ORDER BY id

-- name: lock_withdrawal
SELECT id, ring, up_to, listed_starts_at, listed_event_id, listed_order_id FROM key_withdrawals
WHERE id = %(id)s AND NOT is_listed FOR NO KEY UPDATE

-- name: list_renewals
-- Looks at the next 5,000 orders of events that are not over, and lists those with a valid ticket of such a key.
WITH looked_at AS MATERIALIZED (
    SELECT upcoming.starts_at, upcoming.id AS event_id, next_order.order_id FROM (
        SELECT id, starts_at FROM events
        WHERE status = 'published' AND deleted_at IS NULL AND ends_at > now() - interval '12 hours'
            AND (starts_at, id) >= (%(after_starts_at)s, %(after_event_id)s)
        ORDER BY starts_at, id
    ) AS upcoming CROSS JOIN LATERAL (
        SELECT order_id FROM order_items
        WHERE event_id = upcoming.id
            AND order_id > CASE WHEN upcoming.id = %(after_event_id)s THEN %(after_order_id)s::uuid
                ELSE '00000000-0000-0000-0000-000000000000' END
        ORDER BY order_id LIMIT 5000
    ) AS next_order
    ORDER BY upcoming.starts_at, upcoming.id, next_order.order_id LIMIT 5000
), listed AS (
    INSERT INTO renewals (withdrawal_id, order_id, starts_at)
    SELECT %(id)s, order_id, min(starts_at) FROM looked_at
    WHERE EXISTS (
        SELECT FROM tickets WHERE tickets.order_id = looked_at.order_id AND status = 'valid' AND key_id <= %(up_to)s)
    GROUP BY order_id ON CONFLICT (withdrawal_id, order_id) DO NOTHING RETURNING order_id
)
SELECT starts_at, event_id, order_id, EXISTS (SELECT FROM listed) AS found FROM looked_at
ORDER BY starts_at DESC, event_id DESC, order_id DESC LIMIT 1

-- name: move_on
-- Looking at orders goes on behind these, in the transaction that has listed them.
UPDATE key_withdrawals SET listed_starts_at = %(starts_at)s, listed_event_id = %(event_id)s,
    listed_order_id = %(order_id)s, found = found OR %(found)s
WHERE id = %(id)s

-- name: end_pass
-- All orders were looked at. Tickets are looked at again until none is found: an environment that could not read the
-- ring may have signed with the former key. Links are renewed once.
UPDATE key_withdrawals SET is_listed = NOT found OR ring = 'link', found = false,
    listed_starts_at = '1970-01-01 00:00:00Z',
    listed_event_id = '00000000-0000-0000-0000-000000000000',
    listed_order_id = '00000000-0000-0000-0000-000000000000'
WHERE id = %(id)s

-- name: list_next_renewals
-- The next event comes first.
SELECT order_id AS id, withdrawal_id, ring, up_to
FROM renewals JOIN key_withdrawals ON key_withdrawals.id = withdrawal_id
WHERE order_id <> ALL(%(leave_out)s) ORDER BY starts_at, order_id LIMIT %(batch)s

-- name: take_renewals
-- Takes orders off the list, in the transaction that renews them. Another run may have taken some.
WITH locked AS MATERIALIZED (
    SELECT withdrawal_id, order_id FROM renewals
    WHERE withdrawal_id = %(withdrawal_id)s AND order_id = ANY(%(order_ids)s)
    ORDER BY order_id FOR NO KEY UPDATE SKIP LOCKED
)
DELETE FROM renewals USING locked
WHERE renewals.withdrawal_id = locked.withdrawal_id AND renewals.order_id = locked.order_id
RETURNING renewals.order_id

-- name: list_buyers
-- Whom to send what the orders have now.
SELECT id, buyer_email AS email FROM orders WHERE id = ANY(%(order_ids)s) ORDER BY id

-- name: list_holders
-- The transfers of some orders' valid tickets: accepted ones by their present holders, and those that can be accepted.
SELECT transfers.id, ticket_id, to_email AS email, transfers.status = 'accepted' AS is_accepted
FROM transfers JOIN tickets ON tickets.id = ticket_id
WHERE tickets.order_id = ANY(%(order_ids)s) AND tickets.status = 'valid' AND (
    transfers.status = 'accepted' AND transfers.transfer_count = tickets.transfer_count AND holder_email IS NOT NULL
    OR transfers.status = 'pending' AND expires_at > now())
ORDER BY transfers.id

-- name: list_offers
-- The offers of the waitlist that hold stock now.
SELECT id, email FROM waitlist_entries WHERE status = 'offered' AND expires_at > now() ORDER BY id

-- name: list_withdrawals_to_end
-- The withdrawals whose tickets or links are renewed, with an attempt to send each email about that.
SELECT id, ring, up_to FROM key_withdrawals
WHERE is_listed AND finished_at IS NULL AND id <> ALL(%(leave_out)s)
    AND NOT EXISTS (SELECT FROM renewals WHERE withdrawal_id = key_withdrawals.id)
    AND NOT EXISTS (
        SELECT FROM outbox WHERE status IN ('pending', 'sending') AND relay_at < 'infinity' AND attempts = 0
            AND payload ? 'renewed' AND created_at >= started_at)
ORDER BY id

-- name: get_withdrawal_backlog
SELECT count(*) AS renewals_left, coalesce(extract(epoch FROM now() - (
    SELECT min(started_at) FROM key_withdrawals WHERE finished_at IS NULL)), 0)::float8 AS oldest_withdrawal_seconds
FROM renewals
