-- Statements on webhook endpoints, their secrets and what is delivered to them.

-- name: insert_deliveries
-- One webhook for each endpoint that listens. Answers to which.
INSERT INTO webhook_deliveries (id, endpoint_id, organisation_id, type, body)
SELECT uuidv7(), endpoint.id, endpoint.organisation_id, %(type)s, webhook_body(%(type)s, data)
FROM unnest(%(organisation_ids)s::uuid[], %(data)s::jsonb[]) AS owed (organisation_id, data)
    JOIN webhook_endpoints AS endpoint ON endpoint.organisation_id = owed.organisation_id
WHERE listens(endpoint, %(type)s)
RETURNING endpoint_id

-- name: lock_organisation
-- One transaction at a time makes an endpoint of an organisation, so that the limit holds.
SELECT id FROM organisations WHERE id = %(organisation_id)s FOR NO KEY UPDATE

-- name: count_endpoints
SELECT count(*) FROM webhook_endpoints
WHERE organisation_id = %(organisation_id)s AND disabled_reason IS DISTINCT FROM 'deleted'

-- name: insert_endpoint
INSERT INTO webhook_endpoints (id, organisation_id, url, types, description)
VALUES (%(id)s, %(organisation_id)s, %(url)s, %(types)s, %(description)s)

-- name: lock_endpoint
SELECT id FROM webhook_endpoints
WHERE organisation_id = %(organisation_id)s AND id = %(id)s AND disabled_reason IS DISTINCT FROM 'deleted'
FOR NO KEY UPDATE

-- name: get_endpoint
SELECT id, url, types, description, disabled_at, disabled_reason, failing_since, next_turn_at, version, created_at, (
    SELECT max(ends_at) FROM webhook_secrets WHERE endpoint_id = webhook_endpoints.id AND ends_at > now()
) AS former_secret_ends_at
FROM webhook_endpoints
WHERE organisation_id = %(organisation_id)s AND id = %(id)s AND disabled_reason IS DISTINCT FROM 'deleted'

-- name: list_endpoints
SELECT id, url, types, description, disabled_at, disabled_reason, failing_since, next_turn_at, version, created_at, (
    SELECT max(ends_at) FROM webhook_secrets WHERE endpoint_id = webhook_endpoints.id AND ends_at > now()
) AS former_secret_ends_at
FROM webhook_endpoints
WHERE organisation_id = %(organisation_id)s AND id < %(before)s AND disabled_reason IS DISTINCT FROM 'deleted'
ORDER BY id DESC LIMIT %(limit)s + 1

-- name: update_endpoint
-- If it is made fit for use again, or leads elsewhere, its failures are forgotten. A turn that is under way ends alone.
UPDATE webhook_endpoints SET url = %(url)s, types = %(types)s, description = %(description)s,
    disabled_at = CASE WHEN %(disabled_reason)s::text IS NULL THEN NULL ELSE coalesce(disabled_at, now()) END,
    disabled_reason = %(disabled_reason)s, version = version + 1,
    next_turn_at = CASE WHEN %(starts_anew)s THEN now() ELSE next_turn_at END,
    failures = CASE WHEN %(starts_anew)s THEN 0 ELSE failures END,
    failing_since = CASE WHEN %(starts_anew)s THEN NULL ELSE failing_since END
WHERE id = %(id)s

-- name: insert_secret
INSERT INTO webhook_secrets (id, endpoint_id, key_id, secret)
VALUES (%(id)s, %(endpoint_id)s, %(key_id)s, %(secret)s)

-- name: end_secrets
-- Deletes the secrets of an endpoint that sign no more. All others end after a time at the latest.
WITH ended AS (
    DELETE FROM webhook_secrets WHERE endpoint_id = %(endpoint_id)s AND ends_at <= now()
)
UPDATE webhook_secrets SET ends_at = least(ends_at, now() + %(keep)s)
WHERE endpoint_id = %(endpoint_id)s AND (ends_at IS NULL OR ends_at > now())

-- name: count_secrets
SELECT count(*) FROM webhook_secrets WHERE endpoint_id = %(endpoint_id)s AND (ends_at IS NULL OR ends_at > now())

-- name: list_signing_secrets
-- The secrets that sign now, the newest first.
SELECT id, key_id, secret FROM webhook_secrets
WHERE endpoint_id = %(endpoint_id)s AND (ends_at IS NULL OR ends_at > now()) ORDER BY id DESC

-- name: delete_secrets
DELETE FROM webhook_secrets WHERE endpoint_id = %(endpoint_id)s

-- name: list_deliveries
-- A page, the newest first. Each endpoint's deliveries of each status are read in the order of an index. So each page
-- costs the same.
SELECT delivery.id, delivery.endpoint_id, type, delivery.status, attempts, delivery.created_at, attempted_at, due_at,
    response_status, duration_ms, answer, error, body
FROM webhook_endpoints AS endpoint CROSS JOIN unnest(%(statuses)s::text[]) AS wanted (status)
    CROSS JOIN LATERAL (
        SELECT id, endpoint_id, type, status, attempts, created_at, attempted_at, due_at, response_status, duration_ms,
            answer, error, body
        FROM webhook_deliveries
        WHERE endpoint_id = endpoint.id AND status = wanted.status AND id < %(before)s
        ORDER BY id DESC LIMIT %(limit)s + 1
    ) AS delivery
WHERE endpoint.organisation_id = %(organisation_id)s
    AND (%(endpoint_id)s::uuid IS NULL OR endpoint.id = %(endpoint_id)s)
ORDER BY delivery.id DESC LIMIT %(limit)s + 1

-- name: lock_delivery
-- Locks a delivery. Its endpoint may have been disabled.
SELECT delivery.endpoint_id, delivery.status, disabled_at IS NOT NULL AS is_disabled
FROM webhook_deliveries AS delivery JOIN webhook_endpoints AS endpoint ON endpoint.id = endpoint_id
WHERE delivery.organisation_id = %(organisation_id)s AND delivery.id = %(id)s FOR NO KEY UPDATE OF delivery

-- name: get_delivery
SELECT id, endpoint_id, type, status, attempts, created_at, attempted_at, due_at, response_status, duration_ms, answer,
    error, body
FROM webhook_deliveries WHERE organisation_id = %(organisation_id)s AND id = %(id)s

-- name: replay_delivery
-- Lets a delivery begin anew, or try again at once. One that is being sent stays as it is.
UPDATE webhook_deliveries SET status = 'pending', due_at = now(), error = NULL,
    attempts_before = CASE WHEN status = 'pending' THEN attempts_before ELSE attempts END
WHERE id = %(id)s AND status <> 'sending'

-- name: lock_and_replay_failed
-- Lets the oldest deliveries begin anew that have failed for good since a time.
WITH failed AS MATERIALIZED (
    SELECT id FROM webhook_deliveries
    WHERE endpoint_id = %(endpoint_id)s AND organisation_id = %(organisation_id)s AND status = 'failed'
        AND id >= %(first_id)s
    ORDER BY id LIMIT %(most)s FOR NO KEY UPDATE
)
UPDATE webhook_deliveries SET status = 'pending', due_at = now(), error = NULL, attempts_before = attempts
FROM failed WHERE webhook_deliveries.id = failed.id

-- name: list_due_endpoints
-- Endpoints that have something due, and whose turn nobody has.
SELECT id FROM webhook_endpoints AS endpoint
WHERE disabled_at IS NULL AND next_turn_at <= now() AND id <> ALL(%(leave_out)s) AND EXISTS (
    SELECT FROM webhook_deliveries
    WHERE endpoint_id = endpoint.id AND status IN ('pending', 'sending') AND due_at <= now())
ORDER BY id LIMIT %(batch)s

-- name: take_turn
-- The turn of an endpoint is one worker's until the lease ends.
UPDATE webhook_endpoints SET next_turn_at = now() + %(lease)s
WHERE id = %(id)s AND disabled_at IS NULL AND next_turn_at <= now()
RETURNING id, organisation_id, url, failures, failing_since, next_turn_at AS leased_until

-- name: take_due_deliveries
-- What has been due for longest, leased for one attempt. Only the worker that has the turn asks for it.
WITH due AS MATERIALIZED (
    SELECT id FROM webhook_deliveries
    WHERE endpoint_id = %(endpoint_id)s AND status IN ('pending', 'sending') AND due_at <= now()
    ORDER BY due_at LIMIT %(most)s FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE webhook_deliveries SET status = 'sending', attempts = attempts + 1, due_at = now() + %(lease)s,
    attempted_at = now()
FROM due WHERE webhook_deliveries.id = due.id
RETURNING webhook_deliveries.id, body::text AS body, attempts, attempts_before

-- name: lock_and_record_attempts
-- What came of some attempts, unless their leases have ended and others have made more since.
WITH attempted AS MATERIALIZED (
    SELECT * FROM unnest(%(ids)s::uuid[], %(taken_attempts)s::integer[], %(statuses)s::text[], %(waits)s::interval[],
        %(response_statuses)s::integer[], %(durations)s::integer[], %(answers)s::text[], %(errors)s::text[])
        AS attempted (id, taken_attempts, new_status, wait, answered, duration, text, reason)
), locked AS MATERIALIZED (
    SELECT delivery.id, new_status, wait, answered, duration, text, reason
    FROM webhook_deliveries AS delivery JOIN attempted ON attempted.id = delivery.id
    WHERE status = 'sending' AND attempts = taken_attempts ORDER BY delivery.id FOR NO KEY UPDATE OF delivery
)
UPDATE webhook_deliveries SET status = new_status, due_at = now() + wait, response_status = answered,
    duration_ms = duration, answer = text, error = reason
FROM locked WHERE webhook_deliveries.id = locked.id

-- name: end_turn
-- Ends the turn of a worker, unless its lease has ended or its endpoint was changed meanwhile.
UPDATE webhook_endpoints SET next_turn_at = now() + %(pause)s, failures = %(failures)s,
    failing_since = CASE WHEN %(failures)s > 0 THEN coalesce(failing_since, now()) END,
    disabled_at = CASE WHEN %(disabled_reason)s::text IS NULL THEN disabled_at ELSE coalesce(disabled_at, now()) END,
    disabled_reason = coalesce(disabled_reason, %(disabled_reason)s)
WHERE id = %(id)s AND next_turn_at = %(leased_until)s

-- name: has_due_deliveries
SELECT EXISTS (
    SELECT FROM webhook_deliveries
    WHERE endpoint_id = %(endpoint_id)s AND status IN ('pending', 'sending') AND due_at <= now())

-- name: list_stranded_deliveries
-- A batch of what can no longer be sent, since its endpoint is disabled. What is being sent may still come through.
SELECT delivery.id FROM webhook_endpoints AS endpoint CROSS JOIN LATERAL (
    SELECT id FROM webhook_deliveries
    WHERE endpoint_id = endpoint.id AND status IN ('pending', 'sending')
        AND (status = 'pending' OR due_at <= now()) AND id <> ALL(%(leave_out)s)
    LIMIT %(batch)s
) AS delivery
WHERE disabled_at IS NOT NULL LIMIT %(batch)s

-- name: lock_and_fail_stranded
WITH stranded AS MATERIALIZED (
    SELECT delivery.id
    FROM webhook_deliveries AS delivery JOIN webhook_endpoints AS endpoint ON endpoint.id = endpoint_id
    WHERE delivery.id = ANY(%(ids)s) AND disabled_at IS NOT NULL
        AND (status = 'pending' OR status = 'sending' AND due_at <= now())
    ORDER BY delivery.id FOR NO KEY UPDATE OF delivery
)
UPDATE webhook_deliveries SET status = 'failed', error = 'the endpoint was disabled'
FROM stranded WHERE webhook_deliveries.id = stranded.id

-- name: list_owners
-- The addresses of those who decide on endpoints.
SELECT email FROM members JOIN accounts ON accounts.id = account_id
WHERE organisation_id = %(organisation_id)s AND role = 'owner' AND email IS NOT NULL ORDER BY account_id

-- name: get_endpoint_for_email
SELECT url, webhook_endpoints.description, disabled_at, disabled_reason, failing_since,
    organisations.name AS organisation_name
FROM webhook_endpoints JOIN organisations ON organisations.id = organisation_id
WHERE webhook_endpoints.id = %(id)s

-- name: list_old_deliveries
-- A batch of deliveries that have ended, and were owed so many days ago.
SELECT id FROM webhook_deliveries
WHERE status IN ('delivered', 'failed') AND created_at < now() - make_interval(days => %(days)s)
    AND id <> ALL(%(leave_out)s)
LIMIT %(batch)s

-- name: delete_deliveries
DELETE FROM webhook_deliveries WHERE id = ANY(%(ids)s) AND status IN ('delivered', 'failed')

-- name: list_empty_endpoints
-- A batch of endpoints that were deleted a day ago, so that no change is under way that still knows them, and that have
-- no delivery any more.
SELECT id FROM webhook_endpoints AS endpoint
WHERE disabled_reason = 'deleted' AND disabled_at < now() - interval '1 day' AND id <> ALL(%(leave_out)s)
    AND NOT EXISTS (SELECT FROM webhook_deliveries WHERE endpoint_id = endpoint.id)
LIMIT %(batch)s

-- name: delete_endpoints
DELETE FROM webhook_endpoints WHERE id = ANY(%(ids)s) AND disabled_reason = 'deleted'
