"""The order confirmation, and what it has in common with other emails about an order."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from uuid import UUID

from boxoffice import db, money, sql
from boxoffice.emails import NOTICES, Content, NotNeeded, Occasion, link, titles_of, venue_of, write
from boxoffice.guest_tokens import order_token
from boxoffice.ids import shown_order_number
from boxoffice.tickets import emails as ticket_emails
from boxoffice.tickets import service as tickets
from boxoffice.tickets.emails import MOST_QRS, EmailTicket
from boxoffice.times import when_of

SQL = sql.queries("orders")

MOST_LINKS = 20  # of orders, and of tickets, in one email


@dataclass(frozen=True)
class EmailOrder:
    """What an email says of an order."""

    id: UUID
    number: str
    currency: str
    discount: int
    total: int
    seller: str
    voucher: str | None


@dataclass(frozen=True)
class EmailItem(Occasion):
    """What an email says of an order's item and its event."""

    ticket_type_id: UUID
    ticket_type_name: str
    quantity: int
    gross: int


@dataclass(frozen=True)
class LinkedOrder:
    """An order that an email links to."""

    id: UUID
    number: str
    seller: str
    titles: list[str]


def order_confirmation(conn: db.Connection, order_id: str, renewed: str = "") -> Content:
    """Write the confirmation: what the buyer has bought, and the valid tickets with their QRs.

    Args:
        renewed: why it is sent again, if one of `NOTICES` says so.
    """
    order, items = get_order(conn, UUID(order_id))
    valid = tickets.list_valid(conn, order.id)
    owned = [ticket for ticket in valid if ticket.transfer_count == 0]  # the others have passed to somebody else
    shown = ticket_emails.email_tickets(owned)
    events = [_event(list(group), shown) for _, group in groupby(items, key=lambda item: item.event_id)]
    subject = f"Your tickets for {titles_of([event['title'] for event in events])}"
    counts = {"tickets": len(owned), "passed": len(valid) - len(owned), "most_qrs": MOST_QRS}
    images = [ticket.image for ticket in shown if ticket.image]
    attachments = ticket_emails.attachments(shown_order_number(order.number), owned, items)
    facts = facts_of(order) | {"events": events, "notice": NOTICES.get(renewed)} | counts
    return write("order_confirmation", subject, facts, images, attachments)


def order_links(conn: db.Connection, email: str) -> Content:
    """Write to an address that has lost its links: here are those of the orders and tickets that it has.

    Raises:
        NotNeeded: it has none.
    """
    orders = db.many(conn, LinkedOrder, SQL.list_orders_of_address, email=email, most=MOST_LINKS)
    received = ticket_emails.tickets_sent_to(conn, email, MOST_LINKS)
    if not orders and not received:
        raise NotNeeded("the address has no orders and no tickets")
    facts = {
        "orders": [_linked(order) for order in orders],
        "tickets": received,
        "most": MOST_LINKS if MOST_LINKS in (len(orders), len(received)) else None,
    }
    return write("order_links", "Your orders and tickets", facts)


EMAILS = (order_confirmation, order_links)


def _linked(order: LinkedOrder) -> dict[str, Any]:
    return {
        "number": shown_order_number(order.number),
        "what": titles_of(order.titles),
        "seller": order.seller,
        "link": link("orders", order.id, order_token(order.id)),
        "token": order_token(order.id),
    }


def get_order(conn: db.Connection, order_id: UUID) -> tuple[EmailOrder, list[EmailItem]]:
    """Return an order and its items, in the order in which their events start.

    Raises:
        LookupError: there is no such order.
    """
    order = db.one(conn, EmailOrder, SQL.get_order_for_email, id=order_id)
    if order is None:
        raise LookupError(f"order {order_id}")
    return order, db.many(conn, EmailItem, SQL.list_items_for_email, order_id=order_id)


def titles(items: Sequence[EmailItem]) -> list[str]:
    """Return the titles of the events that an order is for, each once."""
    return list(dict.fromkeys(item.event_title for item in items))


def facts_of(order: EmailOrder) -> dict[str, Any]:
    """Return the template's values that every email about an order may use."""
    return {
        "number": shown_order_number(order.number),
        "seller": order.seller,
        "voucher": order.voucher,
        "discount": money.show(-order.discount, order.currency) if order.discount else None,
        "total": money.show(order.total, order.currency),
        "link": link("orders", order.id, order_token(order.id)),
        "currency": order.currency,
    }


def _event(items: Sequence[EmailItem], shown: Sequence[EmailTicket]) -> dict[str, Any]:
    event = items[0]
    return {
        "title": event.event_title,
        "when": when_of(event).text,
        "place": venue_of(event),
        "items": items,
        "tickets": [ticket for ticket in shown if ticket.event_id == event.event_id],
    }
