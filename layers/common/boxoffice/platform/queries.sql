-- Statements on the health of the deployment.

-- name: ping
-- The cheapest statement there is, to measure the time of a round trip.
SELECT 1

-- name: get_email_backlog
-- How many messages are due, counted up to 1,000, and if one of them has been due for more than five minutes.
SELECT count(*) AS waiting, coalesce(min(due_at) < now() - interval '5 minutes', false) AS is_late FROM (
    SELECT due_at FROM outbox WHERE status IN ('pending', 'sending') AND due_at <= now() ORDER BY relay_at LIMIT 1000
) AS due
