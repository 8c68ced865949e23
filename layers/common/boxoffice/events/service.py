"""Use cases of events and ticket types."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from boxoffice import audit, db, outbox, sql
from boxoffice.auth import Caller, require_role, role_of
from boxoffice.errors import NotFound
from boxoffice.events import rules
from boxoffice.events.errors import CapacityNotSettable, TicketsTaken
from boxoffice.events.models import (
    AvailabilityView,
    CancelEventRequest,
    CapacityAvailability,
    EventFilters,
    EventPage,
    EventPatch,
    EventRequest,
    EventRow,
    EventSummary,
    EventView,
    ListedEvent,
    TicketTypeAvailability,
    TicketTypePatch,
    TicketTypeRequest,
    TicketTypeRow,
    TicketTypeView,
)
from boxoffice.ids import new_id
from boxoffice.pagination import decode_moment_and_id, page_of
from boxoffice.seats import service as seats
from boxoffice.seats.models import SeatMapRequest, SeatMapView, SeatPage
from boxoffice.seats.rules import tag_of
from boxoffice.stock import service as stock
from boxoffice.stock.errors import QuantityTooLow
from boxoffice.versions import check_version
from boxoffice.waitlist import service as waitlist

SQL = sql.queries("events")


def list_events(
    conn: db.Connection, caller: Caller, filters: EventFilters, limit: int, cursor: str | None
) -> EventPage:
    """Events that are published, earliest first; not those that were over at the start of the time asked for, which is
    now unless said otherwise. Members who list their own organisation's see its drafts too.

    Raises:
        Invalid: the time asked for is none, or the cursor is not ours.
    """
    rules.check_filters(filters)
    since = filters.since or datetime.now(UTC)
    after = decode_moment_and_id(cursor) or rules.FIRST_KEY
    begin = rules.start_of_coming(since, after)
    is_member = filters.organisation_id is not None and _is_member(conn, caller, filters.organisation_id)
    rows = db.search(
        conn,
        ListedEvent,
        SQL.list_events,
        **(vars(filters) | {"since": since}),
        drafts=is_member,
        after=after[0],
        after_id=after[1],
        begin=begin[0],
        begin_id=begin[1],
        limit=limit,
    )
    page, next_cursor = page_of(rows, limit, lambda event: (event.starts_at, event.id))
    return EventPage(items=[EventSummary.model_validate(event) for event in page], next_cursor=next_cursor)


def get_event(conn: db.Connection, caller: Caller, event_id: UUID) -> EventView:
    """An event and what is left of it; drafts and hidden ticket types for members only.

    Raises:
        NotFound: there is none, or it is a draft of others.
    """
    event, ticket_types = _seen_by(conn, caller, event_id)
    return _view(event, ticket_types)


def get_availability(conn: db.Connection, caller: Caller, event_id: UUID) -> AvailabilityView:
    """What of each ticket type, and of the event's own capacity, is available, held and sold.

    Raises:
        NotFound: there is no such event, or it is a draft of others.
    """
    event, ticket_types = _seen_by(conn, caller, event_id)
    counts = [
        TicketTypeAvailability(ticket_type_id=row.id, available=row.available, held=row.held, sold=row.sold)
        for row in ticket_types
    ]
    return AvailabilityView(event_id=event.id, capacity=_capacity(event), ticket_types=counts)


def create_event(conn: db.Connection, caller: Caller, request: EventRequest) -> EventView:
    """Draft an event with its ticket types.

    Raises:
        NotFound, Forbidden: the organisation is not the caller's, or the role is too low.
        EndsInThePast, EndsBeforeStart, DoorsAfterEnd, OrderLimitsCrossed, SaleWindowEmpty: it does not fit together.
        UnknownTicketType: a gate names one; they have no ids yet.
    """
    require_role(conn, caller, request.organisation_id)
    rules.check_end(request.ends_at, datetime.now(UTC))
    event_id = new_id()
    columns = rules.columns_of(request.model_dump(exclude={"ticket_types", "capacity"}))
    rules.check_gates(columns["gates"], [])
    pool_id = None if request.capacity is None else stock.create_pool(conn, request.capacity)
    db.run(conn, SQL.insert_event, id=event_id, capacity_pool_id=pool_id, **_with_json(columns))
    ids = sorted(new_id() for _ in request.ticket_types)  # they are shown in this order
    for ticket_type_id, ticket_type in zip(ids, request.ticket_types, strict=True):
        _insert_ticket_type(conn, ticket_type_id, event_id, ticket_type)
    event, ticket_types = _find_event(conn, event_id), _ticket_types(conn, event_id)
    _record(conn, caller, "create_event", event, title=event.title)
    return _view(event, ticket_types)


def update_event(
    conn: db.Connection, caller: Caller, event_id: UUID, patch: EventPatch, expected_version: int | None
) -> EventView:
    """Change some of an event's fields.

    Raises:
        NotFound, Forbidden: the event is not the caller's, or the role is too low.
        StaleVersion: it has another version than expected.
        EventCancelled: it was called off.
        CurrencyFixed: it is published.
        EndsInThePast, EndsBeforeStart, DoorsAfterEnd, UnknownTicketType: the outcome does not fit together.
        QuantityTooLow: more than the capacity is sold or held.
        CapacityNotSettable: it had no capacity so far, and something is sold or held.
    """
    event = _lock_event(conn, caller, event_id)
    check_version(event.version, expected_version)
    rules.check_editable(event.status)
    changes = rules.columns_of(patch.changes())
    rules.check_changes(event, changes, datetime.now(UTC))
    rules.check_gates(changes.get("gates", ()), _ticket_types(conn, event_id) if "gates" in changes else [])
    if "capacity" in changes:
        changes["capacity_pool_id"] = _set_capacity(conn, event, changes.pop("capacity"))
    db.run(conn, SQL.update_event, **_with_json(vars(event) | changes))
    if "capacity_pool_id" in changes:
        waitlist.offer_added(conn, event_id)
    event, ticket_types = _find_event(conn, event_id), _ticket_types(conn, event_id)
    _record(conn, caller, "update_event", event, changes=patch.model_dump(mode="json", exclude_unset=True))
    return _view(event, ticket_types)


def publish_event(conn: db.Connection, caller: Caller, event_id: UUID) -> EventView:
    """Show a draft to the public and start to sell it. To publish a published event changes nothing.

    Raises:
        NotFound, Forbidden: the event is not the caller's, or the role is too low.
        EventCancelled, OrganisationNotApproved, EventOver, NoTicketTypes: it is not fit to be seen.
    """
    event, ticket_types = _lock_event(conn, caller, event_id), _ticket_types(conn, event_id)
    if event.status == "published":
        return _view(event, ticket_types)
    rules.check_publishable(event, ticket_types, datetime.now(UTC))
    db.run(conn, SQL.publish_event, id=event_id)
    event = _find_event(conn, event_id)
    _record(conn, caller, "publish_event", event)
    return _view(event, ticket_types)


def cancel_event(conn: db.Connection, caller: Caller, event_id: UUID, request: CancelEventRequest) -> EventView:
    """Call a published event off: nothing of it is sold from now on. To cancel a cancelled event changes nothing.

    Its orders are given back afterwards, one by one (`boxoffice.returns`).

    Raises:
        NotFound, Forbidden: the event is not the caller's, or the role is too low.
        EventNotPublished: it is a draft.
    """
    event, ticket_types = _lock_event(conn, caller, event_id), _ticket_types(conn, event_id)
    if event.status == "cancelled":
        return _view(event, ticket_types)
    rules.check_cancellable(event)
    db.run(conn, SQL.cancel_event, id=event_id, account_id=caller.account, reason=request.reason)
    waitlist.let_offers_lapse(conn, event_id)
    event = _find_event(conn, event_id)
    facts = {"event_id": str(event_id), "title": event.title, "reason": request.reason}
    outbox.owe_webhook(conn, event.organisation_id, "event.cancelled", facts)
    _record(conn, caller, "cancel_event", event, reason=request.reason)
    return _view(event, ticket_types)


def delete_event(conn: db.Connection, caller: Caller, event_id: UUID) -> None:
    """Take an event away, with its ticket types, if nothing of it is sold or held.

    Raises:
        NotFound, Forbidden: the event is not the caller's, or the role is too low.
        TicketsTaken: something is.
    """
    event = _lock_event(conn, caller, event_id)
    db.run(conn, SQL.lock_ticket_types, event_id=event_id)
    _withdraw(conn, _ticket_types(conn, event_id))
    db.run(conn, SQL.delete_event, id=event_id)
    _record(conn, caller, "delete_event", event, title=event.title)


def create_ticket_type(
    conn: db.Connection, caller: Caller, event_id: UUID, request: TicketTypeRequest
) -> TicketTypeView:
    """Add a ticket type to an event. If the event is published, it is on sale at once, by its own terms.

    Raises:
        NotFound, Forbidden: the event is not the caller's, or the role is too low.
        EventCancelled: the event was called off.
        TooManyTicketTypes: the event can have no more.
        OrderLimitsCrossed, SaleWindowEmpty: it does not fit together.
    """
    rules.check_editable(_lock_event(conn, caller, event_id).status)
    rules.check_room(_ticket_types(conn, event_id))
    ticket_type_id = new_id()
    _insert_ticket_type(conn, ticket_type_id, event_id, request)
    ticket_type = _find_ticket_type(conn, ticket_type_id)
    facts = request.model_dump(mode="json", include={"name", "price", "quantity"})
    _record(conn, caller, "create_ticket_type", ticket_type, **facts)
    return TicketTypeView.model_validate(ticket_type)


def update_ticket_type(
    conn: db.Connection, caller: Caller, ticket_type_id: UUID, patch: TicketTypePatch, expected_version: int | None
) -> TicketTypeView:
    """Change some of a ticket type's fields. Orders that are placed already keep their price.

    Raises:
        NotFound, Forbidden: the ticket type is not the caller's, or the role is too low.
        StaleVersion: it has another version than expected.
        EventCancelled: the event was called off.
        QuantityTooLow: more than that is sold or held.
        SeatsDecideQuantity: the quantity is that of its seats.
        OrderLimitsCrossed, SaleWindowEmpty: the outcome does not fit together.
    """
    db.run(conn, SQL.lock_ticket_type, id=ticket_type_id)
    ticket_type = _find_ticket_type(conn, ticket_type_id)
    require_role(conn, caller, ticket_type.organisation_id)
    check_version(ticket_type.version, expected_version)
    rules.check_editable(ticket_type.event_status)
    changes = patch.changes()
    columns = vars(ticket_type) | changes
    db.run(conn, SQL.update_ticket_type, **(columns | {"attributes": Jsonb(columns["attributes"])}))
    if "quantity" in changes:
        rules.check_quantity_settable(ticket_type)
        stock.resize_pool(conn, ticket_type.pool_id, changes["quantity"])
        waitlist.offer_added(conn, ticket_type.event_id)
    ticket_type = _find_ticket_type(conn, ticket_type_id)
    facts = patch.model_dump(mode="json", exclude_unset=True)
    _record(conn, caller, "update_ticket_type", ticket_type, changes=facts)
    return TicketTypeView.model_validate(ticket_type)


def delete_ticket_type(conn: db.Connection, caller: Caller, ticket_type_id: UUID) -> None:
    """Take a ticket type away, if nothing of it is sold or held.

    Raises:
        NotFound, Forbidden: the ticket type is not the caller's, or the role is too low.
        NoTicketTypes: it is the last one of a published event.
        TicketsTaken: something is sold or held.
    """
    event = _lock_event(conn, caller, _find_ticket_type(conn, ticket_type_id).event_id)
    db.run(conn, SQL.lock_ticket_type, id=ticket_type_id)
    ticket_type = _find_ticket_type(conn, ticket_type_id)
    rules.check_remaining(event, _ticket_types(conn, event.id))
    _withdraw(conn, [ticket_type])
    _record(conn, caller, "delete_ticket_type", ticket_type, name=ticket_type.name)


def define_seats(conn: db.Connection, caller: Caller, ticket_type_id: UUID, request: SeatMapRequest) -> SeatMapView:
    """Lay out the seats of a ticket type. From then on its quantity is how many they are.

    Raises:
        NotFound, Forbidden: the ticket type is not the caller's, or the role is too low.
        EventCancelled: the event was called off.
        TicketsTaken: it had no seats so far, and something is sold or held.
        SeatsInTheWay: seats that are held or sold would go.
        SeatOfAnotherType: one of the seats is sold by another ticket type of the event.
    """
    db.run(conn, SQL.lock_ticket_type, id=ticket_type_id)
    ticket_type = _find_ticket_type(conn, ticket_type_id)
    require_role(conn, caller, ticket_type.organisation_id)
    rules.check_editable(ticket_type.event_status)
    pool_id = _seated_pool(conn, ticket_type)
    size = seats.define(conn, ticket_type_id, ticket_type.event_id, request)
    stock.resize_pool(conn, pool_id, size.seats)
    db.run(conn, SQL.set_seated, id=ticket_type_id, pool_id=pool_id)
    waitlist.offer_added(conn, ticket_type.event_id)
    _record(conn, caller, "define_seats", ticket_type, **vars(size))
    return SeatMapView(ticket_type_id=ticket_type_id, version=ticket_type.version + 1, **vars(size))


def list_seats(conn: db.Connection, caller: Caller, ticket_type_id: UUID, cursor: str | None) -> tuple[SeatPage, str]:
    """A page of a ticket type's seats and which of them are free, and the ETag of that.

    Raises:
        NotFound: there is no such ticket type that the caller may see.
    """
    ticket_type = _find_ticket_type(conn, ticket_type_id)
    event = _find_event(conn, ticket_type.event_id)
    if (ticket_type.hidden or event.status == "draft") and not _is_member(conn, caller, event.organisation_id):
        raise NotFound
    page = seats.list_seats(conn, ticket_type_id, cursor)
    return page, tag_of(ticket_type.version, page)


def _seated_pool(conn: db.Connection, ticket_type: TicketTypeRow) -> UUID:
    """The pool of a ticket type that has seats from now on, locked.

    If it had none, that is a new one: a purchase that read the terms before would take no seat. It finds nothing in the
    old pool, and reads the terms again.
    """
    if ticket_type.seated:
        stock.lock_pool(conn, ticket_type.pool_id)
        return ticket_type.pool_id
    try:
        stock.resize_pool(conn, ticket_type.pool_id, 0)
    except QuantityTooLow as error:
        raise TicketsTaken from error
    return stock.create_pool(conn, 0)


def _set_capacity(conn: db.Connection, event: EventRow, capacity: int | None) -> UUID | None:
    """Give an event that the transaction holds this capacity, or none; the pool that it has then.

    A capacity that goes leaves its pool to the orders that have drawn from it.
    """
    if capacity is None:
        return None
    if event.capacity_pool_id is None:
        _renew_pools(conn, event.id)
        return stock.create_pool(conn, capacity)
    stock.resize_pool(conn, event.capacity_pool_id, capacity)
    return event.capacity_pool_id


def _renew_pools(conn: db.Connection, event_id: UUID) -> None:
    """Move what an event's ticket types have to sell to new pools, if nothing of it is sold or held.

    A purchase that read the terms before would draw from the ticket type alone. It finds nothing in the old pool, and
    reads the terms again.
    """
    db.run(conn, SQL.lock_ticket_types, event_id=event_id)
    try:
        for ticket_type in sorted(_ticket_types(conn, event_id), key=lambda row: row.pool_id):
            stock.resize_pool(conn, ticket_type.pool_id, 0)
            pool_id = stock.create_pool(conn, ticket_type.quantity)
            db.run(conn, SQL.replace_pool, id=ticket_type.id, pool_id=pool_id)
    except QuantityTooLow as error:
        raise CapacityNotSettable from error


def _withdraw(conn: db.Connection, ticket_types: Sequence[TicketTypeRow]) -> None:
    """Delete ticket types that the transaction holds. Their stock goes first: what is not there cannot be bought, not
    even by a purchase that has read the ticket type already."""
    try:
        for ticket_type in sorted(ticket_types, key=lambda row: row.pool_id):
            stock.resize_pool(conn, ticket_type.pool_id, 0)
    except QuantityTooLow as error:
        raise TicketsTaken from error
    for ticket_type in ticket_types:
        seats.remove(conn, ticket_type.id)
    db.run(conn, SQL.delete_ticket_types, ids=[row.id for row in ticket_types])


def _insert_ticket_type(conn: db.Connection, ticket_type_id: UUID, event_id: UUID, request: TicketTypeRequest) -> None:
    columns = request.model_dump()
    columns["attributes"] = Jsonb(request.attributes)
    pool_id = stock.create_pool(conn, request.quantity)
    db.run(conn, SQL.insert_ticket_type, id=ticket_type_id, event_id=event_id, pool_id=pool_id, **columns)


def _lock_event(conn: db.Connection, caller: Caller, event_id: UUID) -> EventRow:
    """Hold an event that the caller may change, and read it as it is then."""
    db.run(conn, SQL.lock_event, id=event_id)
    event = _find_event(conn, event_id)
    require_role(conn, caller, event.organisation_id)
    return event


def _with_json(columns: dict[str, Any]) -> dict[str, Any]:
    return columns | {"gates": Jsonb(columns["gates"], dumps=partial(json.dumps, default=str))}


def _find_event(conn: db.Connection, event_id: UUID) -> EventRow:
    return db.get(conn, EventRow, SQL.get_event, id=event_id)


def _find_ticket_type(conn: db.Connection, ticket_type_id: UUID) -> TicketTypeRow:
    return db.get(conn, TicketTypeRow, SQL.get_ticket_type, id=ticket_type_id)


def _ticket_types(conn: db.Connection, event_id: UUID) -> list[TicketTypeRow]:
    return db.many(conn, TicketTypeRow, SQL.list_ticket_types, event_id=event_id)


def _seen_by(conn: db.Connection, caller: Caller, event_id: UUID) -> tuple[EventRow, list[TicketTypeRow]]:
    event = _find_event(conn, event_id)
    is_member = _is_member(conn, caller, event.organisation_id)
    if event.status == "draft" and not is_member:
        raise NotFound
    return event, [row for row in _ticket_types(conn, event_id) if is_member or not row.hidden]


def _is_member(conn: db.Connection, caller: Caller, organisation_id: UUID) -> bool:
    return role_of(conn, caller, organisation_id) is not None


def _capacity(event: EventRow) -> CapacityAvailability | None:
    if event.capacity is None:
        return None
    counts = {name: getattr(event, f"capacity_{name}") for name in ("available", "held", "sold")}
    return CapacityAvailability(quantity=event.capacity, **counts)


def _view(event: EventRow, ticket_types: Sequence[TicketTypeRow]) -> EventView:
    shown = [TicketTypeView.model_validate(row) for row in ticket_types]
    return EventView(**vars(event), venue=event.venue, ticket_types=shown)


def _record(conn: db.Connection, caller: Caller, action: str, thing: EventRow | TicketTypeRow, **facts: Any) -> None:
    subject = f"{'event' if isinstance(thing, EventRow) else 'ticket type'} {thing.id}"
    audit.record(conn, action, subject, actor=caller.account, organisation=thing.organisation_id, **facts)
