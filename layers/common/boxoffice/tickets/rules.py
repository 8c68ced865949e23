"""When a ticket may change hands, what its former holder sees, how many are printed at once, and which
picture shows the QR."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from boxoffice.errors import NotFound
from boxoffice.events.errors import EventOver
from boxoffice.ticket_types.errors import EventCancelled
from boxoffice.tickets.errors import (
    NothingToPrint,
    OrderNotPaid,
    TicketRefunded,
    TicketUsed,
    TransferAccepted,
    TransferExpired,
    TransferLimit,
    TransferReplaced,
)
from boxoffice.tickets.models import HeldTicket, OrderToPrint, TicketRow, TransferRow

MOST_TRANSFERS = 10
# On one document: about 7 KB and 5 ms a page. An answer of Lambda's holds 6 MB, in base64.
MOST_PAGES = 250
_TIME_TO_ACCEPT = timedelta(days=7)

type Picture = Literal["image/svg+xml", "image/png"]


def check_transferable(ticket: HeldTicket, now: datetime) -> None:
    """Let a ticket pass that may change hands.

    Raises:
        NOT_TRANSFERABLE: it may not.
    """
    if ticket.status == "refunded":
        raise TicketRefunded(ticket_ids=[ticket.id])
    if ticket.entries > 0:
        raise TicketUsed(ticket_ids=[ticket.id])
    if not ticket.event_is_on:
        raise EventCancelled
    if now >= ticket.ends_at:
        raise EventOver
    if ticket.transfer_count >= MOST_TRANSFERS:
        raise TransferLimit(max_transfers=MOST_TRANSFERS)


def transfer_expires_at(ticket: HeldTicket, now: datetime) -> datetime:
    """Until when a transfer that starts now can be accepted: a week, but not beyond the event's start, or its end."""
    return min(now + _TIME_TO_ACCEPT, ticket.starts_at if now < ticket.starts_at else ticket.ends_at)


def check_open(transfer: TransferRow, now: datetime) -> None:
    """Let a transfer pass that can be accepted.

    Raises:
        TransferAccepted, TransferReplaced, TransferExpired: it cannot.
    """
    if transfer.status == "accepted":
        raise TransferAccepted
    if transfer.status == "replaced":
        raise TransferReplaced
    if now >= transfer.expires_at:
        raise TransferExpired(expired_at=transfer.expires_at)


def check_printable(order: OrderToPrint, first: int) -> None:
    """Let the tickets of an order pass that come after the first so many.

    Raises:
        OrderNotPaid, NothingToPrint: there are none.
        NotFound: there are, but not so many.
    """
    if order.status not in ("paid", "partially_refunded", "refunded"):
        raise OrderNotPaid(order_status=order.status)
    if order.tickets == 0:
        raise NothingToPrint
    if first >= order.tickets:
        raise NotFound


def for_buyer(ticket: TicketRow) -> TicketRow:
    """A ticket that passed to somebody else, without what concerns its holder alone."""
    return replace(ticket, holder_name=None, transfer=None)


def picture_for(accept: str) -> Picture:
    """The picture that an Accept header asks for (RFC 9110, section 12.5.1): SVG, unless PNG is liked better."""
    liked = dict(map(_preference, accept.split(",")))
    svg, png = (
        next((liked[name] for name in (picture, "image/*", "*/*") if name in liked), 0.0)
        for picture in ("image/svg+xml", "image/png")
    )
    return "image/png" if png > svg else "image/svg+xml"


def _preference(media_range: str) -> tuple[str, float]:
    """A media range and its weight, which is 1 if there is none or it makes no sense."""
    name, *parameters = (part.strip().lower() for part in media_range.split(";"))
    weight = next((text[2:] for text in parameters if text.startswith("q=")), "1")
    return name, float(weight) if weight.replace(".", "", 1).isdecimal() else 1.0
