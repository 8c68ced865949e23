"""Tickets to print: a PDF with one page a ticket, made from the template `tickets.typ`."""

from typing import Any

from boxoffice import times, typesetting
from boxoffice.ids import shown_order_number
from boxoffice.languages import gettext, ngettext, written_in
from boxoffice.tickets import qr
from boxoffice.tickets.faces import printable
from boxoffice.tickets.models import PrintedTicket, Printout


def render(printout: Printout) -> bytes:
    """Return a PDF with one page for each ticket."""
    with written_in(printout.locale):
        numbered = enumerate(printout.tickets, start=printout.offset + 1)
        pages = [_page(ticket, number, printout.total) for number, ticket in numbered]
    return typesetting.pdf("tickets/tickets.typ", "printed", pages)


def _page(ticket: PrintedTicket, number: int, count: int) -> dict[str, Any]:
    when = times.when_of(ticket)
    texts = {
        "position": gettext("Ticket %(number)s of %(count)s", number=number, count=count),
        "order": shown_order_number(ticket.order_number),
        "seller": gettext("Sold by %(seller)s", seller=ticket.seller),
        "category": ticket.category,
        "title": ticket.event_title,
        "when": _unbroken(when.span),
        "clock": " · ".join(filter(None, (when.doors, when.clock))),
        "venue": ticket.venue_name,
        "address": ", ".join(filter(None, (ticket.venue_address, ticket.city))),
        "holder": ticket.holder_name,
        "type": ticket.ticket_type_name,
        "admits": ngettext("%(num)s person", "%(num)s people", ticket.group_size),
    }
    labels = {
        "when": gettext("Date and time"),
        "place": gettext("Place"),
        "holder": gettext("Holder"),
        "what": gettext("Seat") if ticket.seat else gettext("Ticket"),
        "order": gettext("Order"),
        "admits": gettext("Admits"),
        "show": gettext("Show this code at the door, on a screen or on paper."),
        "qr": gettext("QR code of the ticket"),
    }
    return {
        **{name: printable(text) for name, text in texts.items()},
        "id": str(ticket.id),
        "qr": qr.svg(ticket.qr).decode(),
        "seat": printable(ticket.seat) if ticket.seat else None,
        "labels": {name: printable(text) for name, text in labels.items()},
    }


def _unbroken(span: str) -> str:
    """Return a span of time that breaks behind its dash alone."""
    return "\N{NO-BREAK SPACE}– ".join(moment.replace(" ", "\N{NO-BREAK SPACE}") for moment in span.split(" – "))
