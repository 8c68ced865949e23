"""Tickets to print: a PDF with one page a ticket, set by Typst from `tickets.typ`.

Typst shapes and orders text of any script, takes from the fonts what the text needs, and is kept ready between
invocations: a page takes a millisecond or two. What is printed reaches the template as JSON, never as markup.
"""

import json
import os
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
    document: bytes = _typesetter().compile(_source(pages), format="pdf")
    return document


def _source(pages: list[dict[str, Any]]) -> bytes:
    """A document of its own that prints these, so that what Typst knows of the template outlives it.

    They stand in it as JSON in a string: ASCII, in which Typst and JSON escape alike.
    """
    return f'#import "tickets.typ": printed\n#printed(json(bytes({json.dumps(json.dumps(pages))})))'.encode()


def _page(ticket: PrintedTicket, position: str) -> dict[str, Any]:
    return {
        "id": str(ticket.id),
        "qr": qr.svg(ticket.qr).decode(),
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
        "group_size": ticket.group_size,
    }


@cache
def _typesetter() -> Any:
    """One for each execution environment: it keeps the fonts, and what it has worked out before."""
    import noto_cjk_sans_jp_regular as cjk
    import typst

    # It would share a page among threads; an environment has part of one processor, so they would only wait in turns.
    os.environ.setdefault("RAYON_NUM_THREADS", "1")
    return typst.Compiler(
        root=_HERE,
        font_paths=[_HERE / "fonts", Path(cjk.__file__).parent],
        ignore_system_fonts=True,
    )
