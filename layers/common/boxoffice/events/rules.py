"""What may be done with an event, and when."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from boxoffice import money
from boxoffice.errors import Challenge, Invalid
from boxoffice.events.errors import (
    CurrencyFixed,
    EndsInThePast,
    EventEnded,
    EventNotPublished,
    GatesInUse,
    NoChallenge,
    OrganisationNotApproved,
    UnknownTicketType,
)
from boxoffice.events.models import EventFilters, EventRow
from boxoffice.names import key_of
from boxoffice.ticket_types.errors import NoTicketTypes
from boxoffice.ticket_types.models import TicketTypeRow
from boxoffice.ticket_types.rules import check_editable

_LAST_ID = UUID(int=2**128 - 1)

FIRST_KEY = datetime(2000, 1, 1, tzinfo=UTC), UUID(int=0)  # sorts before every event
LAST_KEY = datetime(2201, 1, 1, tzinfo=UTC), _LAST_ID  # sorts after every event


def columns_of(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the columns that store a request's fields. The event has a column for each field of a nested object."""
    venue = fields.get("venue", {})
    columns = {name: value for name, value in fields.items() if name not in ("venue", "late_payments")}
    if "late_payments" in fields:
        late = fields["late_payments"] or {"until": None, "share_percent": None}
        columns |= {"late_payments_until": late["until"], "late_payments_share": late["share_percent"]}
    prefixed = {"name": "venue_name", "address": "venue_address"}
    return columns | {prefixed.get(name, name): value for name, value in venue.items()}


def check_end(ends_at: datetime, now: datetime) -> None:
    """Check that an event may have this end.

    Raises:
        EndsInThePast: the event would be over already.
    """
    if ends_at <= now:
        raise EndsInThePast


def check_changes(event: EventRow, changes: dict[str, Any], now: datetime) -> None:
    """Check that an event may be changed like this.

    Raises:
        CurrencyFixed: orders may exist in the currency that the event was published with.
        EndsInThePast: the new end has passed already.
    """
    if changes.get("currency", event.currency) != event.currency and event.status != "draft":
        raise CurrencyFixed(currency=event.currency)
    if changes.get("ends_at", event.ends_at) != event.ends_at:
        check_end(changes["ends_at"], now)


def check_challenge(offered: Challenge | None, *, asks: bool) -> None:
    """Check that an event that asks guests for a challenge can have one.

    Raises:
        NoChallenge: the deployment offers none.
    """
    if asks and offered is None:
        raise NoChallenge


def check_amounts(amounts: Sequence[dict[str, int]], currency: str) -> None:
    """Check that people can pay the prices and fixed discounts of an event in another currency.

    Raises:
        AmountOffStep: one of them is not a multiple of the currency's price step.
    """
    for row in amounts:
        money.check_step(row["amount"], currency)


def check_gates(gates: Sequence[dict[str, Any]], ticket_types: Sequence[TicketTypeRow]) -> None:
    """Check that gates let in only ticket types of their event.

    Raises:
        UnknownTicketType: a gate names another ticket type.
    """
    named = {ticket_type_id for gate in gates for ticket_type_id in gate["ticket_type_ids"] or ()}
    if unknown := named - {ticket_type.id for ticket_type in ticket_types}:
        raise UnknownTicketType(ticket_type_ids=sorted(unknown))


def check_gates_of_passes(
    old: Sequence[dict[str, Any]], new: Sequence[dict[str, Any]], passes: Sequence[dict[str, Any]]
) -> None:
    """Check that an event keeps the gates that its door passes name. An event without gates takes any name.

    Args:
        passes: the `id` and the `gates` of each live pass that names gates.

    Raises:
        GatesInUse: some of them would be lost.
    """
    before, after = ({key_of(gate["name"]) for gate in gates} for gates in (old, new))
    lost = {
        row["id"]: [name for name in row["gates"] if _is_gate(name, before) and not _is_gate(name, after)]
        for row in passes
    }
    if any(lost.values()):
        names = sorted({name for gates in lost.values() for name in gates})
        raise GatesInUse(gates=names, door_passes=[pass_id for pass_id, gates in lost.items() if gates])


def _is_gate(name: str, keys: Collection[str]) -> bool:
    return not keys or key_of(name) in keys


def check_cancellable(event: EventRow) -> None:
    """Check that an event can be cancelled.

    Raises:
        EventNotPublished: it is a draft.
    """
    if event.status == "draft":
        raise EventNotPublished


def check_publishable(event: EventRow, ticket_types: Sequence[TicketTypeRow], now: datetime) -> None:
    """Check that a draft can be published.

    Raises:
        EventCancelled, OrganisationNotApproved, EventEnded, NoTicketTypes: it cannot.
    """
    check_editable(event.id, event.status)
    if event.organisation_status != "approved":
        raise OrganisationNotApproved(organisation_status=event.organisation_status)
    if event.ends_at <= now:
        raise EventEnded.at(event.ends_at)
    if not ticket_types:
        raise NoTicketTypes


def check_filters(filters: EventFilters) -> None:
    """Check that the time span of a search is not empty.

    Raises:
        Invalid: it is.
    """
    if filters.since and filters.until and filters.until <= filters.since:
        raise Invalid.at("query", "to", because="must be later than `from`")


def upcoming_after(since: datetime, after: tuple[datetime, UUID]) -> tuple[datetime, UUID]:
    """Return the sort key after which a page's upcoming events follow: those that begin later than ``since``.

    Args:
        after: the sort key of the last event on the page before.
    """
    return max((since, _LAST_ID), after)
