"""Tickets to print: a PDF with one page a ticket, set by Typst from `tickets.typ`.

Typst shapes and orders text of any script, takes from the fonts what the text needs, and is kept ready between
invocations: a page takes a few milliseconds. What is printed reaches the template as JSON and is never read as markup.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

from boxoffice import times
from boxoffice.ids import shown_order_number
from boxoffice.tickets import qr
from boxoffice.tickets.models import PrintedTicket, Printout

_HERE = Path(__file__).parent


def render(printout: Printout) -> bytes:
    """One page for each ticket."""
    first, total = printout.first + 1, printout.total
    pages = [_page(ticket, f"Ticket {number} of {total}") for number, ticket in enumerate(printout.tickets, first)]
    document: bytes = _typesetter().compile(format="pdf", sys_inputs={"tickets": json.dumps(pages)})
    return document


def _page(ticket: PrintedTicket, position: str) -> dict[str, Any]:
    return {
        "id": str(ticket.id),
        "qr": list(qr.png(ticket.qr)),
        "position": position,
        "order": shown_order_number(ticket.order_number),
        "seller": ticket.seller,
        "category": ticket.category,
        "title": ticket.event_title,
        "date": times.date_of(ticket.starts_at, ticket.time_zone),
        "time": times.time_of(ticket.starts_at, ticket.time_zone),
        "venue": ticket.venue_name,
        "address": ", ".join(filter(None, (ticket.venue_address, ticket.city))),
        "holder": ticket.holder_name,
        "type": ticket.ticket_type_name,
        "seat": ticket.seat,
        "admits": ticket.admits,
    }


@cache
def _typesetter() -> Any:
    """One for each execution environment: it keeps the fonts, and what it has worked out before."""
    import noto_cjk_sans_jp_regular as cjk
    import typst

    return typst.Compiler(
        _HERE / "tickets.typ",
        root=_HERE,
        font_paths=[_HERE / "fonts", Path(cjk.__file__).parent],
        ignore_system_fonts=True,
    )
