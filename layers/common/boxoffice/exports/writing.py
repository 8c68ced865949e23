"""Write the files of exports, and do what workers have left undone.

A worker has a lease on its export, which each page prolongs. One that comes too late finds that another attempt has
begun, and stops. A file is written under a key of its attempt, so nobody reads what a late worker has written.
"""

from collections.abc import Collection
from uuid import UUID

from boxoffice import db, sql, storage
from boxoffice.config import settings
from boxoffice.exports import rules, service, sources
from boxoffice.exports.files import CONTENT_TYPES, FILES
from boxoffice.exports.models import MOST_ROWS, Export, ExportFailure

SQL = sql.queries("exports")


class _LeaseLost(Exception):
    """Another attempt has begun."""


def write(conn: db.Connection, export_id: UUID) -> int:
    """Write the file of an export, unless somebody else does. Runs in autocommit.

    Returns:
        1 if the export is finished now, else 0.
    """
    if db.value(conn, SQL.take_export, id=export_id, lease=rules.LEASE) is None:
        return 0
    export = db.exactly_one(conn, Export, SQL.get_export, id=export_id)
    if export.attempts > rules.MOST_ATTEMPTS:
        return _finish(conn, export, "gave_up")
    about = sources.count_rows(conn, export)
    if about > MOST_ROWS:
        return _finish(conn, export, "too_many_rows")
    try:
        _write_rows(conn, export, about)
    except _LeaseLost:
        return 0
    return _finish(conn, export, None)


def _write_rows(conn: db.Connection, export: Export, about: int) -> None:
    layout = sources.layout_of(conn, export)
    done = 0
    _go_on(conn, export, done, about)
    with (
        storage.writing(settings().files_bucket, export.key, CONTENT_TYPES[export.format]) as sink,
        FILES[export.format](sink) as file,
    ):
        file.write_rows([layout.headers])
        for page in sources.pages_of(conn, export):
            file.write_rows(map(layout.cells_of, page))
            done += len(page)
            _go_on(conn, export, done, about)


def _go_on(conn: db.Connection, export: Export, done: int, about: int) -> None:
    """Store how far an export has come, and prolong the lease.

    Raises:
        _LeaseLost: another attempt has begun.
    """
    progress = {"rows_done": done, "rows_about": about, "lease": rules.LEASE}
    if not db.run(conn, SQL.set_progress, id=export.id, attempts=export.attempts, **progress):
        raise _LeaseLost


def _finish(conn: db.Connection, export: Export, failure: ExportFailure | None) -> int:
    return db.run(conn, SQL.finish_export, id=export.id, attempts=export.attempts, failure=failure)


def find_forgotten(conn: db.Connection, leave_out: Collection[UUID] = (), *, called: set[UUID]) -> list[UUID]:
    """Return exports that no worker has begun or finished in time, each once in a run.

    Args:
        leave_out: exports to leave out.
        called: exports for which this run has called workers. Those that are returned now are added.
    """
    found: list[UUID] = db.values(conn, SQL.list_forgotten, leave_out=[*leave_out, *called])
    called.update(found)
    return found


def call_worker(conn: db.Connection, export_id: UUID) -> int:
    """Call a worker that writes an export, after the commit. Return 1, for one export."""
    conn.after_commit(service.put_on_queue, export_id)
    return 1


def list_old(conn: db.Connection, leave_out: Collection[UUID] = ()) -> list[UUID]:
    """Return a batch of exports whose files are deleted by now.

    Args:
        leave_out: exports that the run has tried already.
    """
    return db.values(conn, SQL.list_old, days=rules.DAYS_KEPT, leave_out=list(leave_out))


def purge(conn: db.Connection, export_ids: Collection[UUID]) -> int:
    """Delete exports, and return their number."""
    return db.run(conn, SQL.delete_exports, ids=list(export_ids))
