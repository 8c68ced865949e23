"""The email by which a buyer or holder gets what a manager has written to all of them."""

from typing import Any
from uuid import UUID

from boxoffice import db, sql
from boxoffice.announcements.models import AnnouncedEvent, AnnouncementRow
from boxoffice.emails import Content, NotNeeded, link, seller_of, venue_of, write
from boxoffice.guest_tokens import order_token, ticket_token
from boxoffice.ids import shown_order_number
from boxoffice.languages import gettext
from boxoffice.times import when_of

SQL = sql.queries("announcements")


def announcement(
    conn: db.Connection, announcement_id: str, email: str, order_id: str = "", ticket_id: str = ""
) -> Content:
    """Write an announcement to somebody.

    Args:
        email: the address that it goes to.
        order_id: the order that they have bought. Or:
        ticket_id: the ticket that has passed to them.

    Raises:
        NotNeeded: it was withdrawn, the seller is suspended, or it no longer applies to them.
    """
    row = db.exactly_one(conn, AnnouncementRow, SQL.get_announcement, id=UUID(announcement_id))
    event = db.one(conn, AnnouncedEvent, SQL.get_event, event_id=row.event_id)
    if row.withdrawn_at is not None or event is None or not event.seller_sells:
        raise NotNeeded("the message was withdrawn, or its seller is suspended")
    return _write(event, row.subject, row.body, _holder(conn, row, email, order_id, ticket_id))


def announcement_sample(conn: db.Connection, event_id: str, subject: str, body: str) -> Content:
    """Write an announcement to the manager who wants to see it first."""
    return sample_of(db.exactly_one(conn, AnnouncedEvent, SQL.get_event, event_id=UUID(event_id)), subject, body)


def sample_of(event: AnnouncedEvent, subject: str, body: str) -> Content:
    """Write an announcement as a recipient would get it, but without a link to an order."""
    return _write(event, subject, body, {"number": None, "link": None, "page": ""})


EMAILS = (announcement, announcement_sample)


def _holder(conn: db.Connection, row: AnnouncementRow, email: str, order_id: str, ticket_id: str) -> dict[str, Any]:
    """Return where a recipient sees the tickets that the announcement is about."""
    applies = {"event_id": row.event_id, "ticket_status": row.ticket_status}
    if order_id:
        order = db.one(conn, dict, SQL.get_order_of_recipient, order_id=UUID(order_id), **applies)
        if order is None:
            raise NotNeeded("the message no longer applies to the order")
        page = link("orders", order["id"], order_token(order["id"], order["email_changes"]))
        return {"number": shown_order_number(order["number"]), "link": page, "page": gettext("See your order")}
    del applies["event_id"]
    ticket = db.one(conn, dict, SQL.get_ticket_of_recipient, ticket_id=UUID(ticket_id), email=email, **applies)
    if ticket is None:
        raise NotNeeded("the message no longer applies to the address")
    page = link("tickets", ticket["id"], ticket_token(ticket["id"], ticket["transfer_count"]))
    return {"number": None, "link": page, "page": gettext("See your ticket")}


def _write(event: AnnouncedEvent, subject: str, body: str, holder: dict[str, Any]) -> Content:
    paragraphs = [part.strip("\n").split("\n") for part in body.split("\n\n") if part.strip()]
    facts = {"event": event, "when": when_of(event), "place": venue_of(event), "paragraphs": paragraphs, **holder}
    return write("announcement", subject, facts, seller=seller_of(event))
