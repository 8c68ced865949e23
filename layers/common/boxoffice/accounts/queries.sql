-- Statements on accounts and their sessions.

-- name: insert_account
-- Inserts nothing while another account may take the address back.
INSERT INTO accounts (id, email, email_verified_at, name, locale, password_hash, created_at)
SELECT %(id)s, %(email)s, %(email_verified_at)s, %(name)s, %(locale)s, %(password_hash)s, %(created_at)s
WHERE NOT is_reserved_email(%(email)s, %(id)s)

-- name: is_email_taken
SELECT EXISTS (SELECT FROM accounts WHERE email = %(email)s) OR is_reserved_email(%(email)s, NULL)

-- name: get_my_account
-- The account with its memberships, the oldest organisation first.
SELECT id, email, email_verified_at, name, phone, phone_verified_at, locale, second_factor_since, version, created_at, (
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'organisation_id', organisation_id, 'name', organisations.name, 'role', role) ORDER BY organisation_id), '[]')
    FROM members JOIN organisations ON organisations.id = organisation_id WHERE account_id = accounts.id
) AS memberships
FROM accounts WHERE id = %(id)s

-- name: get_credentials
SELECT id, email, email_verified_at, name, phone, phone_verified_at, locale, version, created_at, password_hash,
    blocked_at
FROM accounts WHERE email = %(email)s

-- name: get_credentials_of_account
SELECT id, email, email_verified_at, name, phone, phone_verified_at, locale, version, created_at, password_hash,
    blocked_at
FROM accounts WHERE id = %(id)s

-- name: find_account
SELECT id, email, email_verified_at, name, phone, phone_verified_at, locale, version, created_at
FROM accounts WHERE id = %(id)s AND erased_at IS NULL

-- name: lock_account
SELECT id, email, email_verified_at, name, phone, phone_verified_at, locale, version, created_at
FROM accounts WHERE id = %(id)s AND erased_at IS NULL FOR NO KEY UPDATE

-- name: lock_credentials
-- The lock is the one that a change of the address needs, so that no later statement has to wait for a stronger one.
SELECT id, email, email_verified_at, name, phone, phone_verified_at, locale, version, created_at, password_hash,
    blocked_at
FROM accounts WHERE id = %(id)s AND erased_at IS NULL FOR UPDATE

-- name: is_fresh_session
SELECT created_at > now() - %(fresh)s::interval FROM sessions WHERE id = %(id)s AND account_id = %(account_id)s

-- name: find_account_to_reset
SELECT id FROM accounts WHERE email = %(email)s AND blocked_at IS NULL

-- name: is_account_blocked
SELECT blocked_at IS NOT NULL FROM accounts WHERE email = %(email)s

-- name: set_email
-- Gives an account an address that its owner reads. Changes nothing while another account may take the address back.
UPDATE accounts SET email = %(email)s, email_verified_at = now(), version = version + 1
WHERE id = %(id)s AND NOT is_reserved_email(%(email)s, %(id)s)
RETURNING id, email, email_verified_at, name, phone, phone_verified_at, locale, version, created_at

-- name: restore_email
-- Ends the password, and a phone that was verified since a time.
UPDATE accounts SET email = %(email)s, email_verified_at = now(), password_hash = NULL, version = version + 1,
    phone_verified_at = CASE WHEN phone_verified_at < %(since)s THEN phone_verified_at END
WHERE id = %(id)s
RETURNING id, email, email_verified_at, name, phone, phone_verified_at, locale, version, created_at

-- name: reset_password
-- The link proves who reads the address. If nobody had proven that before, a verified phone may be somebody else's.
UPDATE accounts SET password_hash = %(new_hash)s, must_change_password = false, version = version + 1,
    email_verified_at = coalesce(email_verified_at, now()),
    phone_verified_at = CASE WHEN email_verified_at IS NOT NULL THEN phone_verified_at END
WHERE id = %(id)s

-- name: update_account
-- Another phone has to be verified anew.
UPDATE accounts SET name = %(name)s, phone = %(phone)s, locale = %(locale)s, version = version + 1,
    phone_verified_at = CASE WHEN phone = %(phone)s THEN phone_verified_at END
WHERE id = %(id)s
RETURNING id, email, email_verified_at, name, phone, phone_verified_at, locale, version, created_at

-- name: list_accounts
-- A page of accounts, newest first. PostgreSQL plans the statement for each call, so that filters without a value
-- vanish from the plan. It cannot know how rare a name is. So indexes find up to 1,000 accounts with what is searched.
-- If there are more, they are found among the newest.
WITH few AS MATERIALIZED (
    SELECT id FROM accounts WHERE email LIKE %(email_pattern)s OR search_vector @@ search_query(%(search)s) LIMIT 1001
), listed AS NOT MATERIALIZED (
    SELECT id, search_vector, email FROM accounts
    WHERE (%(status)s::text IS NULL
            OR %(status)s = 'active' AND blocked_at IS NULL AND erased_at IS NULL
            OR %(status)s = 'blocked' AND blocked_at IS NOT NULL AND erased_at IS NULL
            OR %(status)s = 'erased' AND erased_at IS NOT NULL)
        AND (%(verified)s::boolean IS NULL
            OR %(verified)s AND (email_verified_at IS NOT NULL OR phone_verified_at IS NOT NULL)
            OR NOT %(verified)s AND email_verified_at IS NULL AND phone_verified_at IS NULL)
        AND (%(is_admin)s::boolean IS NULL OR %(is_admin)s AND is_admin OR NOT %(is_admin)s AND NOT is_admin)
        AND (%(before)s::uuid IS NULL OR id < %(before)s)
), newest AS MATERIALIZED (
    SELECT id FROM listed
    WHERE %(search)s::text IS NULL OR (SELECT count(*) FROM few) > 1000
        AND (email LIKE %(email_pattern)s OR search_vector @@ search_query(%(search)s)) IS TRUE
    ORDER BY id DESC LIMIT %(limit)s + 1
), found AS MATERIALIZED (
    SELECT id FROM listed WHERE (SELECT count(*) FROM few) <= 1000 AND id = ANY(ARRAY(SELECT id FROM few))
    ORDER BY id DESC LIMIT %(limit)s + 1
)
SELECT id, email, email_verified_at, name, phone, phone_verified_at, locale, version, created_at, is_admin, blocked_at,
    block_reason, erased_at, (
        SELECT coalesce(jsonb_agg(jsonb_build_object('organisation_id', organisation_id,
            'name', organisations.name, 'role', role) ORDER BY organisation_id), '[]')
        FROM members JOIN organisations ON organisations.id = organisation_id WHERE account_id = accounts.id
    ) AS memberships
FROM accounts
WHERE id IN (SELECT id FROM newest UNION ALL SELECT id FROM found) ORDER BY id DESC LIMIT %(limit)s + 1

-- name: lock_managed_account
SELECT id, email, email_verified_at, name, phone, phone_verified_at, locale, version, created_at, is_admin, blocked_at,
    block_reason, erased_at
FROM accounts WHERE id = %(id)s FOR NO KEY UPDATE

-- name: administer_account
UPDATE accounts SET email_verified_at = %(email_verified_at)s, is_admin = %(is_admin)s, blocked_at = %(blocked_at)s,
    block_reason = %(block_reason)s, version = version + 1
WHERE id = %(id)s
RETURNING id, email, email_verified_at, name, phone, phone_verified_at, locale, version, created_at, is_admin,
    blocked_at, block_reason, erased_at

-- name: get_managed_account
SELECT id, email, email_verified_at, name, phone, phone_verified_at, locale, version, created_at, is_admin, blocked_at,
    block_reason, erased_at
FROM accounts WHERE id = %(id)s

-- name: has_admin
SELECT EXISTS (SELECT FROM accounts WHERE is_admin AND blocked_at IS NULL AND erased_at IS NULL)

-- name: lock_admins
-- The lock that keep_an_admin takes.
SELECT pg_advisory_xact_lock(hashtext('admins'))

-- name: make_first_admin
-- Takes the account over that has the address. Whoever had it may know nothing that still opens it.
WITH admin AS (
    INSERT INTO accounts (id, email, email_verified_at, name, password_hash, is_admin, must_change_password)
    VALUES (%(id)s, %(email)s, now(), 'Admin', %(password_hash)s, true, true)
    ON CONFLICT (email) DO UPDATE SET email_verified_at = now(), password_hash = excluded.password_hash,
        is_admin = true, must_change_password = true, blocked_at = NULL, block_reason = NULL, phone_verified_at = NULL,
        second_factor_since = NULL, version = accounts.version + 1
    RETURNING id
), forgotten AS (
    DELETE FROM second_factors USING admin WHERE account_id = admin.id
)
SELECT id FROM admin

-- name: replace_password
-- Changes nothing if the password is no longer the one that was checked.
UPDATE accounts SET password_hash = %(new_hash)s, must_change_password = false
WHERE id = %(id)s AND password_hash = %(checked_hash)s

-- name: rehash_password
-- Changes nothing if the password is no longer the one that was checked.
UPDATE accounts SET password_hash = %(new_hash)s WHERE id = %(id)s AND password_hash = %(checked_hash)s

-- name: lock_account_and_open_session
-- Inserts a session and its first refresh token, unless the account is blocked or erased, or has a second factor that
-- was not passed. If a password was checked, it must still be the account's. What changes any of that and this
-- statement wait for each other's lock. If the change is second, it revokes this session. If it is first, this
-- statement finds the account as it is then. Answers what the account is asked for; nothing if it is refused.
WITH account AS MATERIALIZED (
    SELECT id, second_factor_since IS NOT NULL AS has_second_factor, must_change_password FROM accounts
    WHERE id = %(account_id)s AND blocked_at IS NULL AND erased_at IS NULL
        AND (%(checked_hash)s::text IS NULL OR password_hash = %(checked_hash)s) FOR SHARE
), passed AS (
    SELECT id FROM account WHERE %(second_factor_passed)s OR NOT has_second_factor
), session AS (
    INSERT INTO sessions (id, account_id, device_name, user_agent, address)
    SELECT %(session_id)s, id, %(device_name)s, %(user_agent)s, %(address)s FROM passed
), refresh_token AS (
    INSERT INTO refresh_tokens (token_hash, session_id, expires_at)
    SELECT %(token_hash)s, %(session_id)s, %(expires_at)s FROM passed
)
SELECT has_second_factor, must_change_password FROM account

-- name: lock_refresh_token
-- If two transactions present one token, the second waits here, and then reads that it is used. It locks the session
-- too: PostgreSQL would read a row that is only joined as it was before the wait.
SELECT accounts.id, email, email_verified_at, name, phone, phone_verified_at, locale, version, accounts.created_at,
    session_id, sessions.created_at AS started_at, expires_at, used_at, coalesce(revoked_at, blocked_at) AS revoked_at,
    must_change_password
FROM refresh_tokens JOIN sessions ON sessions.id = session_id JOIN accounts ON accounts.id = account_id
WHERE token_hash = %(token_hash)s ORDER BY session_id FOR NO KEY UPDATE OF sessions, refresh_tokens

-- name: rotate_refresh_token
-- Notes that the session is used, at most once in the life of an access token.
WITH used_token AS (
    UPDATE refresh_tokens SET used_at = now() WHERE token_hash = %(used_hash)s
), used_session AS (
    UPDATE sessions SET last_used_at = now(), user_agent = %(user_agent)s, address = %(address)s
    WHERE id = %(session_id)s
)
INSERT INTO refresh_tokens (token_hash, session_id, expires_at)
VALUES (%(token_hash)s, %(session_id)s, %(expires_at)s)

-- name: list_addresses_of_sessions
-- From where an account was used lately. Sessions that were ended count too.
SELECT DISTINCT address FROM (
    SELECT address FROM sessions
    WHERE account_id IN (
        SELECT id FROM accounts WHERE email = %(email)s::text
        UNION ALL SELECT id FROM accounts WHERE phone = %(phone)s::text AND phone_verified_at IS NOT NULL)
    ORDER BY id DESC LIMIT 100
) AS latest

-- name: get_session_of_device
-- The session of an account that a refresh token belongs to, though it is used or over.
SELECT session_id FROM refresh_tokens JOIN sessions ON sessions.id = session_id
    JOIN accounts ON accounts.id = account_id
WHERE token_hash = %(token_hash)s AND email = %(email)s

-- name: list_sessions
-- A session is over once its last refresh token is: each is issued at the session's last use.
SELECT id, device_name, user_agent, address, created_at, last_used_at FROM sessions
WHERE account_id = %(account_id)s AND revoked_at IS NULL AND last_used_at > now() - %(unused)s::interval
    AND created_at > now() - %(lifetime)s::interval AND id < %(before)s
ORDER BY id DESC LIMIT %(limit)s + 1

-- name: revoke_session
UPDATE sessions SET revoked_at = now()
WHERE id = %(id)s AND account_id = %(account_id)s AND revoked_at IS NULL

-- name: lock_and_revoke_sessions
-- Revokes all sessions of an account but `keep`, if that is given.
WITH locked AS MATERIALIZED (
    SELECT id FROM sessions
    WHERE account_id = %(account_id)s AND revoked_at IS NULL AND id IS DISTINCT FROM %(keep)s::uuid
    ORDER BY id FOR NO KEY UPDATE
)
UPDATE sessions SET revoked_at = now() FROM locked WHERE sessions.id = locked.id

-- name: list_old_sessions
-- A batch of sessions with refresh tokens that ended long ago.
SELECT DISTINCT session_id AS id FROM (
    SELECT session_id FROM refresh_tokens
    WHERE expires_at < now() - make_interval(days => %(days)s) AND session_id <> ALL(%(leave_out)s)
    ORDER BY expires_at LIMIT %(batch)s
) AS ended

-- name: take_sessions
SELECT id FROM sessions WHERE id = ANY(%(ids)s) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED

-- name: delete_old_tokens
DELETE FROM refresh_tokens
WHERE session_id = ANY(%(session_ids)s) AND expires_at < now() - make_interval(days => %(days)s)

-- name: delete_empty_sessions
-- Sessions that no refresh token continues any more.
DELETE FROM sessions WHERE id = ANY(%(ids)s) AND NOT EXISTS (SELECT FROM refresh_tokens WHERE session_id = sessions.id)

-- name: lock_account_with_factor
SELECT id, email, email_verified_at, name, phone, phone_verified_at, locale, second_factor_since, version, created_at
FROM accounts WHERE id = %(id)s FOR NO KEY UPDATE

-- name: replace_second_factor
-- Stores a secret that a code has to confirm, in place of one that none has confirmed.
INSERT INTO second_factors (account_id, key_id, secret) VALUES (%(account_id)s, %(key_id)s, %(content)s)
ON CONFLICT (account_id) DO UPDATE SET key_id = excluded.key_id, secret = excluded.secret, last_step = 0,
    started_at = now()

-- name: get_second_factor
-- A secret that no code has confirmed in time is left out.
SELECT key_id, secret FROM second_factors JOIN accounts ON accounts.id = account_id
WHERE account_id = %(account_id)s
    AND (second_factor_since IS NOT NULL OR started_at > now() - %(time_to_confirm)s::interval)

-- name: use_step
-- Changes nothing if a code of this time step, or of a later one, was used before.
UPDATE second_factors SET last_step = %(step)s, key_id = %(key_id)s, secret = %(content)s
WHERE account_id = %(account_id)s AND last_step < %(step)s

-- name: store_recovery_codes
UPDATE second_factors SET recovery_hashes = %(hashes)s WHERE account_id = %(account_id)s

-- name: use_recovery_code
-- Answers how many codes are left; nothing if this is none of them.
UPDATE second_factors SET recovery_hashes = array_remove(recovery_hashes, %(code_hash)s)
WHERE account_id = %(account_id)s AND %(code_hash)s = ANY(recovery_hashes)
RETURNING cardinality(recovery_hashes)

-- name: delete_google_identities
DELETE FROM google_identities WHERE account_id = %(account_id)s

-- name: delete_second_factor
DELETE FROM second_factors WHERE account_id = %(account_id)s

-- name: set_second_factor_since
UPDATE accounts SET second_factor_since = %(since)s, version = version + 1 WHERE id = %(id)s

-- name: end_second_factor
-- Ends one that was set up, or only started, since a time.
WITH ended AS (
    DELETE FROM second_factors USING accounts
    WHERE accounts.id = account_id AND account_id = %(id)s AND coalesce(second_factor_since, started_at) >= %(since)s
    RETURNING account_id
)
UPDATE accounts SET second_factor_since = NULL, version = version + 1 FROM ended WHERE accounts.id = ended.account_id

-- name: end_google_identity
DELETE FROM google_identities WHERE account_id = %(id)s AND created_at >= %(since)s

-- name: get_email
SELECT email FROM accounts WHERE id = %(id)s

-- name: get_account_of_google
SELECT accounts.id, email, email_verified_at, name, phone, phone_verified_at, locale, version, accounts.created_at
FROM google_identities JOIN accounts ON accounts.id = account_id
WHERE issuer = %(issuer)s AND subject = %(subject)s

-- name: lock_account_of_email
SELECT id, email, email_verified_at, name, phone, phone_verified_at, locale, version, created_at
FROM accounts WHERE email = %(email)s FOR NO KEY UPDATE

-- name: insert_google_account
-- Inserts nothing if an account has the address, or may take it back. If another transaction is inserting one, this
-- waits for it.
INSERT INTO accounts (id, email, email_verified_at, name)
SELECT %(id)s, %(email)s, %(now)s, %(name)s WHERE NOT is_reserved_email(%(email)s, %(id)s)
ON CONFLICT (email) DO NOTHING

-- name: insert_google_identity
-- Inserts nothing if the identity has an account, or the account an identity.
INSERT INTO google_identities (issuer, subject, account_id) VALUES (%(issuer)s, %(subject)s, %(account_id)s)
ON CONFLICT DO NOTHING

-- name: lock_account_of_phone
SELECT id, email, email_verified_at, name, phone, phone_verified_at, locale, version, created_at
FROM accounts WHERE phone = %(phone)s AND phone_verified_at IS NOT NULL FOR NO KEY UPDATE

-- name: lock_accounts_of_phone
-- An account, and the one that has the phone.
SELECT id, email, email_verified_at, name, phone, phone_verified_at, locale, version, created_at
FROM accounts WHERE id = %(id)s OR (phone = %(phone)s AND phone_verified_at IS NOT NULL)
ORDER BY id FOR NO KEY UPDATE

-- name: insert_account_of_phone
-- Of two first log-ins at once, the second waits for the first here and inserts nothing.
INSERT INTO accounts (id, phone, phone_verified_at, name) VALUES (%(id)s, %(phone)s, now(), %(name)s)
ON CONFLICT (phone) WHERE phone_verified_at IS NOT NULL DO NOTHING
RETURNING id, email, email_verified_at, name, phone, phone_verified_at, locale, version, created_at

-- name: prove_phone
UPDATE accounts SET phone = %(phone)s, phone_verified_at = now(), phone_lost_at = NULL, version = version + 1
WHERE id = %(id)s
RETURNING id, email, email_verified_at, name, phone, phone_verified_at, locale, version, created_at

-- name: release_phone
-- The account stays without its phone. If it has no email address either, nobody can log in to it any more.
UPDATE accounts SET phone = NULL, phone_verified_at = NULL, phone_lost_at = now(), version = version + 1
WHERE id = %(id)s

-- name: get_usage_of_prefix
-- How many of a prefix's last codes were used, of those of this day whose time is over. Codes that may still be used
-- are left out, so a crowd that has just asked for codes does not look like fraud.
SELECT count(*) AS sent, count(used_at) AS used FROM (
    SELECT used_at FROM phone_codes
    WHERE prefix = %(prefix)s AND expires_at BETWEEN now() - interval '1 day' AND now()
    ORDER BY expires_at DESC LIMIT %(sample)s
) AS last_codes

-- name: insert_phone_code
INSERT INTO phone_codes (id, phone, prefix, network, key_id, expires_at)
VALUES (%(id)s, %(phone)s, %(prefix)s, %(network)s, %(key_id)s, now() + %(lifetime)s)

-- name: get_key_of_live_code
-- A newer code for the same network has ended it, or one of the phone that was used since.
SELECT key_id FROM phone_codes AS code
WHERE id = %(id)s AND used_at IS NULL AND expires_at > now() AND NOT EXISTS (
    SELECT FROM phone_codes AS other
    WHERE other.phone = code.phone AND (other.used_at >= code.created_at
        OR other.network = code.network AND (other.created_at, other.id) > (code.created_at, code.id)))

-- name: has_live_code
-- True if a network has asked for a code to a phone that is not over yet.
SELECT EXISTS (SELECT FROM phone_codes WHERE phone = %(phone)s AND network = %(network)s AND expires_at > now())

-- name: is_phone_code_over
SELECT expires_at <= now() FROM phone_codes WHERE id = %(id)s

-- name: try_phone_code
-- Counts a try of the newest code that the network has asked for to the phone, else of the newest of all. Others who
-- try it at once wait here, and find their number of tries.
UPDATE phone_codes AS code SET tries = tries + (network = %(network)s)::integer,
    tries_elsewhere = tries_elsewhere + (network <> %(network)s)::integer
WHERE id = (
    SELECT id FROM phone_codes WHERE phone = %(phone)s
    ORDER BY network = %(network)s AND expires_at > now() DESC, created_at DESC, id DESC LIMIT 1
) AND used_at IS NULL AND expires_at > now()
    AND CASE WHEN network = %(network)s THEN tries ELSE tries_elsewhere END < 5
    AND NOT EXISTS (
        SELECT FROM phone_codes AS other WHERE other.phone = code.phone AND other.used_at >= code.created_at)
RETURNING id, key_id

-- name: use_phone_code
UPDATE phone_codes SET used_at = now() WHERE id = %(id)s AND used_at IS NULL AND expires_at > now()

-- name: list_old_phone_codes
SELECT id FROM phone_codes WHERE created_at < now() - interval '2 days' AND id <> ALL(%(leave_out)s) LIMIT %(batch)s

-- name: purge_phone_codes
DELETE FROM phone_codes WHERE id = ANY(%(ids)s)

-- name: set_email_verified
-- Changes nothing if the account has another address.
UPDATE accounts SET email_verified_at = coalesce(email_verified_at, now()),
    version = version + (email_verified_at IS NULL)::integer
WHERE id = %(id)s AND email = %(email)s

-- name: has_account
SELECT EXISTS (SELECT FROM accounts WHERE id = %(id)s AND erased_at IS NULL)

-- name: erase_account
-- The row stays, since others name it. Nobody can log in to it.
UPDATE accounts SET email = NULL, email_verified_at = NULL, name = %(erased_name)s, phone = NULL, locale = NULL,
    phone_verified_at = NULL, password_hash = NULL, is_admin = false, second_factor_since = NULL, erased_at = now(),
    version = version + 1
WHERE id = %(id)s

-- name: lock_and_erase_devices
-- Erase from where sessions of an account were used, and with what.
WITH locked AS MATERIALIZED (
    SELECT id FROM sessions WHERE account_id = %(account_id)s ORDER BY id FOR NO KEY UPDATE
)
UPDATE sessions SET device_name = NULL, user_agent = '', address = '' FROM locked WHERE sessions.id = locked.id
