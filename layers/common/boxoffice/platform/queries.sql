-- name: ping
SELECT 1

-- name: email_backlog
SELECT count(*) AS waiting, coalesce(min(due_at) < now() - interval '5 minutes', false) AS late FROM (
    SELECT due_at FROM outbox WHERE status IN ('pending', 'sending') AND due_at <= now() ORDER BY relay_at LIMIT 1000
) AS due
