-- Statements on organisations, their members and invitations.

-- name: insert_organisation
-- Inserts nothing if another organisation has the slug.
INSERT INTO organisations (id, name, slug, status, created_at)
VALUES (%(id)s, %(name)s, %(slug)s, %(status)s, %(created_at)s) ON CONFLICT (slug) DO NOTHING

-- name: get_organisation
SELECT id, name, slug, status, status_reason, logo_url, logo_id, description, website, contact_email, contact_phone,
    postal_address, terms, locale, version, created_at,
    (SELECT picture FROM uploads WHERE uploads.id = logo_id) AS logo_picture
FROM organisations WHERE id = %(id)s

-- name: lock_organisation
-- Whoever changes an organisation, its members or its invitations locks it first. So its last owner stays.
SELECT id, name, slug, status, status_reason, logo_url, logo_id, description, website, contact_email, contact_phone,
    postal_address, terms, locale, version, created_at,
    (SELECT picture FROM uploads WHERE uploads.id = logo_id) AS logo_picture
FROM organisations WHERE id = %(id)s FOR NO KEY UPDATE

-- name: update_organisation
-- All fields that an owner can edit.
UPDATE organisations SET name = %(name)s, slug = %(slug)s, logo_url = %(logo_url)s, logo_id = %(logo_id)s,
    description = %(description)s, website = %(website)s, contact_email = %(contact_email)s,
    contact_phone = %(contact_phone)s, postal_address = %(postal_address)s, terms = %(terms)s, locale = %(locale)s,
    version = version + 1
WHERE id = %(id)s

-- name: set_status
UPDATE organisations SET status = %(status)s, status_reason = %(reason)s, version = version + 1 WHERE id = %(id)s

-- name: list_applications
-- A page of organisations with their owners, newest first. PostgreSQL plans the statement for each call, so that
-- filters without a value vanish from the plan. It cannot know how rare a word is. So an index finds up to 1,000
-- organisations with what is searched. If there are more, they are found among the newest.
WITH few AS MATERIALIZED (
    SELECT id FROM organisations WHERE search_vector @@ search_query(%(search)s) LIMIT 1001
), listed AS NOT MATERIALIZED (
    SELECT id, search_vector FROM organisations
    WHERE id < %(before)s AND (%(status)s::text IS NULL OR status = %(status)s)
), newest AS MATERIALIZED (
    SELECT id FROM listed
    WHERE %(search)s::text IS NULL
        OR (SELECT count(*) FROM few) > 1000 AND (search_vector @@ search_query(%(search)s)) IS TRUE
    ORDER BY id DESC LIMIT %(limit)s + 1
), found AS MATERIALIZED (
    SELECT id FROM listed WHERE (SELECT count(*) FROM few) <= 1000 AND id = ANY(ARRAY(SELECT id FROM few))
    ORDER BY id DESC LIMIT %(limit)s + 1
)
SELECT id, name, slug, status, status_reason, logo_url, logo_id, description, website, contact_email, contact_phone,
    postal_address, terms, locale, version, created_at,
    (SELECT picture FROM uploads WHERE uploads.id = logo_id) AS logo_picture, (
        SELECT coalesce(jsonb_agg(jsonb_build_object('account_id', account_id, 'name', accounts.name, 'email', email)
            ORDER BY account_id), '[]')
        FROM members JOIN accounts ON accounts.id = account_id
        WHERE organisation_id = organisations.id AND role = 'owner'
    ) AS owners
FROM organisations
WHERE id IN (SELECT id FROM newest UNION ALL SELECT id FROM found) ORDER BY id DESC LIMIT %(limit)s + 1

-- name: get_application
-- An organisation with its owners.
SELECT id, name, slug, status, status_reason, logo_url, logo_id, description, website, contact_email, contact_phone,
    postal_address, terms, locale, version, created_at,
    (SELECT picture FROM uploads WHERE uploads.id = logo_id) AS logo_picture, (
        SELECT coalesce(jsonb_agg(jsonb_build_object('account_id', account_id, 'name', accounts.name, 'email', email)
            ORDER BY account_id), '[]')
        FROM members JOIN accounts ON accounts.id = account_id
        WHERE organisation_id = organisations.id AND role = 'owner'
    ) AS owners
FROM organisations WHERE id = %(id)s

-- name: lock_account_and_insert_owner
-- Of a new organisation. Inserts nothing if the account is closed, and waits for whoever closes it at this moment.
INSERT INTO members (organisation_id, account_id, role)
SELECT %(organisation_id)s, id, 'owner' FROM accounts WHERE id = %(account_id)s AND erased_at IS NULL FOR KEY SHARE

-- name: set_role
-- Sets the role of an account in an organisation, and makes it a member if it is none.
INSERT INTO members (organisation_id, account_id, role) VALUES (%(organisation_id)s, %(account_id)s, %(role)s)
ON CONFLICT (organisation_id, account_id) DO UPDATE SET role = excluded.role

-- name: delete_member
DELETE FROM members WHERE organisation_id = %(organisation_id)s AND account_id = %(account_id)s

-- name: get_member
SELECT account_id, name, email, role, members.created_at AS since
FROM members JOIN accounts ON accounts.id = account_id
WHERE organisation_id = %(organisation_id)s AND account_id = %(account_id)s

-- name: list_owners
SELECT account_id, name, email, role, members.created_at AS since
FROM members JOIN accounts ON accounts.id = account_id
WHERE organisation_id = %(organisation_id)s AND role = 'owner' ORDER BY account_id

-- name: get_member_of_address
SELECT account_id, role FROM members JOIN accounts ON accounts.id = account_id
WHERE organisation_id = %(organisation_id)s AND email = %(email)s

-- name: is_owner
-- A blocked owner can do nothing, so it counts as none.
SELECT EXISTS (SELECT FROM members JOIN accounts ON accounts.id = account_id
    WHERE organisation_id = %(organisation_id)s AND account_id = %(account_id)s AND role = 'owner'
        AND blocked_at IS NULL)

-- name: has_other_owner
-- A blocked owner can do nothing, so it counts as none.
SELECT EXISTS (SELECT FROM members JOIN accounts ON accounts.id = account_id
    WHERE organisation_id = %(organisation_id)s AND account_id <> %(account_id)s AND role = 'owner'
        AND blocked_at IS NULL)

-- name: list_members
-- A page of members, in the order in which their accounts were made.
SELECT account_id, name, email, role, members.created_at AS since
FROM members JOIN accounts ON accounts.id = account_id
WHERE organisation_id = %(organisation_id)s AND account_id > %(after)s ORDER BY account_id LIMIT %(limit)s + 1

-- name: replace_invitation
-- An address has one invitation of an organisation. The next one replaces it, and ends its link.
INSERT INTO invitations (id, organisation_id, email, role, invited_by, expires_at)
VALUES (%(id)s, %(organisation_id)s, %(email)s, %(role)s, %(invited_by)s, %(expires_at)s)
ON CONFLICT (organisation_id, email) DO UPDATE SET id = excluded.id, role = excluded.role,
    invited_by = excluded.invited_by, expires_at = excluded.expires_at, created_at = now()

-- name: get_invitation
SELECT id, organisation_id, email, role, invited_by, created_at, expires_at FROM invitations WHERE id = %(id)s

-- name: list_invitations
-- A page of the invitations that can still be accepted, newest first. Those of a former owner cannot.
SELECT id, organisation_id, email, role, invited_by, created_at, expires_at FROM invitations
WHERE organisation_id = %(organisation_id)s AND id < %(before)s AND expires_at > now() AND EXISTS (
    SELECT FROM members JOIN accounts ON accounts.id = account_id
    WHERE members.organisation_id = invitations.organisation_id AND account_id = invited_by
        AND members.role = 'owner' AND blocked_at IS NULL)
ORDER BY id DESC LIMIT %(limit)s + 1

-- name: delete_invitation
DELETE FROM invitations WHERE organisation_id = %(organisation_id)s AND id = %(id)s
RETURNING id, organisation_id, email, role, invited_by, created_at, expires_at

-- name: list_expired_invitations
-- A batch of invitations that can no longer be accepted.
SELECT id FROM invitations WHERE expires_at <= now() AND id <> ALL(%(leave_out)s) LIMIT %(batch)s

-- name: purge_invitations
DELETE FROM invitations WHERE id = ANY(%(ids)s)

-- name: get_name
SELECT name FROM organisations WHERE id = %(id)s

-- name: get_invitation_for_email
SELECT invitations.id, organisation_id, name AS organisation, role, invited_by, expires_at
FROM invitations JOIN organisations ON organisations.id = organisation_id WHERE invitations.id = %(id)s

-- name: get_hand_over_for_email
SELECT organisations.name AS organisation, accounts.name AS new_owner FROM organisations CROSS JOIN accounts
WHERE organisations.id = %(organisation_id)s AND accounts.id = %(new_owner_id)s

-- name: list_organisations_of
-- The organisations that an account belongs to, with its role, and if it is the only owner. A blocked owner can do
-- nothing, so it counts as none.
SELECT organisations.id, name, role, role = 'owner' AND NOT EXISTS (
    SELECT FROM members AS other JOIN accounts ON accounts.id = other.account_id
    WHERE other.organisation_id = organisations.id AND other.role = 'owner' AND other.account_id <> %(account_id)s
        AND blocked_at IS NULL
) AS is_only_owner
FROM members JOIN organisations ON organisations.id = organisation_id
WHERE account_id = %(account_id)s ORDER BY organisations.id

-- name: delete_memberships
DELETE FROM members WHERE account_id = %(account_id)s

-- name: delete_invitations_to
DELETE FROM invitations WHERE email = %(email)s
