"""Use cases of uploads, and what other domains need of their pictures."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from boxoffice import audit, db, rate_limit, sql, storage
from boxoffice.auth import Caller, require_role
from boxoffice.config import settings
from boxoffice.errors import NotFound
from boxoffice.ids import new_id
from boxoffice.media import cloudinary, rules
from boxoffice.media.errors import PictureNotReady
from boxoffice.media.models import NewUploadView, UploadFormView, UploadRequest, UploadRow, UploadView
from boxoffice.storage import Form

SQL = sql.queries("media")


def create_upload(conn: db.Connection, caller: Caller, request: UploadRequest) -> NewUploadView:
    """Return a form by which a browser uploads one picture.

    Raises:
        NotFound, Forbidden: the organisation is not the caller's, or the role is too low.
        TooManyRequests: the organisation has asked for two hundred in an hour.
    """
    require_role(conn, caller, request.organisation_id)
    now, upload_id, kept_at = datetime.now(UTC), new_id(), settings().picture_storage
    form = _form(upload_id, request, now)
    columns = {"id": upload_id, "organisation_id": request.organisation_id, "storage": kept_at, "size": request.size}
    made = {"created_by": caller.actor, "created_at": now, "wait": rules.FIRST_LOOK[kept_at]}
    db.run(conn, SQL.insert_upload, **columns, **made)
    upload = db.exactly_one(conn, UploadRow, SQL.get_upload, id=upload_id)
    facts = request.model_dump(mode="json", exclude={"organisation_id"})
    audit.record(conn, caller, "create_upload", f"upload {upload_id}", organisation=upload.organisation_id, **facts)
    rate_limit.limit_uploads(conn, upload.organisation_id)
    shown = UploadFormView(url=form.url, fields=form.fields, file_field="file", expires_at=now + rules.FORM_LIFETIME)
    return NewUploadView(**dict(_view(upload)), form=shown)


def _form(upload_id: UUID, request: UploadRequest, now: datetime) -> Form:
    if settings().picture_storage == "cloudinary":
        return cloudinary.form(upload_id, now)
    key, seconds = rules.upload_key(upload_id), int(rules.FORM_LIFETIME.total_seconds())
    return storage.form(settings().media_bucket, key, request.content_type, request.size, seconds)


def get_upload(conn: db.Connection, caller: Caller, upload_id: UUID) -> UploadView:
    """Return how an upload stands.

    Raises:
        NotFound, Forbidden: the upload is not the caller's, or the role is too low. Or it was removed.
    """
    upload = db.get(conn, UploadRow, SQL.get_upload, id=upload_id)
    require_role(conn, caller, upload.organisation_id)
    if upload.status == "removing":
        raise NotFound
    return _view(upload)


def _view(upload: UploadRow) -> UploadView:
    return UploadView(
        id=upload.id,
        organisation_id=upload.organisation_id,
        status=upload.status,  # type: ignore[arg-type] # what is being removed is not shown
        refusal=rules.refusal_view(upload),
        picture=rules.picture_view(upload.id, upload.picture),
        created_at=upload.created_at,
    )


def replace_picture(conn: db.Connection, organisation_id: UUID, old: UUID | None, new: UUID | None) -> None:
    """Let something of an organisation show another picture, or none. The caller has locked what shows it.

    Raises:
        NotFound, PictureNotReady: the organisation has no such upload, or there is no picture yet.
    """
    if old == new:
        return
    if new is not None:
        use(conn, organisation_id, new)
    if old is not None:
        release(conn, [old])


def use(conn: db.Connection, organisation_id: UUID, upload_id: UUID) -> None:
    """Let something of an organisation show a picture.

    Raises:
        NotFound, PictureNotReady: the organisation has no such upload, or there is no picture yet.
    """
    named = {"organisation_id": organisation_id}
    if not db.run(conn, SQL.use_upload, id=upload_id, **named):
        if not db.value(conn, SQL.has_upload, id=upload_id, **named):
            raise NotFound("The organisation has no such upload.")
        raise PictureNotReady


def release(conn: db.Connection, upload_ids: Sequence[UUID]) -> None:
    """Note that something shows these pictures no more. After a day a job removes those that nothing shows."""
    db.run(conn, SQL.lock_and_release_uploads, ids=list(upload_ids), unused=rules.UNUSED)
