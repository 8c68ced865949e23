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

-- name: find_examples
-- Return the ids of demo data by the names that they have in the examples of the API.
WITH demo AS (
    SELECT organisations.id AS organisation_id, organisations.slug AS organisation_slug, events.id AS event_id,
        events.slug AS event_slug
    FROM accounts JOIN members ON account_id = accounts.id AND role = 'owner'
        JOIN organisations ON organisations.id = members.organisation_id
        JOIN events ON events.organisation_id = organisations.id
    WHERE accounts.email = %(owner)s AND events.status = 'published' AND starts_at > now() + interval '1 day'
    ORDER BY events.id LIMIT 1
), draft AS (
    SELECT events.id FROM events JOIN demo USING (organisation_id)
    WHERE status = 'draft' AND deleted_at IS NULL ORDER BY id LIMIT 1
), unpaid AS (
    SELECT order_id, payments.id AS payment_id
    FROM payments JOIN order_items USING (order_id) JOIN demo USING (event_id) JOIN orders ON orders.id = order_id
    WHERE orders.status = 'pending' AND payments.status = 'pending'
        AND expires_at > now() + interval '10 minutes' ORDER BY payments.id DESC LIMIT 1
), sold_out AS (
    SELECT ticket_types.id FROM ticket_types JOIN demo USING (event_id)
    WHERE name = %(sold_out)s AND deleted_at IS NULL LIMIT 1
), valid AS (
    SELECT tickets.id, order_id FROM tickets JOIN sold_out ON sold_out.id = ticket_type_id
    WHERE status = 'valid' ORDER BY tickets.id LIMIT 1
)
SELECT 'organisation' AS name, organisation_id::text AS value FROM demo
UNION ALL SELECT 'organisation_slug', organisation_slug FROM demo
UNION ALL SELECT 'event', event_id::text FROM demo
UNION ALL SELECT 'event_slug', event_slug FROM demo
UNION ALL SELECT 'ticket_type', ticket_types.id::text FROM ticket_types JOIN demo USING (event_id)
    WHERE name = %(on_sale)s
UNION ALL SELECT 'draft', id::text FROM draft
UNION ALL SELECT 'unsold_ticket_type', ticket_types.id::text FROM ticket_types JOIN draft ON draft.id = event_id
UNION ALL SELECT 'order', order_id::text FROM unpaid
UNION ALL SELECT 'payment', payment_id::text FROM unpaid
UNION ALL SELECT 'sold_out_ticket_type', id::text FROM sold_out
UNION ALL SELECT 'paid_order', order_id::text FROM valid
UNION ALL SELECT 'ticket', id::text FROM valid
UNION ALL SELECT 'waitlist_entry', waitlist_entries.id::text FROM waitlist_entries
    JOIN sold_out ON sold_out.id = ticket_type_id WHERE status = 'waiting'
UNION ALL SELECT 'voucher', vouchers.id::text FROM vouchers JOIN demo USING (event_id) WHERE deleted_at IS NULL
UNION ALL SELECT 'gallery', galleries.id::text FROM galleries JOIN demo USING (organisation_id)
UNION ALL SELECT 'upload', uploads.id::text FROM uploads JOIN demo USING (organisation_id)
UNION ALL SELECT 'export', exports.id::text FROM exports JOIN demo USING (organisation_id)
UNION ALL SELECT 'cloakroom', places.id::text FROM places JOIN demo USING (organisation_id)
UNION ALL SELECT 'claim', claims.id::text FROM claims JOIN places ON places.id = place_id
    JOIN demo USING (organisation_id) WHERE released_at IS NULL
UNION ALL SELECT 'door_pass', door_passes.id::text FROM door_passes JOIN demo USING (organisation_id)
    WHERE until > now() AND revoked_at IS NULL
UNION ALL SELECT 'subscription', newsletter_subscriptions.id::text FROM newsletter_subscriptions
    JOIN demo USING (organisation_id) WHERE unsubscribed_at IS NULL
UNION ALL SELECT 'colleague', id::text FROM accounts WHERE email = %(colleague)s
UNION ALL SELECT 'stranger', id::text FROM accounts WHERE email = %(stranger)s

-- name: verify_addresses
-- Let accounts have proven their addresses, as by the link in an email.
UPDATE accounts SET email_verified_at = now() WHERE email = ANY(%(emails)s) AND email_verified_at IS NULL

-- name: subscribe
-- Let an account have subscribed to the newsletter of an organisation, as by the link in an email.
INSERT INTO newsletter_subscriptions (id, organisation_id, email, mailbox, consent_version)
SELECT uuidv7(), %(organisation)s, email, email, '2027-01' FROM accounts WHERE email = %(email)s
