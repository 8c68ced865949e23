"""What may be done with an event, and when."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any
from uuid import UUID

from boxoffice import money, slugs
from boxoffice.errors import Challenge, Invalid
from boxoffice.events.errors import (
    CurrencyFixed,
    EndsInThePast,
    EventEnded,
    EventNotPublished,
    GatesInUse,
    NoChallenge,
    OrganisationNotApproved,
    TooManyCopies,
    UnknownTicketType,
)
from boxoffice.events.models import EventFilters, EventRow
from boxoffice.names import key_of
from boxoffice.questions import rules as questions
from boxoffice.stock.rules import rows_for
from boxoffice.ticket_types.errors import NoTicketTypes
from boxoffice.ticket_types.models import TicketTypeRow
from boxoffice.ticket_types.rules import check_editable

_LAST_ID = UUID(int=2**128 - 1)

SLUG_ATTEMPTS = 5
_MOST_COPIED_ROWS = 250_000  # seats and rows of stock that one request may write

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


def slug_of(title: str, attempt: int, ending: str = "") -> str:
    """Return a slug for the title of an event. After the first attempt, it ends with random characters."""
    return slugs.slug_of(title, attempt, fallback="event", ending=ending)


@dataclass(frozen=True)
class Shift:
    """A shift of an event to another time, on the clock of its venue: what was at 10 o'clock will be at 10 o'clock.

    What the clock skips in spring takes place an hour later. What it shows twice in autumn takes place the first time,
    unless the event itself starts the second time (RFC 5545, section 3.3.5). No time passes the start by that.

    Attributes:
        zone: the time zone of the venue.
        old: when the event started.
        new: when it will start.
    """

    zone: tzinfo
    old: datetime
    new: datetime

    def of(self, moment: datetime | None) -> datetime | None:
        """Return a time of the event after the shift. None stays None."""
        if moment is None:
            return None
        start = self.new.astimezone(self.zone)
        wall = start.replace(tzinfo=None) + (self._wall(moment) - self._wall(self.old))
        shifted = wall.replace(tzinfo=self.zone, fold=start.fold).astimezone(UTC)
        if moment <= self.old:
            return min(shifted, self.new)
        return shifted if shifted > self.new else self.new + (moment - self.old)

    def of_span(self, start: datetime | None, end: datetime | None) -> tuple[datetime | None, datetime | None]:
        """Return the begin and the end of something after the shift. It still ends after it begins."""
        new_start, new_end = self.of(start), self.of(end)
        if start and end and new_start and new_end and new_end <= new_start:
            new_end = new_start + (end - start)
        return new_start, new_end

    def _wall(self, moment: datetime) -> datetime:
        return moment.astimezone(self.zone).replace(tzinfo=None)


def check_copies(copies: int, pools: Sequence[int], seats: int) -> None:
    """Check that a request copies an event to so many dates within its time.

    Args:
        pools: the quantities that a copy sells from.
        seats: how many numbered seats it has.

    Raises:
        TooManyCopies: it would write too many rows.
    """
    most = _MOST_COPIED_ROWS // (seats + sum(map(rows_for, pools)) or 1)
    if copies > most:
        raise TooManyCopies(max_dates=most)


def renamed(value: Any, names: Mapping[str, str]) -> Any:
    """Return a value of JSON with other ids in it: those of a copied event for those of the event."""
    match value:
        case str():
            return names.get(value, value)
        case list():
            return [renamed(each, names) for each in value]
        case dict():
            return {name: renamed(each, names) for name, each in value.items()}
        case _:
            return value


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
    _check_known({each for gate in gates for each in gate["ticket_type_ids"] or ()}, ticket_types)


def check_questions(form: dict[str, Any] | None, ticket_types: Sequence[TicketTypeRow]) -> None:
    """Check that a form can be asked, and names only ticket types of its event.

    Raises:
        Invalid: a question cannot be asked so.
        UnknownTicketType: a question names another ticket type.
    """
    asked = form["questions"] if form else []
    questions.check_questions(asked)
    _check_known(questions.ticket_types_of(asked), ticket_types)


def _check_known(named: Collection[UUID], ticket_types: Sequence[TicketTypeRow]) -> None:
    if unknown := {*named} - {ticket_type.id for ticket_type in ticket_types}:
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
