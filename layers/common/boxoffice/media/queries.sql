-- Statements on uploads, the pictures that were made of them, and galleries.

-- name: insert_upload
-- It waits for a file. From due_at on a job looks for it.
INSERT INTO uploads (id, organisation_id, storage, size, created_by, created_at, due_at)
VALUES (%(id)s, %(organisation_id)s, %(storage)s, %(size)s, %(created_by)s, %(created_at)s,
    %(created_at)s::timestamptz + %(wait)s)

-- name: get_upload
SELECT id, organisation_id, storage, status, size, refusal, picture, created_at, due_at FROM uploads WHERE id = %(id)s

-- name: count_try
-- Somebody begins to make a picture of an upload.
UPDATE uploads SET tries = tries + 1 WHERE id = %(id)s AND status = 'pending' RETURNING tries

-- name: set_ready
-- The files of its picture are there. If nothing shows the picture, a job removes it after some time.
UPDATE uploads SET status = 'ready', picture = %(picture)s, due_at = now() + %(unused)s
WHERE id = %(id)s AND status = 'pending'

-- name: set_refused
UPDATE uploads SET status = 'refused', refusal = %(refusal)s, due_at = now() + %(unused)s
WHERE id = %(id)s AND status = 'pending'

-- name: list_due_uploads
-- The uploads that the job must look at, the longest due first.
SELECT id FROM uploads WHERE due_at <= now() AND id <> ALL(%(leave_out)s::uuid[]) ORDER BY due_at LIMIT %(batch)s

-- name: take_due_upload
-- An upload that the job must look at, unless another run or a change has it.
SELECT id, organisation_id, storage, status, size, refusal, picture, created_at, due_at FROM uploads
WHERE id = %(id)s AND due_at <= now() ORDER BY id FOR NO KEY UPDATE SKIP LOCKED

-- name: is_shown
-- True if something shows the picture of an upload.
SELECT EXISTS (SELECT FROM organisations WHERE logo_id = %(id)s) OR EXISTS (SELECT FROM events WHERE image_id = %(id)s)
    OR EXISTS (SELECT FROM gallery_images WHERE upload_id = %(id)s)

-- name: keep_upload
-- The job need not look at it any more, until something ceases to show it.
UPDATE uploads SET due_at = NULL WHERE id = %(id)s

-- name: look_again
UPDATE uploads SET due_at = now() + %(wait)s WHERE id = %(id)s

-- name: set_removing
-- Nothing can show it from now on. A worker removes its files, then its row.
UPDATE uploads SET status = 'removing' WHERE id = %(id)s

-- name: delete_upload
DELETE FROM uploads WHERE id = %(id)s AND status = 'removing'

-- name: use_upload
-- Something of the organisation shows this picture from now on, unless it is not ready, or is being removed.
UPDATE uploads SET due_at = NULL WHERE id = %(id)s AND organisation_id = %(organisation_id)s AND status = 'ready'

-- name: lock_and_release_uploads
-- Something does not show these pictures any more. The job looks if anything else does.
UPDATE uploads SET due_at = now() + %(unused)s
WHERE id IN (SELECT id FROM uploads WHERE id = ANY(%(ids)s) ORDER BY id FOR NO KEY UPDATE)

-- name: has_upload
-- Who asks for a picture that is not ready, learns so only of their own.
SELECT EXISTS (
    SELECT FROM uploads WHERE id = %(id)s AND organisation_id = %(organisation_id)s AND status <> 'removing'
)

-- name: insert_gallery
INSERT INTO galleries (id, organisation_id, event_id, title, description, is_published, created_at)
VALUES (%(id)s, %(organisation_id)s, %(event_id)s, %(title)s, %(description)s, %(is_published)s, %(created_at)s)

-- name: get_gallery
-- A gallery, with what its seller may do.
SELECT galleries.id, organisation_id, event_id, title, galleries.description, is_published, galleries.version,
    galleries.created_at, organisations.status AS organisation_status
FROM galleries JOIN organisations ON organisations.id = organisation_id WHERE galleries.id = %(id)s

-- name: lock_gallery
-- Whoever changes a gallery or its images locks it first.
SELECT id FROM galleries WHERE id = %(id)s FOR NO KEY UPDATE

-- name: list_images
-- The images of a gallery in their order, a hundred at the most.
SELECT gallery_images.id, upload_id, position, caption, alt, picture
FROM gallery_images JOIN uploads ON uploads.id = upload_id
WHERE gallery_id = %(gallery_id)s ORDER BY position

-- name: list_galleries
-- A page of galleries, newest first, each with its first image. Members see those that are not published, too.
-- PostgreSQL plans the statement for each call, so that filters without a value vanish from the plan.
SELECT page.id, page.organisation_id, event_id, title, description, is_published, version, page.created_at,
    (SELECT count(*) FROM gallery_images WHERE gallery_id = page.id) AS image_count,
    cover.upload_id AS cover_id, cover.alt AS cover_alt, picture AS cover_picture
FROM (
    SELECT id, organisation_id, event_id, title, description, is_published, version, created_at FROM galleries
    WHERE id < %(before)s AND (%(organisation_id)s::uuid IS NULL OR organisation_id = %(organisation_id)s)
        AND (%(event_id)s::uuid IS NULL OR event_id = %(event_id)s)
        AND (%(include_drafts)s OR is_published AND NOT EXISTS (
            SELECT FROM organisations WHERE id = organisation_id AND status <> 'approved'))
    ORDER BY id DESC LIMIT %(limit)s + 1
) AS page
    LEFT JOIN gallery_images AS cover ON cover.gallery_id = page.id AND position = 1
    LEFT JOIN uploads ON uploads.id = cover.upload_id
ORDER BY page.id DESC

-- name: has_event
SELECT EXISTS (
    SELECT FROM events WHERE id = %(event_id)s AND organisation_id = %(organisation_id)s AND deleted_at IS NULL
)

-- name: update_gallery
-- All fields that a manager can edit.
UPDATE galleries SET event_id = %(event_id)s, title = %(title)s, description = %(description)s,
    is_published = %(is_published)s, version = version + 1
WHERE id = %(id)s

-- name: delete_gallery
-- A gallery without images.
DELETE FROM galleries WHERE id = %(id)s

-- name: insert_image
-- At the end of a gallery that the transaction has locked.
INSERT INTO gallery_images (id, gallery_id, upload_id, position, caption, alt)
SELECT %(id)s, %(gallery_id)s, %(upload_id)s, coalesce(max(position), 0) + 1, %(caption)s, %(alt)s
FROM gallery_images WHERE gallery_id = %(gallery_id)s

-- name: set_images
-- The order, the captions and the alternative texts of a gallery's images.
UPDATE gallery_images SET position = new.position, caption = new.caption, alt = new.alt
FROM unnest(%(ids)s::uuid[], %(positions)s::smallint[], %(captions)s::text[], %(alts)s::text[])
    AS new (id, position, caption, alt)
WHERE gallery_images.id = new.id AND gallery_id = %(gallery_id)s

-- name: delete_image
DELETE FROM gallery_images WHERE id = %(id)s AND gallery_id = %(gallery_id)s RETURNING upload_id, position

-- name: close_gap
-- The images behind one that was removed move up.
UPDATE gallery_images SET position = position - 1 WHERE gallery_id = %(gallery_id)s AND position > %(position)s

-- name: delete_images
DELETE FROM gallery_images WHERE gallery_id = %(gallery_id)s
