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
from boxoffice.auth import order_token
from boxoffice.config import settings
from boxoffice.messaging import rules
from boxoffice.messaging.errors import UnknownTemplate
from boxoffice.messaging.mime import email_of
from boxoffice.messaging.models import Content, Email, Image, Line, Message, Order, Returned, Ticket
from boxoffice.tickets import service as tickets

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
    shown = _tickets(conn, order, lines)
    events = [_event(list(group), shown) for _, group in groupby(lines, key=lambda line: line.event_id)]
    subject = f"Your tickets for {rules.titles_of([event['title'] for event in events])}"
    facts = _facts(order) | {"subject": subject, "events": events, "tickets": len(shown), "most_qrs": rules.MOST_QRS}
    return _write("order_confirmation", subject, facts, [ticket.image for ticket in shown if ticket.image])


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


_WRITERS: dict[str, Callable[..., Content]] = {
    "order_confirmation": _order_confirmation,
    "payment_returned": _payment_returned,
}


def _order(conn: db.Connection, order_id: UUID) -> tuple[Order, list[Line]]:
    order = db.one(conn, Order, SQL.get_order, id=order_id)
    if order is None:
        raise LookupError(f"order {order_id}")
    return order, db.many(conn, Line, SQL.list_lines, order_id=order_id)


def _facts(order: Order) -> dict[str, Any]:
    """What every email about an order can say. Without a PUBLIC_URL there is no page to link to."""
    base = settings().public_url
    return {
        "number": rules.shown_number(order.number),
        "seller": order.seller,
        "total": money.show(order.total, order.currency),
        "link": f"{base}/orders/{order.id}#token={order_token(order.id)}" if base else None,
        "currency": order.currency,
    }


def _tickets(conn: db.Connection, order: Order, lines: Sequence[Line]) -> list[Ticket]:
    """The tickets that are valid, counted from 1."""
    names = {line.ticket_type_id: line.ticket_type_name for line in lines}
    valid = [ticket for ticket in tickets.list_for_order(conn, order.id) if ticket.status == "valid"]
    return [
        Ticket(
            id=ticket.id,
            event_id=ticket.event_id,
            position=position,
            type_name=names[ticket.ticket_type_id],
            holder_name=ticket.holder_name,
            image=_qr(ticket.id, position, ticket.qr) if position <= rules.MOST_QRS else None,
        )
        for position, ticket in enumerate(valid, start=1)
    ]


def _qr(ticket_id: UUID, position: int, text: str) -> Image:
    from boxoffice.tickets import qr

    return Image(content_id=f"{ticket_id}@tickets.boxoffice", name=f"ticket-{position}.png", png=qr.png(text))


def _event(lines: Sequence[Line], shown: Sequence[Ticket]) -> dict[str, Any]:
    event = lines[0]
    return {
        "title": event.event_title,
        "when": rules.when(event.starts_at, event.time_zone),
        "place": ", ".join(filter(None, (event.venue_name, event.venue_address, event.city))),
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


def _write(template: str, subject: str, facts: dict[str, Any], images: Sequence[Image] = ()) -> Content:
    text, html = (_templates().get_template(f"{template}.{kind}").render(facts) for kind in ("txt", "html"))
    return Content(rules.one_line(subject), text, html, list(images))
