"""Copies of an event at other times: drafts with its ticket types, seats and gates, all of one series.

Vouchers, orders and door passes are not copied: they belong to one event.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from boxoffice import audit, db, idempotency, rate_limit, sql
from boxoffice.auth import Caller, require_role
from boxoffice.events import rules, service
from boxoffice.events.models import DuplicateRequest, DuplicatesView, EventCopyView, EventRow
from boxoffice.events.rules import Shift
from boxoffice.idempotency import IdempotentRequest
from boxoffice.ids import new_id
from boxoffice.stock import service as stock
from boxoffice.ticket_types import service as ticket_types
from boxoffice.ticket_types.models import TicketTypeCopy, TicketTypeRow
from boxoffice.times import zone_of

SQL = sql.queries("events")


@dataclass(frozen=True)
class _Copy:
    """A copy that is about to be made.

    Attributes:
        names: the ids of the copy's ticket types, by those of the event's.
    """

    id: UUID
    shift: Shift
    names: Mapping[str, str]


def duplicate_event(
    conn: db.Connection, caller: Caller, event_id: UUID, request: DuplicateRequest, key: str
) -> DuplicatesView:
    """Draft an event again at other times. All copies are made, or none. Runs in autocommit.

    Raises:
        NotFound, Forbidden: the event is not the caller's, or the role is too low.
        EndsInThePast: a copy would be over already.
        TooManyCopies: the event is too large for so many copies at once.
        TooManyRequests: twenty requests have made copies in an hour before.
        KeyReused: the idempotency key belongs to another request.
    """
    organisation_id = service.find_row(conn, event_id).organisation_id
    require_role(conn, caller, organisation_id)
    scope = idempotency.scope_of(caller, organisation_id)
    idempotent = IdempotentRequest.of("duplicate_event", scope, key, request, event_id)

    def duplicate() -> DuplicatesView:
        with conn.transaction():
            view = _duplicate(conn, caller, event_id, request)
            idempotency.store(conn, idempotent, view.model_dump(mode="json"))
            _record(conn, caller, event_id, organisation_id, view)
            rate_limit.limit_making(conn, caller, organisation_id, "copies")
        return view

    return idempotency.run_once(conn, idempotent, duplicate, DuplicatesView.model_validate)


def _duplicate(conn: db.Connection, caller: Caller, event_id: UUID, request: DuplicateRequest) -> DuplicatesView:
    """Make the copies. The locks of the event and its ticket types keep all that is copied as it is until the end."""
    event = service.lock_event(conn, caller, event_id)
    types = ticket_types.lock_all(conn, event_id)
    copies = [_planned(event, types, start) for start in sorted(request.starts_at)]
    _check(event, types, copies)
    series_id = event.series_id or new_id()
    if event.series_id is None:
        db.run(conn, SQL.set_series, event_id=event_id, series_id=series_id)
    title = request.title or event.title
    slugs = _take_slugs(conn, event, title, copies)
    columns = _columns(event, copies, slugs) | {"capacity_pool_ids": _capacities(conn, event, len(copies))}
    db.run(conn, SQL.insert_copies, event_id=event_id, series_id=series_id, title=title, **columns)
    ticket_types.insert_copies(conn, [_typed(copy, row) for copy in copies for row in types])
    return DuplicatesView(series_id=series_id, items=[_view(event, copy, slugs[copy.id]) for copy in copies])


def _planned(event: EventRow, types: Sequence[TicketTypeRow], start: datetime) -> _Copy:
    ids = sorted(new_id() for _ in types)  # ticket types are shown in the order of their ids
    names = {str(row.id): str(copy_id) for row, copy_id in zip(types, ids, strict=True)}
    return _Copy(new_id(), Shift(zone_of(event.time_zone), event.starts_at, start), names)


def _check(event: EventRow, types: Sequence[TicketTypeRow], copies: Sequence[_Copy]) -> None:
    pools = [row.quantity for row in types] + ([] if event.capacity is None else [event.capacity])
    rules.check_copies(len(copies), pools, sum(row.quantity for row in types if row.seated))
    for copy in copies:
        rules.check_end(_end_of(event, copy), datetime.now(UTC))


def _take_slugs(conn: db.Connection, event: EventRow, title: str, copies: Sequence[_Copy]) -> dict[UUID, str]:
    """Give each copy a slug of the title and its day, and return them."""
    days = {copy.id: f"{copy.shift.new.astimezone(copy.shift.zone):%Y-%m-%d}" for copy in copies}
    taken: dict[UUID, str] = {}
    for attempt in range(rules.SLUG_ATTEMPTS):
        wanted = {copy: rules.slug_of(title, attempt, day) for copy, day in days.items() if copy not in taken}
        if not wanted:
            return taken
        given = service.insert_slugs(conn, event.organisation_id, wanted)
        taken |= {copy: slug for copy, slug in wanted.items() if copy in given}
    raise RuntimeError(f"no slugs are free for {title}")  # four of them end with random characters


def _columns(event: EventRow, copies: Sequence[_Copy], slugs: Mapping[UUID, str]) -> dict[str, list[Any]]:
    """Return what differs between the copies, as columns."""
    spans = [copy.shift.of_span(event.doors_open_at, event.ends_at) for copy in copies]
    return {
        "ids": [copy.id for copy in copies],
        "slugs": [slugs[copy.id] for copy in copies],
        "starts_at": [copy.shift.new for copy in copies],
        "ends_at": [end for _, end in spans],
        "doors_open_at": [doors for doors, _ in spans],
        "gates": [json.dumps(rules.renamed(event.gates, copy.names)) for copy in copies],
        "form": [event.form and json.dumps(rules.renamed(event.form, copy.names)) for copy in copies],
        "late_payments_until": [copy.shift.of(event.late_payments_until) for copy in copies],
    }


def _capacities(conn: db.Connection, event: EventRow, copies: int) -> list[UUID | None]:
    """Make a pool for the capacity of each copy, if the event has a capacity of its own."""
    if event.capacity is None:
        return [None] * copies
    return [*stock.create_pools(conn, [event.capacity] * copies)]


def _typed(copy: _Copy, source: TicketTypeRow) -> TicketTypeCopy:
    start, end = copy.shift.of_span(source.sales_start, source.sales_end)
    return TicketTypeCopy(source, UUID(copy.names[str(source.id)]), copy.id, start, end)


def _end_of(event: EventRow, copy: _Copy) -> datetime:
    _, end = copy.shift.of_span(event.doors_open_at, event.ends_at)
    assert end is not None  # since every event has one
    return end


def _view(event: EventRow, copy: _Copy, slug: str) -> EventCopyView:
    return EventCopyView(id=copy.id, slug=slug, starts_at=copy.shift.new, ends_at=_end_of(event, copy))


def _record(conn: db.Connection, caller: Caller, event_id: UUID, organisation_id: UUID, view: DuplicatesView) -> None:
    facts = {"series_id": str(view.series_id), "copies": [str(copy.id) for copy in view.items]}
    audit.record(conn, caller, "duplicate_event", f"event {event_id}", organisation=organisation_id, **facts)
