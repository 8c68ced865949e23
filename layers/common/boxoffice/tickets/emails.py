"""Emails about transfers, and the tickets that any email shows and attaches."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from boxoffice import db, ics, languages, sql
from boxoffice.emails import Attachment, Content, Image, Occasion, link, notice_of, seller_of, venue_of, write
from boxoffice.guest_tokens import ticket_token
from boxoffice.ids import shown_order_number
from boxoffice.languages import gettext
from boxoffice.tickets import service, transfers
from boxoffice.tickets.models import PrintedTicket, Printout
from boxoffice.times import moment_of, when_of

SQL = sql.queries("tickets")

MOST_QRS = 20  # in one email. Gmail cuts off at 102 KB of HTML, and many pictures make an email slow


@dataclass(frozen=True)
class EmailTransfer(Occasion):
    """A transfer as an email shows it. It has a transfer count once it is accepted."""

    id: UUID
    ticket_id: UUID
    ticket_type_name: str
    from_name: str
    to_name: str | None
    expires_at: datetime
    transfer_count: int | None


@dataclass(frozen=True)
class EmailTicket:
    """A ticket as an email shows it, with a picture of its QR."""

    id: UUID
    event_id: UUID
    position: int
    type_name: str
    holder_name: str
    seat: str | None
    group_size: int
    image: Image


def transfer_started(conn: db.Connection, transfer_id: str, renewed: str = "") -> Content:
    """Write to whom a ticket was sent: here is the link that accepts it. Argument: see `transfer_accepted`."""
    transfer = _transfer(conn, transfer_id)
    accept = link("transfers", transfer.id, transfers.token_of(transfer.id))
    # no words of the sender, whoever that is
    subject = gettext("A ticket for %(event)s was sent to you", event=transfer.event_title)
    until = moment_of(transfer.expires_at, transfer)
    facts = _facts_of(transfer, renewed) | {"link": accept, "until": until}
    return write("transfer_started", subject, facts, seller=seller_of(transfer))


def transfer_accepted(conn: db.Connection, transfer_id: str, renewed: str = "") -> Content:
    """Write to the new holder: here is your ticket. If it was refunded or transferred since, the email says so.

    Args:
        renewed: why it is sent again, if one of `NOTICES` says so.
    """
    transfer = _transfer(conn, transfer_id)
    subject = gettext("Your ticket for %(event)s", event=transfer.event_title)
    signed = service.get_signed_ticket(conn, transfer.ticket_id)
    refunded = signed.status == "refunded"
    transferred_again = signed.transfer_count != transfer.transfer_count
    if refunded or transferred_again:
        facts = _facts_of(transfer) | {"ticket": None, "link": None}
        return write("transfer_accepted", subject, facts, seller=seller_of(transfer))
    ticket = service.print_ticket(signed)
    (email_ticket,) = email_tickets([ticket])
    page = link("tickets", ticket.id, ticket_token(ticket.id, ticket.transfer_count))
    facts = _facts_of(transfer, renewed) | {"ticket": email_ticket, "link": page}
    files = attachments(shown_order_number(ticket.order_number), [ticket], [transfer], page)
    return write("transfer_accepted", subject, facts, [email_ticket.image], files, seller_of(transfer))


def transfer_completed(conn: db.Connection, transfer_id: str) -> Content:
    """Write to the former holder: your ticket now belongs to somebody else, and your QR has ended."""
    transfer = _transfer(conn, transfer_id)
    subject = gettext("Your ticket for %(event)s has passed to somebody else", event=transfer.event_title)
    return write("transfer_completed", subject, _facts_of(transfer), seller=seller_of(transfer))


EMAILS = (transfer_started, transfer_accepted, transfer_completed)


def tickets_sent_to(conn: db.Connection, email: str, most: int) -> list[dict[str, Any]]:
    """Return the newest tickets that were sent to an address and are held there still, each with its link."""
    return [
        {
            "what": ticket["event_title"],
            "seller": ticket["seller"],
            "link": link("tickets", ticket["id"], ticket_token(ticket["id"], ticket["transfer_count"])),
            "token": ticket_token(ticket["id"], ticket["transfer_count"]),
        }
        for ticket in db.many(conn, dict, SQL.list_tickets_of_address, email=email, most=most)
    ]


def email_tickets(tickets: Sequence[PrintedTicket]) -> list[EmailTicket]:
    """Return the first `MOST_QRS` tickets as an email shows them, numbered from 1."""
    return [
        EmailTicket(
            id=ticket.id,
            event_id=ticket.event_id,
            position=position,
            type_name=ticket.ticket_type_name,
            holder_name=ticket.holder_name,
            seat=ticket.seat,
            group_size=ticket.group_size,
            image=_qr(ticket.id, position, ticket.qr),
        )
        for position, ticket in enumerate(tickets[:MOST_QRS], start=1)
    ]


def attachments(
    name: str, tickets: Sequence[PrintedTicket], occasions: Sequence[Occasion], page: str | None
) -> list[Attachment]:
    """Return a PDF of the tickets and a calendar file of their events; nothing if there is no ticket.

    Args:
        name: the order's number, which is part of the file's name.
        page: the link to the page that shows the tickets, if there is one.
        tickets: the tickets. The PDF has the first `MOST_QRS` of them.
        occasions: these and perhaps other events.
    """
    from boxoffice.tickets import pdf

    if not tickets:
        return []
    event_ids = {ticket.event_id for ticket in tickets}
    events = {occasion.event_id: occasion for occasion in occasions if occasion.event_id in event_ids}
    document = pdf.render(Printout(name, 0, len(tickets), list(tickets[:MOST_QRS]), languages.current().tag))
    return [
        Attachment(f"tickets-{name}.pdf", "application/pdf", document),
        ics.attachment_of(events.values(), name, page),
    ]


def _qr(ticket_id: UUID, position: int, text: str) -> Image:
    from boxoffice.tickets import qr

    return Image(content_id=f"{ticket_id}@tickets.boxoffice", name=f"ticket-{position}.png", png=qr.png(text))


def _transfer(conn: db.Connection, transfer_id: str) -> EmailTransfer:
    transfer = db.one(conn, EmailTransfer, SQL.get_transfer_for_email, id=UUID(transfer_id))
    if transfer is None:
        raise LookupError(f"transfer {transfer_id}")
    return transfer


def _facts_of(transfer: EmailTransfer, renewed: str = "") -> dict[str, Any]:
    """Return what every email about a transfer can say."""
    return {
        "notice": notice_of(renewed),
        "transfer": transfer,
        "when": when_of(transfer),
        "place": venue_of(transfer),
    }
