"""Emails about transfers, and tickets as any email shows and attaches them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from boxoffice import db, ics, sql
from boxoffice.auth import ticket_token
from boxoffice.emails import Attachment, Content, Image, Occasion, link, venue_of, write
from boxoffice.ids import shown_order_number
from boxoffice.tickets import service, transfers
from boxoffice.tickets.models import PrintedTicket, Printout
from boxoffice.times import when

SQL = sql.queries("tickets")

MOST_QRS = 50  # in one email; Gmail cuts off at 100 KB of HTML


@dataclass(frozen=True)
class EmailTransfer(Occasion):
    """A ticket that was sent, or that has passed to somebody and so has a transfer count."""

    id: UUID
    ticket_id: UUID
    ticket_type_name: str
    from_name: str
    to_name: str | None
    expires_at: datetime
    transfer_count: int | None
    seller: str


@dataclass(frozen=True)
class EmailTicket:
    """A ticket as an email shows it; the first ones have their QR as a picture."""

    id: UUID
    event_id: UUID
    position: int
    type_name: str
    holder_name: str
    seat: str | None
    group_size: int
    image: Image | None


def transfer_offered(conn: db.Connection, transfer_id: str) -> Content:
    """Somebody sends you a ticket; accept it with this link."""
    transfer = _transfer(conn, transfer_id)
    accept = link("transfers", transfer.id, transfers.token_of(transfer.id))
    subject = f"{transfer.from_name} sends you a ticket for {transfer.event_title}"
    until = when(transfer.expires_at, transfer.time_zone)
    return write("transfer_offered", subject, _facts_of(transfer) | {"link": accept, "until": until})


def transfer_accepted(conn: db.Connection, transfer_id: str) -> Content:
    """The ticket is yours: here it is, unless it is somebody else's by now."""
    transfer = _transfer(conn, transfer_id)
    subject = f"Your ticket for {transfer.event_title}"
    ticket = service.print_ticket(conn, transfer.ticket_id)
    if (ticket.transfer_count, ticket.status) != (transfer.transfer_count, "valid"):
        return write("transfer_accepted", subject, _facts_of(transfer) | {"ticket": None, "link": None})
    (its,) = shown([ticket])
    page = link("tickets", ticket.id, ticket_token(ticket.id, ticket.transfer_count))
    images = [its.image] if its.image else []
    files = attachments(shown_order_number(ticket.order_number), [ticket], [transfer])
    return write("transfer_accepted", subject, _facts_of(transfer) | {"ticket": its, "link": page}, images, files)


def transfer_completed(conn: db.Connection, transfer_id: str) -> Content:
    """Your ticket has passed to whom you sent it; its QR is worth nothing any more."""
    transfer = _transfer(conn, transfer_id)
    subject = f"Your ticket for {transfer.event_title} has passed to {transfer.to_name}"
    return write("transfer_completed", subject, _facts_of(transfer))


EMAILS = (transfer_offered, transfer_accepted, transfer_completed)


def shown(printed: Sequence[PrintedTicket]) -> list[EmailTicket]:
    """Tickets as an email shows them, counted from 1."""
    return [
        EmailTicket(
            id=ticket.id,
            event_id=ticket.event_id,
            position=position,
            type_name=ticket.ticket_type_name,
            holder_name=ticket.holder_name,
            seat=ticket.seat,
            group_size=ticket.group_size,
            image=_qr(ticket.id, position, ticket.qr) if position <= MOST_QRS else None,
        )
        for position, ticket in enumerate(printed, start=1)
    ]


def attachments(name: str, printed: Sequence[PrintedTicket], occasions: Sequence[Occasion]) -> list[Attachment]:
    """The tickets to print and their events for the calendar; nothing where there is no ticket."""
    from boxoffice.tickets import pdf

    if not printed:
        return []
    going = {ticket.event_id for ticket in printed}
    events = {occasion.event_id: occasion for occasion in occasions if occasion.event_id in going}
    document = pdf.render(Printout(name, 0, len(printed), list(printed[:MOST_QRS])))
    calendar = ics.calendar_of(events.values(), datetime.now(UTC))
    return [
        Attachment(f"tickets-{name}.pdf", "application/pdf", document),
        Attachment("event.ics", 'text/calendar; charset="utf-8"; method=PUBLISH', calendar),
    ]


def _qr(ticket_id: UUID, position: int, text: str) -> Image:
    from boxoffice.tickets import qr

    return Image(content_id=f"{ticket_id}@tickets.boxoffice", name=f"ticket-{position}.png", png=qr.png(text))


def _transfer(conn: db.Connection, transfer_id: str) -> EmailTransfer:
    transfer = db.one(conn, EmailTransfer, SQL.get_transfer_for_email, id=UUID(transfer_id))
    if transfer is None:
        raise LookupError(f"transfer {transfer_id}")
    return transfer


def _facts_of(transfer: EmailTransfer) -> dict[str, Any]:
    """What every email about a transfer can say."""
    return {
        "transfer": transfer,
        "when": when(transfer.starts_at, transfer.time_zone),
        "place": venue_of(transfer),
    }
