-- Statements of the local stack, for what no endpoint can do.

-- name: find_demo_event
-- Return a row if the demo organisation has an event on sale that starts in more than a day.
SELECT 1 FROM events JOIN organisations ON organisations.id = events.organisation_id
WHERE organisations.name = %(organisation)s AND events.status = 'published'
    AND events.starts_at > now() + interval '1 day'

-- name: appoint_scanner
-- Make an account a scanner of an organisation.
INSERT INTO members (organisation_id, account_id, role)
SELECT %(organisation_id)s, id, 'scanner' FROM accounts WHERE email = %(email)s
ON CONFLICT DO NOTHING

-- name: appoint_admin
-- Make an account an admin of the platform.
UPDATE accounts SET is_admin = true WHERE email = %(email)s

-- name: allow_sms
-- Let the platform send text messages to a few countries, unless an admin has chosen others.
INSERT INTO platform_settings (name, value) VALUES ('sms_countries', '["NG", "US"]') ON CONFLICT DO NOTHING

-- name: sign_up_in_one_step
-- Let people sign up without a link by email, until `sign_up_as_declared`.
INSERT INTO platform_settings (name, value) VALUES ('verify_emails', 'false')
ON CONFLICT (name) DO UPDATE SET value = excluded.value

-- name: sign_up_as_declared
-- Let people sign up as the parameter VerifyEmails declares.
DELETE FROM platform_settings WHERE name = 'verify_emails'

-- name: forget_attempts
-- Forget the sign-ups of the demo data, so that they do not count for whoever works on this machine.
DELETE FROM rate_limits
