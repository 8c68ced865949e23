"""Write the emails of announcements, and count what becomes of them.

A run takes an announcement and owes the emails about some orders in a transaction, which also notes how far it has
come. So it may die anywhere. The id of an email follows from the announcement and the mailbox. So nobody gets two,
however many tickets they have, and however often a run begins again.
"""

from collections.abc import Collection
from uuid import UUID

from boxoffice import db, mailings, sql
from boxoffice.announcements.models import AnnouncedEvent, AnnouncementRow, Recipient

SQL = sql.queries("announcements")

_BATCH = 200  # orders in a transaction


def list_unfinished(conn: db.Connection, leave_out: Collection[UUID] = ()) -> list[UUID]:
    """Return announcements whose emails are not all written yet, the oldest first.

    Args:
        leave_out: announcements that another run has locked, or that the run has tried in vain.
    """
    return db.values(conn, SQL.list_unfinished, leave_out=list(leave_out))


def write_some(conn: db.Connection, announcement_id: UUID) -> int:
    """Owe the emails about the next orders, and return 1. Return 0 if another run has the announcement.

    That of a seller who was suspended since is withdrawn.
    """
    announcement = db.one(conn, AnnouncementRow, SQL.take_announcement, id=announcement_id)
    if announcement is None:
        return 0
    event = db.one(conn, AnnouncedEvent, SQL.get_event, event_id=announcement.event_id)
    if event is None or not event.seller_sells:
        db.run(conn, SQL.set_withdrawn, id=announcement_id)
        return 1
    key = {"event_id": announcement.event_id, "after": announcement.last_order_id}
    orders: list[UUID] = [row["id"] for row in db.page(conn, dict, SQL.list_orders, limit=_BATCH, **key)]
    if not orders:
        db.run(conn, SQL.set_finished, id=announcement_id)
        return 1
    new = _owe(conn, announcement, orders[-1])
    db.run(conn, SQL.set_written, id=announcement_id, last_order_id=orders[-1], new=new)
    return 1


def list_to_tally(conn: db.Connection, leave_out: Collection[UUID] = ()) -> list[UUID]:
    """Return announcements whose emails are to be counted again.

    Args:
        leave_out: announcements that the run has tried in vain.
    """
    return db.values(conn, SQL.list_to_tally, leave_out=list(leave_out))


def tally(conn: db.Connection, announcement_id: UUID) -> int:
    """Count the emails of an announcement, and return 1."""
    return db.run(conn, SQL.set_tally, id=announcement_id)


def _owe(conn: db.Connection, announcement: AnnouncementRow, up_to: UUID) -> int:
    """Owe an email to each recipient of the next orders, and return how many are new."""
    recipients = db.many(
        conn,
        Recipient,
        SQL.list_recipients,
        event_id=announcement.event_id,
        audience=announcement.audience,
        ticket_status=announcement.ticket_status,
        ticket_type_ids=announcement.ticket_type_ids,
        admitted=announcement.admitted,
        until=announcement.created_at,
        after=announcement.last_order_id,
        up_to=up_to,
    )
    about = {"announcement_id": str(announcement.id)}
    emails = ((each.email, about | {"email": each.email} | each.payload) for each in recipients)
    return mailings.owe(conn, "announcement", announcement.id, emails)
