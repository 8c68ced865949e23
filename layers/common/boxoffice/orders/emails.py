"""The order confirmation, the email about a moved event, and what they have in common with others about an order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from boxoffice import db, ics, money, sql
from boxoffice.emails import NOTICES, Content, NotNeeded, Occasion, link, seller_of, titles_of, venue_of, write
from boxoffice.events import moves
from boxoffice.guest_tokens import order_token, ticket_token
from boxoffice.ids import shown_order_number
from boxoffice.orders import moved_events
from boxoffice.orders.receipts import receipt_of
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
    total: int
    seller: str
    seller_contact: str | None
    voucher: str | None
    paid_at: datetime | None


@dataclass(frozen=True)
class EmailItem(Occasion):
    """What an email says of an order's item, its charge (see `pricing.models.Charge`) and its event."""

    ticket_type_id: UUID
    ticket_type_name: str
    quantity: int
    unit_price: int
    discount: int
    buyer_fee: int | None
    tax: int | None
    total: int


@dataclass(frozen=True)
class MovedEvent(Occasion):
    """What an email says of a moved event. It is on if it is neither cancelled nor over."""

    is_on: bool


@dataclass(frozen=True)
class HolderToTell:
    """Who is told of a move: since when they have a ticket, and where they see it."""

    since: datetime
    number: str | None
    page: str | None


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
    shown = ticket_emails.email_tickets(owned[:MOST_QRS])
    events = [_event(list(group), shown) for _, group in groupby(items, key=lambda item: item.event_id)]
    subject = f"Your tickets for {titles_of([event['title'] for event in events])}"
    facts = facts_of(order)
    facts |= {
        "events": events,
        "notice": NOTICES.get(renewed),
        "greeting": _greeting(order, len(owned), len(valid)),
        "receipt": receipt_of(order, items),
        "tickets": len(owned),
        "left_out": _left_out(len(owned), facts["link"]),
    }
    images = [ticket.image for ticket in shown if ticket.image]
    attachments = ticket_emails.attachments(facts["number"], owned, items, facts["link"])
    return write("order_confirmation", subject, facts, images, attachments, seller_of(order))


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


def event_moved(conn: db.Connection, move_id: str, email: str, order_id: str = "", ticket_id: str = "") -> Content:
    """Tell a holder that an event takes place at another time or place than they know, with the calendar file.

    Args:
        email: the address that it goes to.
        order_id: the order that the address has bought. Or:
        ticket_id: the ticket that has passed to it.

    Raises:
        NotNeeded: there is nothing to tell any more.
    """
    event_id = moves.event_of(conn, UUID(move_id))
    if event_id is None:
        raise NotNeeded("the event was moved again, and the email about that tells it")
    event = db.exactly_one(conn, MovedEvent, SQL.get_event_for_email, id=event_id)
    if not event.is_on:
        raise NotNeeded("the event is cancelled or over")
    holder = _order_to_tell(conn, event, email, order_id) if order_id else _ticket_to_tell(conn, email, ticket_id)
    before = moved_events.known_to(conn, event, email, holder.since)
    changed = _changes(before, event)
    if not changed:
        raise NotNeeded("the event is as the holder knows it")
    facts = {
        "event": event,
        "when": when_of(event),
        "place": venue_of(event),
        "changed": changed,
        "number": holder.number,
        "link": holder.page,
        "page": "See your order" if order_id else "See your ticket",
    }
    calendar = ics.attachment_of([event], holder.number, holder.page)
    subject = f"New {' and '.join(changed)}: {event.event_title}"
    return write("event_moved", subject, facts, attachments=[calendar], seller=seller_of(event))


EMAILS = (order_confirmation, order_links, event_moved)


def _order_to_tell(conn: db.Connection, event: MovedEvent, email: str, order_id: str) -> HolderToTell:
    ids = {"order_id": UUID(order_id), "event_id": event.event_id}
    since = db.value(conn, SQL.get_order_to_tell, email=email, **ids)
    if since is None:
        raise NotNeeded("the address has no ticket of the order any more")
    order, _ = get_order(conn, ids["order_id"])
    facts = facts_of(order)
    return HolderToTell(since, facts["number"], facts["link"])


def _ticket_to_tell(conn: db.Connection, email: str, ticket_id: str) -> HolderToTell:
    ticket = db.one(conn, dict, SQL.get_ticket_to_tell, ticket_id=ticket_id, email=email)
    if ticket is None:
        raise NotNeeded("the address does not hold the ticket any more")
    page = link("tickets", UUID(ticket_id), ticket_token(UUID(ticket_id), ticket["transfer_count"]))
    return HolderToTell(ticket["since"], None, page)


def _changes(before: Occasion, event: Occasion) -> dict[str, str]:
    """Return what holders knew of that is no longer so: when or where the event was to be."""
    when, place = when_of(before).text, venue_of(before)
    changes = {
        "time": when if when != when_of(event).text else None,
        "place": place if place != venue_of(event) else None,
    }
    return {name: text for name, text in changes.items() if text}


def _greeting(order: EmailOrder, owned: int, valid: int) -> str:
    """Return the first sentences of a confirmation. The buyer still has some of the valid tickets, all, or none."""
    paid = "You have paid, and this is your receipt." if order.total else "Your order is complete. It costs nothing."
    if owned:
        return f"{paid} Your tickets are below."
    if valid:
        return f"{paid} The tickets of this order now belong to somebody else."
    return f"{paid} The tickets of this order are no longer valid."


def _left_out(tickets: int, page: str | None) -> str | None:
    """Return what an email says if it has more tickets than it can show. None if it shows them all."""
    if tickets <= MOST_QRS:
        return None
    where = "on the page of your order" if page else "where you bought them"
    return f"This email and its PDF have the first {MOST_QRS} tickets. All {tickets} are {where}."


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
        "total": money.show(order.total, order.currency),
        "link": link("orders", order.id, order_token(order.id)),
    }


def _event(items: Sequence[EmailItem], shown: Sequence[EmailTicket]) -> dict[str, Any]:
    event = items[0]
    return {
        "title": event.event_title,
        "when": when_of(event),
        "place": venue_of(event),
        "tickets": [ticket for ticket in shown if ticket.event_id == event.event_id],
    }
