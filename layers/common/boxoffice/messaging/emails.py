"""Emails: what they say is read from the database when they are sent, and written by the templates beside this file.

Emails link to the order's page in the shop, ``PUBLIC_URL/orders/<order id>#token=<token>``. The page sends the token as
X-Order-Token. It stands in the fragment, which browsers keep to themselves: it reaches neither a log nor a Referer.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any
from uuid import UUID

import jinja2

from boxoffice import db, money, sql
from boxoffice.auth import order_token, ticket_token
from boxoffice.config import settings
from boxoffice.ids import shown_order_number
from boxoffice.messaging import ics, rules
from boxoffice.messaging.errors import UnknownTemplate
from boxoffice.messaging.mime import email_of
from boxoffice.messaging.models import (
    Attachment,
    Cancellation,
    Content,
    Email,
    Entry,
    Image,
    Line,
    Message,
    Occasion,
    Order,
    Refund,
    Returned,
    Ticket,
    Transfer,
)
from boxoffice.payments.models import METHODS_BY_HAND
from boxoffice.tickets import service as tickets
from boxoffice.tickets import transfers
from boxoffice.tickets.models import PrintedTicket, Printout
from boxoffice.times import when

SQL = sql.queries("messaging")


def compose(conn: db.Connection, message: Message) -> Email:
    """Write the email that a message asks for.

    Raises:
        UnknownTemplate: there is none of that name.
        LookupError: what it tells of does not exist.
        ValueError, HeaderParseError: the recipient is no address that SES delivers to.
    """
    write = _WRITERS.get(message.template)
    if write is None:
        raise UnknownTemplate(message.template)
    content = write(conn, **message.payload)
    return email_of(message.id, message.recipient, content, settings().email_sender, datetime.now(UTC))


def _order_confirmation(conn: db.Connection, order_id: str) -> Content:
    """Thanks, what was bought, and the tickets that are valid, with their QRs."""
    order, lines = _order(conn, UUID(order_id))
    valid = [ticket for ticket in tickets.list_for_order(conn, order.id) if ticket.status == "valid"]
    theirs = [ticket for ticket in valid if ticket.epoch == 0]  # the others have passed to somebody else
    shown = _shown(theirs)
    events = [_event(list(group), shown) for _, group in groupby(lines, key=lambda line: line.event_id)]
    subject = f"Your tickets for {rules.titles_of([event['title'] for event in events])}"
    counts = {"tickets": len(theirs), "passed": len(valid) - len(theirs), "most_qrs": rules.MOST_QRS}
    facts = _facts(order) | {"subject": subject, "events": events} | counts
    attachments = _attachments(shown_order_number(order.number), theirs, lines)
    return _write("order_confirmation", subject, facts, shown, attachments)


def _payment_returned(conn: db.Connection, order_id: str, payment_id: str) -> Content:
    """Money came that could not be used; it is on its way back."""
    order, lines = _order(conn, UUID(order_id))
    returned = db.one(conn, Returned, SQL.get_returned, id=UUID(payment_id), order_id=order.id)
    if returned is None:
        raise LookupError(f"payment {payment_id} of order {order_id}")
    titles = list(dict.fromkeys(line.event_title for line in lines))
    subject = f"Your payment for {rules.titles_of(titles)} is on its way back"
    amount = money.show(returned.amount, returned.currency)
    return _write("payment_returned", subject, _facts(order) | {"subject": subject, "titles": titles, "amount": amount})


def _order_refunded(conn: db.Connection, order_refund_id: str) -> Content:
    """What the seller has given back: some money, and which tickets ended."""
    refund = _refund(conn, order_refund_id)
    order, lines = _order(conn, refund.order_id)
    titles = list(dict.fromkeys(line.event_title for line in lines))
    subject = f"Your refund for {rules.titles_of(titles)}"
    return _write("order_refunded", subject, _facts(order) | _refunded(refund) | {"subject": subject})


def _ticket_withdrawn(conn: db.Connection, ticket_id: str) -> Content:
    """The ticket that somebody sent you was refunded to whoever bought it."""
    ticket = tickets.print_ticket(conn, UUID(ticket_id))
    subject = f"Your ticket for {ticket.event_title} is no longer valid"
    return _write("ticket_withdrawn", subject, {"subject": subject, "ticket": ticket, "link": None})


def _event_cancelled(conn: db.Connection, event_id: str, order_refund_id: str | None = None) -> Content:
    """The event does not take place. Whoever bought the tickets learns what comes back."""
    event = db.one(conn, Cancellation, SQL.get_cancellation, id=UUID(event_id))
    if event is None:
        raise LookupError(f"cancelled event {event_id}")
    subject = f"Cancelled: {event.event_title}"
    said = {"when": when(event.starts_at, event.time_zone), "place": rules.place_of(event)}
    facts = {"subject": subject, "event": event, "order": None, "link": None, "amount": None} | said
    if order_refund_id is not None:
        refund = _refund(conn, order_refund_id)
        order, _ = _order(conn, refund.order_id)
        facts |= _facts(order) | _refunded(refund) | {"order": order}
    return _write("event_cancelled", subject, facts)


def _transfer_offered(conn: db.Connection, transfer_id: str) -> Content:
    """Somebody sends you a ticket; accept it with this link."""
    transfer = _transfer(conn, transfer_id)
    link = _link("transfers", transfer.id, transfers.token_of(transfer.id))
    subject = f"{transfer.from_name} sends you a ticket for {transfer.event_title}"
    until = when(transfer.expires_at, transfer.time_zone)
    return _write("transfer_offered", subject, _transferred(transfer, subject) | {"link": link, "until": until})


def _transfer_accepted(conn: db.Connection, transfer_id: str) -> Content:
    """The ticket is yours: here it is, unless it is somebody else's by now."""
    transfer = _transfer(conn, transfer_id)
    subject = f"Your ticket for {transfer.event_title}"
    ticket = tickets.print_ticket(conn, transfer.ticket_id)
    if (ticket.epoch, ticket.status) != (transfer.epoch, "valid"):
        return _write("transfer_accepted", subject, _transferred(transfer, subject) | {"ticket": None, "link": None})
    (shown,) = _shown([ticket])
    link = _link("tickets", ticket.id, ticket_token(ticket.id, ticket.epoch))
    facts = _transferred(transfer, subject) | {"ticket": shown, "link": link}
    attachments = _attachments(shown_order_number(ticket.order_number), [ticket], [transfer])
    return _write("transfer_accepted", subject, facts, [shown], attachments)


def _transfer_completed(conn: db.Connection, transfer_id: str) -> Content:
    """Your ticket has passed to whom you sent it; its QR is worth nothing any more."""
    transfer = _transfer(conn, transfer_id)
    subject = f"Your ticket for {transfer.event_title} has passed to {transfer.to_name}"
    return _write("transfer_completed", subject, _transferred(transfer, subject))


def _waitlist_joined(conn: db.Connection, entry_id: str) -> Content:
    """You are on the waitlist; leave it with this link."""
    entry = _entry(conn, entry_id)
    return _write_to_waiting("waitlist_joined", f"You are on the waitlist for {entry.event_title}", entry)


def _waitlist_offer(conn: db.Connection, entry_id: str) -> Content:
    """It is your turn; until then it is held for you."""
    entry = _entry(conn, entry_id)
    return _write_to_waiting("waitlist_offer", f"It is your turn: tickets for {entry.event_title}", entry)


def _waitlist_lapsed(conn: db.Connection, entry_id: str) -> Content:
    """What was held for you has gone to the next."""
    entry = _entry(conn, entry_id)
    return _write_to_waiting("waitlist_lapsed", f"Your tickets for {entry.event_title} are no longer held", entry)


_WRITERS: dict[str, Callable[..., Content]] = {
    "order_confirmation": _order_confirmation,
    "payment_returned": _payment_returned,
    "order_refunded": _order_refunded,
    "ticket_withdrawn": _ticket_withdrawn,
    "event_cancelled": _event_cancelled,
    "transfer_offered": _transfer_offered,
    "transfer_accepted": _transfer_accepted,
    "transfer_completed": _transfer_completed,
    "waitlist_joined": _waitlist_joined,
    "waitlist_offer": _waitlist_offer,
    "waitlist_lapsed": _waitlist_lapsed,
}


def _order(conn: db.Connection, order_id: UUID) -> tuple[Order, list[Line]]:
    order = db.one(conn, Order, SQL.get_order, id=order_id)
    if order is None:
        raise LookupError(f"order {order_id}")
    return order, db.many(conn, Line, SQL.list_lines, order_id=order_id)


def _facts(order: Order) -> dict[str, Any]:
    """What every email about an order can say."""
    return {
        "number": shown_order_number(order.number),
        "seller": order.seller,
        "voucher": order.voucher,
        "discount": money.show(-order.discount, order.currency) if order.discount else None,
        "total": money.show(order.total, order.currency),
        "link": _link("orders", order.id, order_token(order.id)),
        "currency": order.currency,
    }


def _refund(conn: db.Connection, order_refund_id: str) -> Refund:
    refund = db.one(conn, Refund, SQL.get_refund, id=UUID(order_refund_id), methods_by_hand=list(METHODS_BY_HAND))
    if refund is None:
        raise LookupError(f"refund {order_refund_id}")
    return refund


def _refunded(refund: Refund) -> dict[str, Any]:
    """What every email about a refund can say."""
    amount = money.show(refund.amount, refund.currency) if refund.amount else None
    return {"amount": amount, "by_hand": refund.by_hand, "whole": refund.whole, "ended": refund.tickets}


def _link(page: str, thing_id: UUID, token: str) -> str | None:
    """A link to a page of the shop. Without a PUBLIC_URL there is none."""
    base = settings().public_url
    return f"{base}/{page}/{thing_id}#token={token}" if base else None


def _transfer(conn: db.Connection, transfer_id: str) -> Transfer:
    transfer = db.one(conn, Transfer, SQL.get_transfer, id=UUID(transfer_id))
    if transfer is None:
        raise LookupError(f"transfer {transfer_id}")
    return transfer


def _transferred(transfer: Transfer, subject: str) -> dict[str, Any]:
    """What every email about a transfer can say."""
    return {
        "subject": subject,
        "transfer": transfer,
        "when": when(transfer.starts_at, transfer.time_zone),
        "place": rules.place_of(transfer),
    }


def _entry(conn: db.Connection, entry_id: str) -> Entry:
    entry = db.one(conn, Entry, SQL.get_entry, id=UUID(entry_id))
    if entry is None:
        raise LookupError(f"waitlist entry {entry_id}")
    return entry


def _write_to_waiting(template: str, subject: str, entry: Entry) -> Content:
    facts = {
        "subject": subject,
        "entry": entry,
        "is_open": entry.status == "offered",
        "when": when(entry.starts_at, entry.time_zone),
        "place": rules.place_of(entry),
        "until": when(entry.expires_at, entry.time_zone) if entry.expires_at else None,
        "link": _link("waitlist", entry.id, order_token(entry.id)),
    }
    return _write(template, subject, facts)


def _shown(printed: Sequence[PrintedTicket]) -> list[Ticket]:
    """Tickets as an email shows them, counted from 1."""
    return [
        Ticket(
            id=ticket.id,
            event_id=ticket.event_id,
            position=position,
            type_name=ticket.ticket_type_name,
            holder_name=ticket.holder_name,
            seat=ticket.seat,
            admits=ticket.admits,
            image=_qr(ticket.id, position, ticket.qr) if position <= rules.MOST_QRS else None,
        )
        for position, ticket in enumerate(printed, start=1)
    ]


def _attachments(name: str, printed: Sequence[PrintedTicket], occasions: Sequence[Occasion]) -> list[Attachment]:
    """The tickets to print and their events for the calendar; nothing where there is no ticket."""
    from boxoffice.tickets import pdf

    if not printed:
        return []
    going = {ticket.event_id for ticket in printed}
    events = {occasion.event_id: occasion for occasion in occasions if occasion.event_id in going}
    document = pdf.render(Printout(name, 0, len(printed), list(printed[: rules.MOST_QRS])))
    calendar = ics.calendar_of(events.values(), datetime.now(UTC))
    return [
        Attachment(f"tickets-{name}.pdf", "application/pdf", document),
        Attachment("event.ics", 'text/calendar; charset="utf-8"; method=PUBLISH', calendar),
    ]


def _qr(ticket_id: UUID, position: int, text: str) -> Image:
    from boxoffice.tickets import qr

    return Image(content_id=f"{ticket_id}@tickets.boxoffice", name=f"ticket-{position}.png", png=qr.png(text))


def _event(lines: Sequence[Line], shown: Sequence[Ticket]) -> dict[str, Any]:
    event = lines[0]
    return {
        "title": event.event_title,
        "when": when(event.starts_at, event.time_zone),
        "place": rules.place_of(event),
        "lines": lines,
        "tickets": [ticket for ticket in shown if ticket.event_id == event.event_id],
    }


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=jinja2.select_autoescape(["html"]),
        undefined=jinja2.StrictUndefined,
        finalize=lambda shown: rules.one_line(shown) if type(shown) is str else shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["money"] = money.show
    return environment


def _write(
    template: str,
    subject: str,
    facts: dict[str, Any],
    shown: Sequence[Ticket] = (),
    attachments: Sequence[Attachment] = (),
) -> Content:
    text, html = (_templates().get_template(f"{template}.{kind}").render(facts) for kind in ("txt", "html"))
    images = [ticket.image for ticket in shown if ticket.image]
    return Content(rules.one_line(subject), text, html, images, list(attachments))
