"""Show waitlist entries to managers and to their holders, and let people leave."""

from uuid import UUID

from boxoffice import audit, db, sql
from boxoffice.auth import Caller, Who, require_holder, require_role
from boxoffice.errors import NotFound
from boxoffice.pagination import FIRST_ID, decode_id
from boxoffice.waitlist import service
from boxoffice.waitlist.models import EntryDetails, WaitlistPage
from boxoffice.waitlist.rows import ALL_STATUSES, EntryStatus, WaitlistEntry

SQL = sql.queries("waitlist")


def list_entries(
    conn: db.Connection, caller: Caller, event_id: UUID, status: EntryStatus | None, limit: int, cursor: str | None
) -> WaitlistPage:
    """Return a page of the waitlist of an event, in order of joining.

    Raises:
        NotFound, Forbidden: the event is not the caller's, or the role is too low.
    """
    organisation_id = db.value(conn, SQL.get_organisation, event_id=event_id)
    if organisation_id is None:
        raise NotFound
    require_role(conn, caller, organisation_id)
    statuses = [status] if status else list(ALL_STATUSES)
    after = decode_id(cursor) or FIRST_ID
    rows = db.page(
        conn, WaitlistEntry, SQL.list_entries, event_id=event_id, statuses=statuses, after=after, limit=limit
    )
    return WaitlistPage.of(rows, limit)


def get_entry(conn: db.Connection, caller: Caller, entry_id: UUID) -> EntryDetails:
    """Return an entry with what its holder wants to know of the event.

    Raises:
        NotFound: there is no such entry, or it is not the caller's.
    """
    entry = db.get(conn, EntryDetails, SQL.get_entry, id=entry_id)
    require_holder(conn, caller, "waitlist entry", entry.id, entry.organisation_id, entry.account_id)
    return entry


def leave(conn: db.Connection, caller: Caller, entry_id: UUID) -> None:
    """Take a person off the waitlist. Their offer goes to the next entry. To leave again changes nothing.

    Raises:
        NotFound: there is no such entry, or it is not the caller's.
    """
    entry = db.get(conn, WaitlistEntry, SQL.lock_entry, id=entry_id)
    acts_as = require_holder(conn, caller, "waitlist entry", entry.id, entry.organisation_id, entry.account_id)
    if entry.status in ("waiting", "offered"):
        service.end_locked_entry(conn, entry, "left")
        if acts_as is Who.MANAGER:
            subject = f"waitlist entry {entry.id}"
            audit.record(conn, caller, "leave_waitlist", subject, organisation=entry.organisation_id)
