-- Statements on organisations and their members.

-- name: insert_organisation
INSERT INTO organisations (id, name, status, created_at) VALUES (%(id)s, %(name)s, %(status)s, %(created_at)s)

-- name: insert_member
INSERT INTO members (organisation_id, account_id, role) VALUES (%(organisation_id)s, %(account_id)s, %(role)s)

-- name: get_organisation
SELECT id, name, status, version, created_at FROM organisations WHERE id = %(id)s
