"""Decisions on tickets: transfers, what a former holder sees, and what is printed and shown."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from boxoffice.errors import NotFound
from boxoffice.events.errors import EventEnded
from boxoffice.ticket_types.errors import EventCancelled
from boxoffice.tickets.errors import (
    DoorsOpen,
    NothingToPrint,
    OrderNotPaid,
    TicketNotInOrder,
    TicketRefunded,
    TicketTransferred,
    TicketUsed,
    TransferAccepted,
    TransferExpired,
    TransferLimit,
    TransferReplaced,
)
from boxoffice.tickets.models import LockedTicket, NameableTicket, OrderToPrint, TicketRow, TransferRow

MOST_TRANSFERS = 10
# On one document. A page is about 7 KB and takes 5 ms; Lambda answers 6 MB at most, in base64.
MOST_PAGES = 250
_TIME_TO_ACCEPT = timedelta(days=7)

type PictureType = Literal["image/svg+xml", "image/png"]
_SVG: PictureType = "image/svg+xml"
_PNG: PictureType = "image/png"


def check_transferable(ticket: LockedTicket, now: datetime) -> None:
    """Raise the reason if a ticket cannot be transferred.

    Raises:
        one of NOT_TRANSFERABLE: the ticket stays with its holder.
    """
    if ticket.status == "refunded":
        raise TicketRefunded(ticket_ids=[ticket.id])
    if ticket.entries > 0:
        raise TicketUsed(ticket_ids=[ticket.id])
    if not ticket.event_is_on:
        raise EventCancelled(event_id=ticket.event_id)
    if now >= ticket.ends_at:
        raise EventEnded.at(ticket.ends_at)
    if ticket.transfer_count >= MOST_TRANSFERS:
        raise TransferLimit(max_transfers=MOST_TRANSFERS)


def check_nameable(tickets: Sequence[NameableTicket], wanted: AbstractSet[UUID]) -> None:
    """Check that the holders of all wanted tickets can be named.

    Args:
        tickets: those of the wanted tickets that the order has.

    Raises:
        one of NOT_NAMEABLE: one cannot.
    """
    if unknown := wanted - {ticket.id for ticket in tickets}:
        raise TicketNotInOrder(ticket_ids=sorted(unknown))
    if refunded := [ticket.id for ticket in tickets if ticket.status == "refunded"]:
        raise TicketRefunded(ticket_ids=refunded)
    if any(ticket.transferred for ticket in tickets):
        raise TicketTransferred
    if late := [ticket.id for ticket in tickets if ticket.doors_are_open]:
        raise DoorsOpen(ticket_ids=late, event_ids=[])


def transfer_expires_at(ticket: LockedTicket, now: datetime) -> datetime:
    """Return until when a transfer that starts now can be accepted.

    That is a week, but not beyond the event's start. Once the event has started, not beyond its end.
    """
    latest = ticket.starts_at if now < ticket.starts_at else ticket.ends_at
    return min(now + _TIME_TO_ACCEPT, latest)


def check_acceptable(transfer: TransferRow, now: datetime) -> None:
    """Raise the reason if a transfer can no longer be accepted.

    Raises:
        one of TRANSFER_CLOSED: the transfer was accepted or replaced, or has expired.
    """
    if transfer.status == "accepted":
        raise TransferAccepted
    if transfer.status == "replaced":
        raise TransferReplaced
    if now >= transfer.expires_at:
        raise TransferExpired(expired_at=transfer.expires_at)


def check_printable(order: OrderToPrint, offset: int) -> None:
    """Raise the reason if an order has no tickets to print after the first `offset` ones.

    Raises:
        OrderNotPaid, NothingToPrint: the order has no tickets to print at all.
        NotFound: the order has some, but not so many.
    """
    if order.status not in ("paid", "partially_refunded", "refunded"):
        raise OrderNotPaid(order_status=order.status)
    if order.tickets == 0:
        raise NothingToPrint
    if offset >= order.tickets:
        raise NotFound


def hide_holder(ticket: TicketRow) -> TicketRow:
    """Return a transferred ticket as its buyer sees it: without the new holder's name, answers and transfers."""
    return replace(ticket, holder_name=None, answers=[], transfer=None)


def picture_type(accept: str) -> PictureType:
    """Return the type of picture that an Accept header prefers (RFC 9110, section 12.5.1); SVG if it likes both."""
    weights = dict(_media_range(part) for part in accept.split(","))
    return _PNG if _weight(weights, _PNG) > _weight(weights, _SVG) else _SVG


def _weight(weights: dict[str, float], picture: PictureType) -> float:
    """Return the weight of the most specific media range that includes a picture type; 0 if none does."""
    for media_range in (picture, "image/*", "*/*"):
        if media_range in weights:
            return weights[media_range]
    return 0.0


def _media_range(text: str) -> tuple[str, float]:
    """Return a media range and its weight, which is 1 if it is missing or malformed."""
    name, *parameters = (part.strip().lower() for part in text.split(";"))
    weight = next((parameter[2:] for parameter in parameters if parameter.startswith("q=")), "1")
    return name, float(weight) if weight.replace(".", "", 1).isdecimal() else 1.0
