"""The order confirmation, the email about a moved event, and what they have in common with others about an order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from boxoffice import db, ics, one_time, sql
from boxoffice.emails import (
    Content,
    NotNeeded,
    Occasion,
    Seller,
    link,
    money_of,
    notice_of,
    page_link,
    seller_of,
    titles_of,
    venue_of,
    write,
)
from boxoffice.events import moves
from boxoffice.guest_tokens import order_token, ticket_token
from boxoffice.ids import shown_order_number
from boxoffice.languages import N_, gettext
from boxoffice.one_time import OneTimeToken, Purpose
from boxoffice.orders import moved_events, offers, reminders
from boxoffice.orders.receipts import receipt_of
from boxoffice.tickets import emails as ticket_emails
from boxoffice.tickets import service as tickets
from boxoffice.tickets.emails import MOST_QRS, EmailTicket
from boxoffice.tickets.models import PrintedTicket
from boxoffice.times import moment_of, when_of
from boxoffice.waitlist import emails as waitlist

SQL = sql.queries("orders")

MOST_LINKS = 20  # of orders, and of tickets, in one email

# The subjects of an email about a moved event, by what has changed
_MOVED = {
    ("time",): N_("New time: %(event)s"),
    ("place",): N_("New place: %(event)s"),
    ("time", "place"): N_("New time and place: %(event)s"),
}


@dataclass(frozen=True)
class EmailOrder:
    """What an email says of an order."""

    id: UUID
    number: str
    currency: str
    total: int
    email_changes: int
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
    email_changes: int
    seller: str
    titles: list[str]


def order_confirmation(conn: db.Connection, order_id: str, renewed: str = "") -> Content:
    """Write the confirmation: what the buyer has bought, and the valid tickets with their QRs.

    Args:
        renewed: why it is sent again, if one of `NOTICES` says so.
    """
    order, items = get_order(conn, UUID(order_id))
    valid = tickets.list_valid(conn, order.id)
    owned = [ticket for ticket in valid if not ticket.transferred]  # the others have passed to somebody else
    shown = ticket_emails.email_tickets(owned)
    events = [_event(list(group), shown) for _, group in groupby(items, key=lambda item: item.event_id)]
    subject = gettext("Your tickets for %(events)s", events=titles_of([event["title"] for event in events]))
    facts = facts_of(order)
    facts |= {
        "events": events,
        "notice": notice_of(renewed),
        "greeting": _greeting(order, len(owned), len(valid)),
        "receipt": receipt_of(order, items),
        "tickets": len(owned),
        "left_out": _left_out(len(owned), facts["link"]),
    }
    images = [ticket.image for ticket in shown]
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
    return write("order_links", gettext("Your orders and tickets"), facts)


def confirm_order(conn: db.Connection, order_id: str, token_id: str) -> Content:
    """Write to whom free tickets were ordered for: here is the link that gets them.

    Raises:
        NotNeeded: the link is over or was used.
    """
    token = one_time.get(conn, Purpose.CONFIRM_ORDER, UUID(token_id))
    if token is None:
        raise NotNeeded("the link is over")
    order, items = get_order(conn, UUID(order_id))
    text = one_time.token_of(Purpose.CONFIRM_ORDER, token.id)
    shown = [{**vars(item), "when": when_of(item).text} for item in items]
    facts = {"number": shown_order_number(order.number), "seller": order.seller, "items": shown}
    links = {
        "link": page_link("confirm-order", text),
        "token": text,
        "until": moment_of(token.expires_at, items[0]),
    }
    return write("confirm_order", gettext("Confirm your order"), facts | links)


def waitlist_offer(conn: db.Connection, entry_id: str, renewed: str = "") -> Content:
    """Tell a person that the waitlist holds tickets for them, until when, and what they would pay for them now.

    Args:
        renewed: why it is sent again, if one of `NOTICES` says so.
    """
    entry = waitlist.get_entry(conn, entry_id)
    subject = gettext("It is your turn: tickets for %(event)s", event=entry.event_title)
    return waitlist.write_about(entry, "waitlist_offer", subject, renewed, offers.total_of(entry))


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
        "changed": [*changed.values()],
        "number": holder.number,
        "link": holder.page,
        "page": gettext("See your order") if order_id else gettext("See your ticket"),
    }
    calendar = ics.attachment_of([event], holder.number, holder.page)
    subject = gettext(_MOVED[tuple(changed)], event=event.event_title)
    return write("event_moved", subject, facts, attachments=[calendar], seller=seller_of(event))


def reminder(
    conn: db.Connection, event_id: str, day: str, order_id: str = "", ticket_id: str = "", email: str = ""
) -> Content:
    """Remind a holder of the event of a day, with the valid tickets again.

    Args:
        order_id: the order that they have bought. Or:
        ticket_id: one of the tickets of an order that have passed to ``email``.

    Raises:
        NotNeeded: the event is not on that day any more, has begun, or they have no tickets for it.
    """
    event = db.exactly_one(conn, MovedEvent, SQL.get_event_for_email, id=UUID(event_id))
    begins, now = reminders.day_of(event.starts_at, event.time_zone), datetime.now(UTC)
    if not event.is_on or event.starts_at <= now or begins.isoformat() != day:
        raise NotNeeded("the event is not on that day any more, or has begun")
    owned, page, label = _tickets_of_buyer(conn, order_id) if order_id else _tickets_of_holder(conn, ticket_id, email)
    owned = [ticket for ticket in owned if ticket.event_id == event.event_id]
    if not owned:
        raise NotNeeded("the address has no tickets for the event any more")
    shown, number = ticket_emails.email_tickets(owned), shown_order_number(owned[0].order_number)
    is_today = begins == reminders.day_of(now, event.time_zone)
    facts = {
        "event": event,
        "when": when_of(event),
        "place": venue_of(event),
        "tickets": shown,
        "count": len(owned),
        "left_out": _left_out(len(owned), page),
        "number": number,
        "link": page,
        "page": label,
    }
    subject = gettext(N_("Today: %(event)s") if is_today else N_("Tomorrow: %(event)s"), event=event.event_title)
    files = ticket_emails.attachments(number, owned, [event], page)
    return write("reminder", subject, facts, [ticket.image for ticket in shown], files, seller_of(event))


def order_received(conn: db.Connection, order_id: str) -> Content:
    """Write to the new address of an order that is not paid yet: here is its link."""
    order, items = get_order(conn, UUID(order_id))
    subject = gettext("Your order for %(events)s", events=titles_of(titles(items)))
    return write("order_received", subject, facts_of(order), seller=seller_of(order))


def confirm_order_email(conn: db.Connection, token_id: str) -> Content:
    """Write to the address that an order shall have: here is the link that confirms it.

    Anybody may have named the address, so the email has no words of theirs.
    """
    token = _change_of(conn, token_id)
    text = one_time.token_of(Purpose.CHANGE_ORDER_EMAIL, token.id)
    confirm = {"confirm_link": page_link("confirm-order-email", text), "token": text}
    return _about_change(
        conn, "confirm_order_email", N_("Confirm your address for order %(number)s"), token.order_id, confirm
    )


def order_email_change_started(conn: db.Connection, token_id: str) -> Content:
    """Write to the address of an order: somebody wants to give the order to another one."""
    order_id = _change_of(conn, token_id).order_id
    return _about_change(
        conn, "order_email_change_started", N_("Order %(number)s is about to leave this address"), order_id
    )


def order_email_changed(conn: db.Connection, former_order_id: str) -> Content:
    """Write to the former address of an order: it has another one, and what was sent here no longer works."""
    order_id = UUID(former_order_id)
    return _about_change(conn, "order_email_changed", N_("Order %(number)s has another address"), order_id)


EMAILS = (
    order_confirmation,
    order_links,
    event_moved,
    reminder,
    waitlist_offer,
    order_received,
    confirm_order_email,
    order_email_change_started,
    order_email_changed,
    confirm_order,
)


def _change_of(conn: db.Connection, token_id: str) -> OneTimeToken:
    """Return the token that gives an order another address.

    Raises:
        NotNeeded: it was used, is over, or was replaced.
    """
    token = one_time.get(conn, Purpose.CHANGE_ORDER_EMAIL, UUID(token_id))
    if token is None:
        raise NotNeeded("the link is over")
    return token


def _about_change(
    conn: db.Connection, template: str, subject: str, order_id: UUID | None, more: dict[str, Any] | None = None
) -> Content:
    """Write about a change of an order's address. Neither address learns the other, nor gets a link to the order."""
    facts = db.exactly_one(conn, dict, SQL.get_order_change_for_email, id=order_id)
    number, seller = shown_order_number(facts["number"]), Seller(facts["seller"], facts["contact_email"])
    shown = {**facts, "number": number, "link": None, **(more or {})}
    return write(template, gettext(subject, number=number), shown, seller=seller)


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


def _tickets_of_buyer(conn: db.Connection, order_id: str) -> tuple[list[PrintedTicket], str | None, str]:
    """Return the valid tickets that a buyer still has, and where they are seen."""
    order, _ = get_order(conn, UUID(order_id))
    owned = [ticket for ticket in tickets.list_valid(conn, order.id) if not ticket.transferred]
    return owned, link("orders", order.id, order_token(order.id, order.email_changes)), gettext("See your order")


def _tickets_of_holder(conn: db.Connection, ticket_id: str, email: str) -> tuple[list[PrintedTicket], str | None, str]:
    """Return the valid tickets of an order that have passed to somebody, and where one of them is seen."""
    about = {"ticket_id": UUID(ticket_id), "email": email}
    held = db.many(conn, dict, SQL.list_tickets_to_remind_of, **about)
    ids = {row["id"] for row in held}
    owned = [ticket for ticket in tickets.list_valid(conn, held[0]["order_id"]) if ticket.id in ids] if held else []
    page = link("tickets", owned[0].id, ticket_token(owned[0].id, owned[0].transfer_count)) if owned else None
    return owned, page, gettext("See your ticket")


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
    if order.total:
        paid = gettext("You have paid, and this is your receipt.")
    else:
        paid = gettext("Your order is complete. It costs nothing.")
    if owned:
        return f"{paid} {gettext('Your tickets are below.')}"
    if valid:
        return f"{paid} {gettext('The tickets of this order now belong to somebody else.')}"
    return f"{paid} {gettext('The tickets of this order are no longer valid.')}"


def _left_out(tickets: int, page: str | None) -> str | None:
    """Return what an email says if it has more tickets than it can show. None if it shows them all."""
    if tickets <= MOST_QRS:
        return None
    numbers = {"most": MOST_QRS, "tickets": tickets}
    if page:
        return gettext(
            "This email and its PDF have the first %(most)s tickets. All %(tickets)s are on the page of your order.",
            **numbers,
        )
    return gettext(
        "This email and its PDF have the first %(most)s tickets. All %(tickets)s are where you bought them.", **numbers
    )


def _linked(order: LinkedOrder) -> dict[str, Any]:
    token = order_token(order.id, order.email_changes)
    return {
        "number": shown_order_number(order.number),
        "what": titles_of(order.titles),
        "seller": order.seller,
        "link": link("orders", order.id, token),
        "token": token,
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
        "total": money_of(order.total, order.currency),
        "link": link("orders", order.id, order_token(order.id, order.email_changes)),
    }


def _event(items: Sequence[EmailItem], shown: Sequence[EmailTicket]) -> dict[str, Any]:
    event = items[0]
    return {
        "title": event.event_title,
        "when": when_of(event),
        "place": venue_of(event),
        "tickets": [ticket for ticket in shown if ticket.event_id == event.event_id],
    }
