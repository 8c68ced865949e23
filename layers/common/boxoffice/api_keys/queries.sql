-- Statements on API keys. Row-level security hides all rows but those of the organisation that the transaction names.

-- name: lock_organisation
-- One transaction at a time makes a key of an organisation, so that the limit holds. An owner who is removed at the
-- same moment makes none afterwards.
SELECT id FROM organisations WHERE id = %(organisation_id)s FOR NO KEY UPDATE

-- name: count_keys_in_use
SELECT count(*) FROM api_keys
WHERE organisation_id = %(organisation_id)s AND revoked_at IS NULL AND expires_at > now()

-- name: insert_key
INSERT INTO api_keys (id, organisation_id, name, scopes, key_hash, ending, created_by, created_at, expires_at)
VALUES (%(id)s, %(organisation_id)s, %(name)s, %(scopes)s, %(key_hash)s, %(ending)s, %(created_by)s, %(created_at)s,
    %(expires_at)s)

-- name: list_keys
SELECT id, name, scopes, ending, created_by, created_at, expires_at, last_used_at, revoked_at FROM api_keys
WHERE organisation_id = %(organisation_id)s AND id < %(before)s ORDER BY id DESC LIMIT %(limit)s + 1

-- name: lock_key
SELECT id, name, scopes, ending, created_by, created_at, expires_at, last_used_at, revoked_at FROM api_keys
WHERE organisation_id = %(organisation_id)s AND id = %(id)s FOR NO KEY UPDATE

-- name: revoke_key
UPDATE api_keys SET revoked_at = now() WHERE organisation_id = %(organisation_id)s AND id = %(id)s

-- name: list_owners
-- The addresses of those who decide on keys.
SELECT email FROM members JOIN accounts ON accounts.id = account_id
WHERE organisation_id = %(organisation_id)s AND role = 'owner' AND email IS NOT NULL ORDER BY account_id

-- name: get_key_for_email
SELECT api_keys.name, scopes, ending, expires_at, organisations.name AS organisation_name,
    coalesce(accounts.name, '') AS created_by_name
FROM api_keys JOIN organisations ON organisations.id = organisation_id
    LEFT JOIN accounts ON accounts.id = created_by
WHERE organisation_id = %(organisation_id)s AND api_keys.id = %(id)s
