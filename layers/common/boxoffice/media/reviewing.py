"""The job that reviews uploads: it repeats what the queue has lost, and finds pictures that nothing shows."""

import json
from collections.abc import Collection, Sequence
from uuid import UUID

from boxoffice import db, queues, sql
from boxoffice.config import settings
from boxoffice.media import rules
from boxoffice.media.models import UploadRow
from boxoffice.observability import logger

SQL = sql.queries("media")

_BATCH = 100


def list_due(conn: db.Connection, leave_out: Collection[UUID]) -> list[UUID]:
    """Return uploads that the job must look at: pending ones, those that nothing may use, and those to remove."""
    return db.values(conn, SQL.list_due_uploads, leave_out=list(leave_out), batch=_BATCH)


def review(conn: db.Connection, upload_id: UUID) -> int:
    """Let a worker look at an upload, or remove one that nothing shows. Return 0 if another run has it."""
    upload = db.one(conn, UploadRow, SQL.take_due_upload, id=upload_id)
    if upload is None:
        return 0
    if upload.status in ("ready", "refused"):
        if db.value(conn, SQL.is_shown, id=upload_id):
            return db.run(conn, SQL.keep_upload, id=upload_id)
        db.run(conn, SQL.set_removing, id=upload_id)
    db.run(conn, SQL.look_again, id=upload_id, wait=rules.NEXT_LOOK[upload.storage])
    conn.after_commit(nudge, upload_id)
    return 1


def nudge(_: db.Connection, upload_ids: Sequence[UUID]) -> None:
    """Put uploads on the queue, after the commit. If that fails, the job does it again."""
    bodies = [json.dumps({"upload_id": str(upload_id)}) for upload_id in upload_ids]
    if refused := queues.put(settings().upload_queue_url, bodies):
        logger.warning("the queue refused uploads; the job will repeat them", extra={"uploads": len(refused)})
