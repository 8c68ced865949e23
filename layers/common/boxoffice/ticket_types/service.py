"""Use cases of ticket types. The use cases of an event as a whole are in `events`."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from boxoffice import audit, db, money, sql
from boxoffice.auth import Caller, require_own, require_role, role_of
from boxoffice.errors import NotFound
from boxoffice.ids import new_id
from boxoffice.seats import service as seats
from boxoffice.seats.models import SeatMapRequest, SeatMapView, SeatPage
from boxoffice.stock import service as stock
from boxoffice.stock.errors import QuantityTooLow
from boxoffice.ticket_types import rules
from boxoffice.ticket_types.errors import CapacityNotSettable, TicketsTaken
from boxoffice.ticket_types.models import (
    TicketTypeCopy,
    TicketTypePatch,
    TicketTypeRequest,
    TicketTypeRow,
    TicketTypeView,
)
from boxoffice.versions import check_version
from boxoffice.waitlist import service as waitlist

SQL = sql.queries("ticket_types")


def create_ticket_type(
    conn: db.Connection, caller: Caller, event_id: UUID, request: TicketTypeRequest
) -> TicketTypeView:
    """Add a ticket type to an event. If the event is published, it is on sale at once, within its own sale window.

    Raises:
        NotFound, Forbidden: the event is not the caller's, or the role is too low.
        EventCancelled: the event is cancelled.
        TooManyTicketTypes: the event has as many as it can have.
        INVALID_TICKET_TYPE: the ticket type contradicts itself, or nobody could pay its price exactly.
    """
    event = _lock_event(conn, caller, event_id)
    rules.check_editable(event_id, event["status"])
    rules.check_addable(list_of_event(conn, event_id))
    ticket_type_id = new_id()
    insert(conn, ticket_type_id, event_id, request, event["currency"])
    ticket_type = _find(conn, ticket_type_id)
    facts = request.model_dump(mode="json", include={"name", "price", "quantity"})
    _record(conn, caller, "create_ticket_type", ticket_type, **facts)
    return TicketTypeView.model_validate(ticket_type)


def update_ticket_type(
    conn: db.Connection, caller: Caller, ticket_type_id: UUID, patch: TicketTypePatch, expected_version: int | None
) -> TicketTypeView:
    """Change some of a ticket type's fields. Orders that were placed before keep their price.

    Raises:
        NotFound, Forbidden: the ticket type is not the caller's, or the role is too low.
        StaleVersion: it has another version than expected.
        EventCancelled: the event is cancelled.
        QuantityTooLow: more than the new quantity is sold or held.
        SeatsDecideQuantity: its quantity is the number of its seats.
        INVALID_TICKET_TYPE: the ticket type would contradict itself, or nobody could pay its price exactly.
    """
    changes = patch.changes()
    if "price" in changes:
        db.run(conn, SQL.lock_event_of_ticket_type, id=ticket_type_id)
    ticket_type = _lock(conn, caller, ticket_type_id)
    check_version(ticket_type.version, expected_version)
    rules.check_editable(ticket_type.event_id, ticket_type.event_status)
    if "price" in changes:
        money.check_step(changes["price"], ticket_type.currency)
    columns = vars(ticket_type) | changes
    db.run(conn, SQL.update_ticket_type, **(columns | {"attributes": Jsonb(columns["attributes"])}))
    if "quantity" in changes:
        rules.check_quantity_settable(ticket_type)
        stock.resize_pool(conn, ticket_type.pool_id, changes["quantity"])
        waitlist.offer_stock_of_event(conn, ticket_type.event_id)
    updated = _find(conn, ticket_type_id)
    _record(conn, caller, "update_ticket_type", updated, **audit.changes(ticket_type, updated, only=changes))
    return TicketTypeView.model_validate(updated)


def delete_ticket_type(
    conn: db.Connection, caller: Caller, ticket_type_id: UUID, expected_version: int | None = None
) -> None:
    """Delete a ticket type.

    Raises:
        NotFound, Forbidden: the ticket type is not the caller's, or the role is too low.
        StaleVersion: it has another version than expected.
        NoTicketTypes: it is the last one of a published event.
        TicketsTaken: some of its tickets are sold or held.
    """
    event_id = _find(conn, ticket_type_id).event_id
    event = _lock_event(conn, caller, event_id)
    ticket_type = _lock(conn, caller, ticket_type_id)
    check_version(ticket_type.version, expected_version)
    rules.check_deletable(event["status"], list_of_event(conn, event_id))
    _delete(conn, [ticket_type])
    _record(conn, caller, "delete_ticket_type", ticket_type, name=ticket_type.name)


def define_seats(
    conn: db.Connection,
    caller: Caller,
    ticket_type_id: UUID,
    request: SeatMapRequest,
    expected_version: int | None = None,
) -> SeatMapView:
    """Lay out the seats of a ticket type. From then on, its quantity is the number of its seats.

    Raises:
        NotFound, Forbidden: the ticket type is not the caller's, or the role is too low.
        StaleVersion: it has another version than expected.
        EventCancelled: the event is cancelled.
        Invalid: the request names a row or a seat twice, or the seats are too many.
        TicketsTaken: it had no seats so far, and some of its tickets are sold or held.
        SeatsInUse: the map would lose seats that are held or sold.
        SeatOfAnotherType: another ticket type of the event sells a seat of this name.
    """
    ticket_type = _lock(conn, caller, ticket_type_id)
    check_version(ticket_type.version, expected_version)
    rules.check_editable(ticket_type.event_id, ticket_type.event_status)
    pool_id = _seated_pool(conn, ticket_type)
    size = seats.define(conn, ticket_type_id, ticket_type.event_id, request)
    stock.resize_pool(conn, pool_id, size.seats)
    db.run(conn, SQL.set_seated, id=ticket_type_id, pool_id=pool_id)
    waitlist.offer_stock_of_event(conn, ticket_type.event_id)
    _record(conn, caller, "define_seats", ticket_type, rows=size.rows, seats=size.seats)
    version = ticket_type.version + 1
    return SeatMapView(ticket_type_id=ticket_type_id, rows=size.rows, seats=size.seats, version=version)


def list_seats(conn: db.Connection, caller: Caller, ticket_type_id: UUID, cursor: str | None) -> tuple[SeatPage, int]:
    """Return a page of a ticket type's seat map, and the version of the ticket type.

    Raises:
        NotFound: there is no such ticket type, or the caller may not see it.
    """
    ticket_type = _find(conn, ticket_type_id)
    require_own(caller, ticket_type.organisation_id)
    is_public = ticket_type.event_status != "draft" and not ticket_type.hidden
    if not is_public and role_of(conn, caller, ticket_type.organisation_id) is None:
        raise NotFound
    return seats.list_seats(conn, ticket_type_id, cursor), ticket_type.version


def _seated_pool(conn: db.Connection, ticket_type: TicketTypeRow) -> UUID:
    """Return the pool of a ticket type that gets a seat map, with its stock locked.

    A ticket type without seats gets a new pool. A purchase that read the sale terms before would take no seats. It
    finds the old pool empty, and reads the terms again.

    Raises:
        TicketsTaken: it had no seats so far, and some of its tickets are sold or held.
    """
    if ticket_type.seated:
        stock.lock_pool(conn, ticket_type.pool_id)
        return ticket_type.pool_id
    try:
        stock.resize_pool(conn, ticket_type.pool_id, 0)
    except QuantityTooLow as error:
        raise _tickets_taken(ticket_type, error) from error
    return stock.create_pool(conn, 0)


def _tickets_taken(ticket_type: TicketTypeRow, error: QuantityTooLow) -> TicketsTaken:
    return TicketsTaken(ticket_type_id=ticket_type.id, ticket_type_name=ticket_type.name, taken=error.taken)


def replace_pools(conn: db.Connection, event_id: UUID) -> None:
    """Move the stock of an event's ticket types to new pools, because the event gets a capacity.

    A purchase that read the sale terms before would not draw from the capacity. It finds the old pool empty, and reads
    the terms again.

    Raises:
        CapacityNotSettable: tickets are sold or held.
    """
    try:
        for ticket_type in sorted(lock_all(conn, event_id), key=lambda row: row.pool_id):
            stock.resize_pool(conn, ticket_type.pool_id, 0)
            pool_id = stock.create_pool(conn, ticket_type.quantity)
            db.run(conn, SQL.replace_pool, id=ticket_type.id, pool_id=pool_id)
    except QuantityTooLow as error:
        raise CapacityNotSettable(taken=error.taken) from error


def delete_all(conn: db.Connection, event_id: UUID) -> None:
    """Delete all ticket types of an event.

    Raises:
        TicketsTaken: some of their tickets are sold or held.
    """
    _delete(conn, lock_all(conn, event_id))


def _delete(conn: db.Connection, ticket_types: Sequence[TicketTypeRow]) -> None:
    """Delete ticket types that the transaction has locked.

    It removes their stock first, so that a purchase that has read their sale terms already finds nothing to buy.

    Raises:
        TicketsTaken: some of their tickets are sold or held.
    """
    for ticket_type in sorted(ticket_types, key=lambda row: row.pool_id):
        try:
            stock.resize_pool(conn, ticket_type.pool_id, 0)
        except QuantityTooLow as error:
            raise _tickets_taken(ticket_type, error) from error
    for ticket_type in ticket_types:
        seats.remove(conn, ticket_type.id)
    db.run(conn, SQL.delete_ticket_types, ids=[row.id for row in ticket_types])


def insert(
    conn: db.Connection, ticket_type_id: UUID, event_id: UUID, request: TicketTypeRequest, currency: str
) -> None:
    """Add a ticket type and its pool to an event that the transaction has created or locked.

    Args:
        currency: the event's.

    Raises:
        AmountOffStep: nobody could pay the price exactly.
    """
    money.check_step(request.price, currency)
    columns = request.model_dump()
    columns["attributes"] = Jsonb(request.attributes)
    pool_id = stock.create_pool(conn, request.quantity)
    db.run(conn, SQL.insert_ticket_type, id=ticket_type_id, event_id=event_id, pool_id=pool_id, **columns)


def lock_all(conn: db.Connection, event_id: UUID) -> list[TicketTypeRow]:
    """Lock the ticket types of an event that the transaction has locked, and return them in the order of creation."""
    db.run(conn, SQL.lock_ticket_types, event_id=event_id)
    return list_of_event(conn, event_id)


def insert_copies(conn: db.Connection, copies: Sequence[TicketTypeCopy]) -> None:
    """Add copies of ticket types to events that the transaction has made, each with its whole stock and its seats.

    The caller has locked the ticket types.
    """
    db.run(
        conn,
        SQL.insert_copies,
        source_ids=[copy.source.id for copy in copies],
        ids=[copy.id for copy in copies],
        event_ids=[copy.event_id for copy in copies],
        pool_ids=stock.create_pools(conn, [copy.source.quantity for copy in copies]),
        sales_start=[copy.sales_start for copy in copies],
        sales_end=[copy.sales_end for copy in copies],
    )
    seated = [copy for copy in copies if copy.source.seated]
    if seated:
        ids, event_ids = [copy.id for copy in seated], [copy.event_id for copy in seated]
        seats.copy_maps(conn, [copy.source.id for copy in seated], ids, event_ids)


def _lock(conn: db.Connection, caller: Caller, ticket_type_id: UUID) -> TicketTypeRow:
    """Lock a ticket type that the caller may change, and return it.

    Raises:
        NotFound, Forbidden: the ticket type is not the caller's, or the role is too low.
    """
    db.run(conn, SQL.lock_ticket_type, id=ticket_type_id)
    ticket_type = _find(conn, ticket_type_id)
    require_role(conn, caller, ticket_type.organisation_id)
    return ticket_type


def _find(conn: db.Connection, ticket_type_id: UUID) -> TicketTypeRow:
    return db.get(conn, TicketTypeRow, SQL.get_ticket_type, id=ticket_type_id)


def list_of_event(conn: db.Connection, event_id: UUID) -> list[TicketTypeRow]:
    """Return the ticket types of an event, in the order of creation."""
    return db.many(conn, TicketTypeRow, SQL.list_ticket_types, event_id=event_id)


def _lock_event(conn: db.Connection, caller: Caller, event_id: UUID) -> dict[str, Any]:
    """Lock an event whose ticket types the caller may change. Return its status and currency.

    Raises:
        NotFound, Forbidden: the event is not the caller's, or the role is too low.
    """
    event = db.get(conn, dict, SQL.lock_event, id=event_id)
    require_role(conn, caller, event["organisation_id"])
    return event


def _record(conn: db.Connection, caller: Caller, action: str, ticket_type: TicketTypeRow, **facts: Any) -> None:
    subject = f"ticket type {ticket_type.id}"
    audit.record(conn, caller, action, subject, organisation=ticket_type.organisation_id, **facts)
