"""Emails about refunds and cancelled events."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from boxoffice import db, ics, sql
from boxoffice.emails import Content, Occasion, money_of, seller_of, titles_of, venue_of, write
from boxoffice.languages import gettext
from boxoffice.orders import emails as orders
from boxoffice.payments import emails as payments
from boxoffice.tickets import service as tickets
from boxoffice.times import when_of

SQL = sql.queries("refunds")


@dataclass(frozen=True)
class EmailRefund:
    """What an email says of a refund.

    Attributes:
        refund_id: the refund that sends the money. None if there is none.
        kept: what the seller keeps of what was paid for the tickets, in the minor unit.
        whole: True if this refund ended every ticket of the order.
        tickets: how many tickets ended, by event and ticket type.
    """

    order_id: UUID
    refund_id: UUID | None
    kept: int
    whole: bool
    tickets: list[dict[str, Any]]


@dataclass(frozen=True)
class Cancellation(Occasion):
    """What an email says of a cancelled event."""

    reason: str


def order_refunded(conn: db.Connection, order_refund_id: str) -> Content:
    """Tell the buyer what the seller has refunded: the amount, what the seller keeps, and which tickets ended."""
    refund = _read_refund(conn, order_refund_id)
    order, items = orders.get_order(conn, refund.order_id)
    events = titles_of(orders.titles(items))
    has_money = refund.refund_id or not refund.kept
    subject = (
        gettext("Your refund for %(events)s", events=events)
        if has_money
        else gettext("Your tickets for %(events)s", events=events)
    )
    kept = money_of(refund.kept, order.currency) if refund.kept else None
    facts = orders.facts_of(order) | _facts_of(conn, refund) | {"kept": kept}
    return write("order_refunded", subject, facts, seller=seller_of(order))


def ticket_withdrawn(conn: db.Connection, ticket_id: str) -> Content:
    """Tell a holder that a ticket ended, since the seller refunded it to the buyer who had transferred it."""
    ticket = tickets.get_signed_ticket(conn, UUID(ticket_id))
    subject = gettext("Your ticket for %(event)s is no longer valid", event=ticket.event_title)
    return write("ticket_withdrawn", subject, {"ticket": ticket, "link": None}, seller=seller_of(ticket))


def event_cancelled(conn: db.Connection, event_id: str, order_refund_id: str | None = None) -> Content:
    """Tell a holder that an event is cancelled, and the buyer also what is refunded."""
    event = db.one(conn, Cancellation, SQL.get_cancellation_for_email, id=UUID(event_id))
    if event is None:
        raise LookupError(f"cancelled event {event_id}")
    subject = gettext("Cancelled: %(event)s", event=event.event_title)
    details = {"when": when_of(event), "place": venue_of(event)}
    facts = {"event": event, "order": None, "link": None} | payments.money_facts(None) | details
    if order_refund_id is not None:
        refund = _read_refund(conn, order_refund_id)
        order, _ = orders.get_order(conn, refund.order_id)
        facts |= orders.facts_of(order) | _facts_of(conn, refund) | {"order": order}
    calendar = ics.attachment_of([event], facts.get("number"), facts["link"], "CANCEL")
    return write("event_cancelled", subject, facts, attachments=[calendar], seller=seller_of(event))


EMAILS = (order_refunded, ticket_withdrawn, event_cancelled)


def _read_refund(conn: db.Connection, order_refund_id: str) -> EmailRefund:
    refund = db.one(conn, EmailRefund, SQL.get_refund_for_email, id=UUID(order_refund_id))
    if refund is None:
        raise LookupError(f"refund {order_refund_id}")
    return refund


def _facts_of(conn: db.Connection, refund: EmailRefund) -> dict[str, Any]:
    """Return the template's values that every email about a refund may use."""
    sent = payments.get_money(conn, refund.refund_id) if refund.refund_id else None
    return payments.money_facts(sent) | {"whole": refund.whole, "ended": refund.tickets}
