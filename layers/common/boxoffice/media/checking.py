"""The worker that looks at what was uploaded: it makes a picture of it, refuses it, or removes it.

S3 puts a record on the queue for each object that comes. A record may be lost, come twice or come late, so the job
`review_uploads` puts one there too. The row of the upload alone says what is to be done. Two workers that make the
same picture write the same files, and the row takes one of them. The row becomes ready after its files are there, and
is deleted after they are gone.
"""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from urllib.parse import unquote_plus
from uuid import UUID

from psycopg.types.json import Jsonb

from boxoffice import db, sql, storage
from boxoffice.config import settings
from boxoffice.media import cloudinary, pictures, rules
from boxoffice.media.models import Picture, Refusal, UploadRow

SQL = sql.queries("media")

_FOR_EVER = "public, max-age=31536000, immutable"


def uploads_in(record: str) -> list[UUID]:
    """Return the uploads that a record of the queue names: S3's, which may have several, or one of our own."""
    body = json.loads(record)
    if "upload_id" in body:
        return [UUID(body["upload_id"])]
    keys = [unquote_plus(each["s3"]["object"]["key"]) for each in body.get("Records", [])]  # S3's first record has none
    return [UUID(key.removeprefix("uploads/")) for key in keys]


def check(conn: db.Connection, upload_id: UUID) -> int:
    """Do what is to be done with an upload. Runs in autocommit. Return 1 if its status has changed, else 0.

    Raises:
        OSError, botocore.exceptions.BotoCoreError, ClientError, NoAnswer: where the files lie, nobody answers.
    """
    upload = db.one(conn, UploadRow, SQL.get_upload, id=upload_id)
    match upload:
        case None:  # removed, and uploaded once more by the same form
            _forget_original(upload_id)
            return 0
        case UploadRow(status="pending", storage="cloudinary"):
            return _take_from_cloudinary(conn, upload)
        case UploadRow(status="pending"):
            return _take_from_bucket(conn, upload)
        case UploadRow(status="removing"):
            return _remove(conn, upload)
        case UploadRow(storage="s3"):
            _forget_original(upload_id)
    return 0


def _take_from_bucket(conn: db.Connection, upload: UploadRow) -> int:
    content = storage.get(settings().media_bucket, rules.upload_key(upload.id), upload.size)
    if content is None:
        return _refuse(conn, upload, "absent") if rules.overdue(upload, datetime.now(UTC)) else 0
    try:
        made = _make(conn, upload, content)
    except pictures.Refused as refused:
        done = _refuse(conn, upload, refused.reason)
        _forget_original(upload.id)
        return done
    sizes = [[width, height] for width, height, *_ in made.files]
    picture = Picture(rules.picture_path(upload.id, made.digest), sizes, made.color)
    for key, kind, file in _files(picture, made):
        storage.put(settings().media_bucket, key, file, kind, cache_control=_FOR_EVER)
    done = _set_ready(conn, upload, picture)
    if not done:
        _forget_unless_shown(conn, upload.id, picture)
    _forget_original(upload.id)
    return done


def _make(conn: db.Connection, upload: UploadRow, content: bytes) -> pictures.Made:
    """Make a picture of what came. Who begins is counted before, since the process may not survive the content.

    Raises:
        Refused: it is no picture, or is larger than the form allowed, or has ended too many processes.
    """
    if len(content) > upload.size:
        raise pictures.Refused("too_long")
    if (db.value(conn, SQL.count_try, id=upload.id) or 0) > rules.MOST_TRIES:
        raise pictures.Refused("damaged")
    return pictures.make(content)


def _files(picture: Picture, made: pictures.Made) -> list[tuple[str, str, bytes]]:
    """Return the files of a picture, each with its key and its type."""
    contents = [each for _, _, webp, jpeg in made.files for each in (("image/webp", webp), ("image/jpeg", jpeg))]
    return [(key, kind, file) for key, (kind, file) in zip(rules.file_keys(picture), contents, strict=True)]


def _take_from_cloudinary(conn: db.Connection, upload: UploadRow) -> int:
    picture = cloudinary.find(upload.id)
    if picture:
        return _set_ready(conn, upload, picture)
    return _refuse(conn, upload, "absent") if rules.overdue(upload, datetime.now(UTC)) else 0


def _set_ready(conn: db.Connection, upload: UploadRow, picture: Picture) -> int:
    return db.run(conn, SQL.set_ready, id=upload.id, picture=Jsonb(asdict(picture)), unused=rules.UNUSED)


def _refuse(conn: db.Connection, upload: UploadRow, reason: Refusal) -> int:
    return db.run(conn, SQL.set_refused, id=upload.id, refusal=reason, unused=rules.UNUSED)


def _remove(conn: db.Connection, upload: UploadRow) -> int:
    """Remove an upload that nobody can use any more: its files, then its row."""
    if upload.storage == "cloudinary":
        cloudinary.delete(upload.id)
    else:
        keys = rules.file_keys(Picture(**upload.picture)) if upload.picture else []
        storage.delete(settings().media_bucket, [rules.upload_key(upload.id), *keys])
    return db.run(conn, SQL.delete_upload, id=upload.id)


def _forget_original(upload_id: UUID) -> None:
    """Delete the file that came, with the places and the names that it may have."""
    storage.delete(settings().media_bucket, [rules.upload_key(upload_id)])


def _forget_unless_shown(conn: db.Connection, upload_id: UUID, picture: Picture) -> None:
    """Delete files that were made in vain: another worker was faster, with another file of the same form."""
    now = db.one(conn, UploadRow, SQL.get_upload, id=upload_id)
    if now is None or not now.picture or now.picture["path"] != picture.path:
        storage.delete(settings().media_bucket, rules.file_keys(picture))
