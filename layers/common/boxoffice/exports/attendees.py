"""List the attendees of an event: its tickets, each with its holder and its buyer."""

from uuid import UUID

from boxoffice import db, sql
from boxoffice.auth import Caller, require_role
from boxoffice.checkin.rules import check_search
from boxoffice.exports.models import AttendeeFilters, AttendeePage
from boxoffice.ids import find_order_number, shown_order_number
from boxoffice.pagination import FIRST_ID, LAST_ID, decode_id

SQL = sql.queries("exports")


def list_attendees(
    conn: db.Connection, caller: Caller, event_id: UUID, filters: AttendeeFilters, limit: int, cursor: str | None
) -> AttendeePage:
    """Return a page of the attendees of an event, in the order of purchase.

    Raises:
        NotFound, Forbidden: the event is not the caller's, or the role is too low.
        Invalid: the text is too short, or the cursor is not ours.
    """
    if filters.text is not None:
        check_search(filters.text)
    require_role(conn, caller, db.get(conn, dict, SQL.get_event, event_id=event_id)["organisation_id"])
    rows = db.search(
        conn,
        dict,
        SQL.list_attendees,
        event_id=event_id,
        after=decode_id(cursor) or FIRST_ID,
        first_id=FIRST_ID,
        end_id=LAST_ID,
        order_number=find_order_number(filters.text) if filters.text else None,
        **vars(filters),
        limit=limit,
    )
    return AttendeePage.of(
        rows,
        limit,
        lambda row: (row["ticket_id"],),
        show=lambda row: {**row, "order_number": shown_order_number(row["order_number"])},
    )
