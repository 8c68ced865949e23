-- Statements of the modules that all domains share: callers, idempotency keys, rate limits, settings, one-time tokens
-- and the audit log.

-- name: show_rows_of
-- Names the organisation whose rows row-level security shows to the rest of the transaction.
SELECT set_config('boxoffice.organisation', %(organisation_id)s::text, true)

-- name: role_of
-- An admin of the platform is at least a manager in every organisation, if as_admin.
SELECT CASE WHEN is_admin AND %(as_admin)s AND coalesce(role, 'scanner') = 'scanner' THEN 'manager' ELSE role END
FROM accounts CROSS JOIN organisations
LEFT JOIN members ON members.organisation_id = organisations.id AND members.account_id = accounts.id
WHERE accounts.id = %(account_id)s AND organisations.id = %(organisation_id)s

-- name: get_live_session
SELECT is_admin, second_factor_since IS NOT NULL AS has_second_factor, must_change_password
FROM sessions JOIN accounts ON accounts.id = account_id
WHERE sessions.id = %(id)s AND account_id = %(account_id)s AND revoked_at IS NULL AND blocked_at IS NULL

-- name: use_api_key
-- The live key with this hash, whose organisation nobody has named yet. Notes that it was used.
SELECT id, organisation_id, scopes, expires_at FROM use_api_key(%(key_hash)s)

-- name: use_door_device
-- The device with this token. Notes that it was seen.
SELECT id, organisation_id, event_ids, gates, until FROM use_door_device(%(token_hash)s)

-- name: is_admin
SELECT is_admin FROM accounts WHERE id = %(account_id)s

-- name: store_idempotency_key
INSERT INTO idempotency_keys (operation, scope, key, fingerprint, response)
VALUES (%(operation)s, %(scope)s, %(idempotency_key)s, %(fingerprint)s, %(response)s)

-- name: complete_idempotency_key
UPDATE idempotency_keys SET response = %(response)s
WHERE operation = %(operation)s AND scope = %(scope)s AND key = %(key)s

-- name: get_idempotency_key
SELECT fingerprint, response FROM idempotency_keys
WHERE operation = %(operation)s AND scope = %(scope)s AND key = %(key)s

-- name: list_old_idempotency_keys
-- A batch of keys that are older than two days. The API promises to store them for one.
SELECT id, operation, scope, key
FROM idempotency_keys CROSS JOIN LATERAL concat_ws(' ', operation, scope, key) AS id
WHERE created_at < now() - interval '2 days' AND id <> ALL(%(leave_out)s) LIMIT %(batch)s

-- name: purge_idempotency_keys
DELETE FROM idempotency_keys USING unnest(%(operations)s::text[], %(scopes)s::text[], %(keys)s::text[])
    AS old_key (operation, scope, key)
WHERE idempotency_keys.operation = old_key.operation AND idempotency_keys.scope = old_key.scope
    AND idempotency_keys.key = old_key.key

-- name: count_attempts
-- Counts an attempt in several buckets, each with a window of its own, and locks these in order. A bucket that is named
-- twice counts two. One whose window is over starts again. Answers how long ago the attempt before was.
INSERT INTO rate_limits AS counted (bucket, attempts, resets_at)
SELECT bucket, count(*), now() + max(time)
FROM unnest(%(buckets)s::text[], %(windows)s::interval[]) AS limited (bucket, time)
GROUP BY bucket ORDER BY bucket
ON CONFLICT (bucket) DO UPDATE SET
    attempts = excluded.attempts + CASE WHEN counted.resets_at <= now() THEN 0 ELSE counted.attempts END,
    resets_at = CASE WHEN counted.resets_at <= now() THEN excluded.resets_at ELSE counted.resets_at END,
    last_attempt_at = now()
RETURNING bucket, attempts, extract(epoch FROM resets_at - now())::float8 AS resets_in,
    extract(epoch FROM now() - old.last_attempt_at)::float8 AS idle

-- name: lock_and_take_attempts_back
-- Counts an attempt no longer in several buckets, and locks these in the order in which requests lock them. A bucket
-- that is empty then is deleted.
WITH counted AS MATERIALIZED (
    SELECT bucket, attempts FROM rate_limits WHERE bucket = ANY(%(buckets)s) AND resets_at > now()
    ORDER BY bucket FOR NO KEY UPDATE
), emptied AS (
    DELETE FROM rate_limits USING counted WHERE rate_limits.bucket = counted.bucket AND counted.attempts <= 1
)
UPDATE rate_limits SET attempts = counted.attempts - 1 FROM counted
WHERE rate_limits.bucket = counted.bucket AND counted.attempts > 1

-- name: list_next_attempts
-- Buckets as one more attempt would find them, of those that have counted attempts in their window.
SELECT bucket, attempts + 1 AS attempts, extract(epoch FROM resets_at - now())::float8 AS resets_in,
    extract(epoch FROM now() - last_attempt_at)::float8 AS idle
FROM rate_limits WHERE bucket = ANY(%(buckets)s) AND resets_at > now()

-- name: list_unverified_emails
SELECT email FROM accounts WHERE id = ANY(%(account_ids)s) AND email IS NOT NULL AND email_verified_at IS NULL

-- name: has_verified_email
SELECT EXISTS (
    SELECT FROM accounts WHERE id = %(account_id)s AND email = %(email)s AND email_verified_at IS NOT NULL)

-- name: list_platform_settings
SELECT name, value FROM platform_settings

-- name: get_platform_settings_version
SELECT version FROM platform_settings_version

-- name: lock_platform_settings
SELECT version FROM platform_settings_version FOR NO KEY UPDATE

-- name: replace_platform_settings
WITH given AS MATERIALIZED (
    SELECT name, value FROM unnest(%(names)s::text[], %(values)s::jsonb[]) AS given (name, value)
), removed AS (
    DELETE FROM platform_settings WHERE name NOT IN (SELECT name FROM given)
), changed AS (
    UPDATE platform_settings_version SET version = version + 1
)
INSERT INTO platform_settings (name, value) SELECT name, value FROM given
ON CONFLICT (name) DO UPDATE SET value = excluded.value

-- name: insert_one_time_token
INSERT INTO one_time_tokens (id, purpose, account_id, order_id, payload, expires_at)
VALUES (%(id)s, %(purpose)s, %(account_id)s, %(order_id)s, %(payload)s, now() + %(lifetime)s)

-- name: get_one_time_token
SELECT id, purpose, account_id, order_id, payload, expires_at FROM one_time_tokens
WHERE id = %(id)s AND purpose = %(purpose)s AND expires_at > now()

-- name: redeem_one_time_token
-- Of two transactions that redeem one token, the second waits for the first here, and then finds no row.
DELETE FROM one_time_tokens WHERE id = %(id)s AND purpose = %(purpose)s AND expires_at > now()
RETURNING account_id, payload

-- name: revoke_one_time_tokens
DELETE FROM one_time_tokens
WHERE account_id = %(account_id)s AND purpose = %(purpose)s AND (%(after)s::uuid IS NULL OR id > %(after)s)

-- name: revoke_one_time_tokens_of_orders
DELETE FROM one_time_tokens WHERE order_id = ANY(%(order_ids)s) AND purpose = %(purpose)s

-- name: revoke_all_one_time_tokens
DELETE FROM one_time_tokens WHERE account_id = %(account_id)s

-- name: list_old_one_time_tokens
SELECT id FROM one_time_tokens WHERE expires_at <= now() AND id <> ALL(%(leave_out)s) ORDER BY expires_at
LIMIT %(batch)s

-- name: delete_old_one_time_tokens
DELETE FROM one_time_tokens WHERE id = ANY(%(ids)s) AND expires_at <= now()

-- name: list_old_rate_limits
-- A batch of buckets whose window is over. The table has no index on that, so that a count stays cheap.
SELECT bucket AS id FROM rate_limits WHERE resets_at <= now() AND bucket <> ALL(%(leave_out)s) LIMIT %(batch)s

-- name: take_and_delete_rate_limits
-- Buckets are locked in the order in which requests lock them.
WITH over AS MATERIALIZED (
    SELECT bucket FROM rate_limits WHERE bucket = ANY(%(buckets)s) AND resets_at <= now()
    ORDER BY bucket FOR NO KEY UPDATE SKIP LOCKED
)
DELETE FROM rate_limits USING over WHERE rate_limits.bucket = over.bucket

-- name: append_audit_entry
-- The upsert locks the row of the chain, so the entries of one chain are written one after the other.
WITH facts AS MATERIALIZED (
    SELECT %(chain)s::uuid AS chain, transaction_timestamp() AS at, %(actor_kind)s::text AS actor_kind,
        %(actor_id)s::uuid AS actor_id, %(action)s::text AS action, %(subject)s::text AS subject,
        %(details)s::jsonb AS details, %(chain)s <> %(actor_id)s
            AND EXISTS (SELECT FROM accounts WHERE id = %(actor_id)s AND is_admin)
            AND NOT EXISTS (SELECT FROM members WHERE organisation_id = %(chain)s AND account_id = %(actor_id)s)
            AS as_admin
), wanted AS MATERIALIZED (
    SELECT * FROM facts WHERE as_admin OR NOT %(only_as_admin)s
), head AS (
    INSERT INTO audit_chains AS chained (chain, entries, hash)
    SELECT chain, 1, audit_hash('', chain, 1, at, actor_kind, actor_id, as_admin, action, subject, details) FROM wanted
    ON CONFLICT (chain) DO UPDATE SET entries = chained.entries + 1, hash = (
        SELECT audit_hash(chained.hash, chain, chained.entries + 1, at, actor_kind, actor_id, as_admin, action, subject,
            details) FROM wanted)
    RETURNING chain, entries AS entry, coalesce(old.hash, '') AS previous_hash, hash
), personal AS (
    INSERT INTO audit_values (chain, entry, digest, salt, value, account_id)
    SELECT chain, entry, digest, salt, value, account_id FROM head
    CROSS JOIN unnest(%(digests)s::bytea[], %(salts)s::bytea[], %(values)s::text[], %(accounts)s::uuid[])
        AS given (digest, salt, value, account_id)
)
INSERT INTO audit_log (chain, entry, at, actor_kind, actor_id, as_admin, action, subject, details, previous_hash, hash)
SELECT chain, entry, at, actor_kind, actor_id, as_admin, action, subject, details, previous_hash, hash
FROM wanted JOIN head USING (chain)

-- name: erase_audit_values
DELETE FROM audit_values WHERE account_id = %(account_id)s OR value = ANY(%(values)s::text[])
