-- Statements on door passes and their devices.

-- name: lock_events
-- Those of some events that the organisation has, with the names of their gates. The lock keeps the gates as they are
-- until the pass that names them is there.
SELECT id, ARRAY(SELECT gate ->> 'name' FROM jsonb_array_elements(gates) AS gate) AS gates FROM events
WHERE id = ANY(%(event_ids)s) AND organisation_id = %(organisation_id)s AND deleted_at IS NULL
ORDER BY id FOR SHARE

-- name: insert_pass
INSERT INTO door_passes (id, organisation_id, name, event_ids, gates, until, max_devices, created_by, created_at)
VALUES (%(id)s, %(organisation_id)s, %(name)s, %(event_ids)s, %(gates)s, %(until)s, %(max_devices)s, %(created_by)s,
    %(created_at)s)

-- name: list_passes
-- Each with the devices that are paired now: max_devices at the most.
SELECT id, organisation_id, name, event_ids, gates, until, max_devices, created_by, created_at, revoked_at,
    (SELECT coalesce(jsonb_agg(devices ORDER BY id), '[]') FROM (
        SELECT door_devices.id, door_devices.name, paired_at, last_seen_at FROM door_devices
        WHERE pass_id = door_passes.id AND door_devices.revoked_at IS NULL
    ) AS devices) AS devices
FROM door_passes WHERE organisation_id = %(organisation_id)s AND id < %(before)s ORDER BY id DESC LIMIT %(limit)s + 1

-- name: lock_pass
-- Whoever pairs a device or revokes the pass waits here for the other.
SELECT id, organisation_id, name, event_ids, gates, until, max_devices, created_by, created_at, revoked_at
FROM door_passes WHERE id = %(id)s FOR NO KEY UPDATE

-- name: lock_pass_of_organisation
SELECT id, organisation_id, name, event_ids, gates, until, max_devices, created_by, created_at, revoked_at
FROM door_passes WHERE id = %(id)s AND organisation_id = %(organisation_id)s FOR NO KEY UPDATE

-- name: revoke_pass
UPDATE door_passes SET revoked_at = now() WHERE id = %(id)s

-- name: count_devices
SELECT count(*) FROM door_devices WHERE pass_id = %(pass_id)s AND revoked_at IS NULL

-- name: insert_device
INSERT INTO door_devices (id, pass_id, name, token_hash) VALUES (%(id)s, %(pass_id)s, %(name)s, %(token_hash)s)

-- name: lock_device
SELECT id, name, revoked_at FROM door_devices WHERE id = %(id)s AND pass_id = %(pass_id)s FOR NO KEY UPDATE

-- name: revoke_device
UPDATE door_devices SET revoked_at = now() WHERE id = %(id)s
