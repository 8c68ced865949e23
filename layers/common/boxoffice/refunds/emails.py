"""Emails about refunds and cancelled events."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from boxoffice import db, money, sql
from boxoffice.emails import Content, Occasion, titles_of, venue_of, write
from boxoffice.orders import emails as orders
from boxoffice.payments.models import METHODS_BY_HAND
from boxoffice.tickets import service as tickets
from boxoffice.times import when

SQL = sql.queries("refunds")


@dataclass(frozen=True)
class EmailRefund:
    """What was given back of an order.

    Attributes:
        by_hand: True if the organisation took the money itself, and so gives it back itself.
        whole: True if every ticket of the order ended with it.
        tickets: how many of which ticket type, and of which event, ended.
    """

    order_id: UUID
    amount: int
    currency: str
    by_hand: bool
    whole: bool
    tickets: list[dict[str, Any]]


@dataclass(frozen=True)
class Cancellation(Occasion):
    """An event that does not take place, and why."""

    reason: str
    seller: str


def order_refunded(conn: db.Connection, order_refund_id: str) -> Content:
    """What the seller has given back: some money, and which tickets ended."""
    refund = _refund(conn, order_refund_id)
    order, items = orders.get_order(conn, refund.order_id)
    subject = f"Your refund for {titles_of(orders.titles(items))}"
    return write("order_refunded", subject, orders.facts_of(order) | _facts_of(refund))


def ticket_withdrawn(conn: db.Connection, ticket_id: str) -> Content:
    """The ticket that somebody sent you was refunded to whoever bought it."""
    ticket = tickets.get_printed_ticket(conn, UUID(ticket_id))
    subject = f"Your ticket for {ticket.event_title} is no longer valid"
    return write("ticket_withdrawn", subject, {"ticket": ticket, "link": None})


def event_cancelled(conn: db.Connection, event_id: str, order_refund_id: str | None = None) -> Content:
    """The event does not take place. Whoever bought the tickets learns what comes back."""
    event = db.one(conn, Cancellation, SQL.get_cancellation_for_email, id=UUID(event_id))
    if event is None:
        raise LookupError(f"cancelled event {event_id}")
    subject = f"Cancelled: {event.event_title}"
    said = {"when": when(event.starts_at, event.time_zone), "place": venue_of(event)}
    facts = {"event": event, "order": None, "link": None, "amount": None} | said
    if order_refund_id is not None:
        refund = _refund(conn, order_refund_id)
        order, _ = orders.get_order(conn, refund.order_id)
        facts |= orders.facts_of(order) | _facts_of(refund) | {"order": order}
    return write("event_cancelled", subject, facts)


EMAILS = (order_refunded, ticket_withdrawn, event_cancelled)


def _refund(conn: db.Connection, order_refund_id: str) -> EmailRefund:
    methods = {"methods_by_hand": list(METHODS_BY_HAND)}
    refund = db.one(conn, EmailRefund, SQL.get_refund_for_email, id=UUID(order_refund_id), **methods)
    if refund is None:
        raise LookupError(f"refund {order_refund_id}")
    return refund


def _facts_of(refund: EmailRefund) -> dict[str, Any]:
    """What every email about a refund can say."""
    amount = money.show(refund.amount, refund.currency) if refund.amount else None
    return {"amount": amount, "by_hand": refund.by_hand, "whole": refund.whole, "ended": refund.tickets}
