"""What may be done with an event and when."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from boxoffice.errors import Invalid
from boxoffice.events.errors import (
    CurrencyFixed,
    EndsInThePast,
    EventNotPublished,
    EventOver,
    OrganisationNotApproved,
    UnknownTicketType,
)
from boxoffice.events.models import EventFilters, EventRow
from boxoffice.ticket_types.errors import NoTicketTypes
from boxoffice.ticket_types.models import TicketTypeRow
from boxoffice.ticket_types.rules import check_editable

FIRST_KEY = datetime(2000, 1, 1, tzinfo=UTC), UUID(int=0)  # sorts before any event

_LAST_ID = UUID(int=2**128 - 1)


def columns_of(fields: dict[str, Any]) -> dict[str, Any]:
    """The columns that a request's fields are stored in: those of the venue stand beside the event's own."""
    venue = fields.pop("venue", {})
    prefixed = {"name": "venue_name", "address": "venue_address"}
    return fields | {prefixed.get(name, name): value for name, value in venue.items()}


def check_end(ends_at: datetime, now: datetime) -> None:
    """Whether an event may be given this end.

    Raises:
        EndsInThePast: nobody would ever see it.
    """
    if ends_at <= now:
        raise EndsInThePast


def check_changes(event: EventRow, changes: dict[str, Any], now: datetime) -> None:
    """Whether an event may be changed like this. Orders are in the currency that it was published with.

    Raises:
        CurrencyFixed, EndsInThePast: it may not.
    """
    if changes.get("currency", event.currency) != event.currency and event.status != "draft":
        raise CurrencyFixed(currency=event.currency)
    if changes.get("ends_at", event.ends_at) != event.ends_at:
        check_end(changes["ends_at"], now)


def check_gates(gates: Sequence[dict[str, Any]], ticket_types: Sequence[TicketTypeRow]) -> None:
    """Whether the gates of an event let in only what it has.

    Raises:
        UnknownTicketType: one of them names another ticket type.
    """
    named = {ticket_type_id for gate in gates for ticket_type_id in gate["ticket_type_ids"] or ()}
    if unknown := named - {ticket_type.id for ticket_type in ticket_types}:
        raise UnknownTicketType(ticket_type_ids=sorted(unknown))


def check_cancellable(event: EventRow) -> None:
    """Whether an event can be called off.

    Raises:
        EventNotPublished: it is a draft.
    """
    if event.status == "draft":
        raise EventNotPublished


def check_publishable(event: EventRow, ticket_types: Sequence[TicketTypeRow], now: datetime) -> None:
    """Whether a draft is fit to be seen.

    Raises:
        EventCancelled, OrganisationNotApproved, EventOver, NoTicketTypes: it is not.
    """
    check_editable(event.status)
    if event.organisation_status != "approved":
        raise OrganisationNotApproved(organisation_status=event.organisation_status)
    if event.ends_at <= now:
        raise EventOver
    if not ticket_types:
        raise NoTicketTypes


def check_filters(filters: EventFilters) -> None:
    """Whether a search makes sense.

    Raises:
        Invalid: it ends before it begins.
    """
    if filters.since and filters.until and filters.until <= filters.since:
        raise Invalid.at("query", "to", because="`to` must be later than `from`.")


def start_of_coming(since: datetime, after: tuple[datetime, UUID]) -> tuple[datetime, UUID]:
    """The sort key behind which the events of a page that begin later than ``since`` are found."""
    return max((since, _LAST_ID), after)
