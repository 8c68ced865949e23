"""Use cases of ticket types. What is done with an event as a whole is in `events`."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from boxoffice import audit, db, sql
from boxoffice.auth import Caller, require_role, role_of
from boxoffice.errors import NotFound
from boxoffice.ids import new_id
from boxoffice.seats import service as seats
from boxoffice.seats.models import SeatMapRequest, SeatMapView, SeatPage
from boxoffice.seats.rules import tag_of
from boxoffice.stock import service as stock
from boxoffice.stock.errors import QuantityTooLow
from boxoffice.ticket_types import rules
from boxoffice.ticket_types.errors import CapacityNotSettable, TicketsTaken
from boxoffice.ticket_types.models import (
    EventStatus,
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
    """Add a ticket type to an event. If the event is published, it is on sale at once, by its own terms.

    Raises:
        NotFound, Forbidden: the event is not the caller's, or the role is too low.
        EventCancelled: the event was called off.
        TooManyTicketTypes: the event can have no more.
        OrderLimitsCrossed, SaleWindowEmpty: it does not fit together.
    """
    rules.check_editable(_lock_event(conn, caller, event_id))
    rules.check_room(list_of_event(conn, event_id))
    ticket_type_id = new_id()
    insert(conn, ticket_type_id, event_id, request)
    ticket_type = _find(conn, ticket_type_id)
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
    ticket_type = _find(conn, ticket_type_id)
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
    ticket_type = _find(conn, ticket_type_id)
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
    event_id = _find(conn, ticket_type_id).event_id
    event_status = _lock_event(conn, caller, event_id)
    db.run(conn, SQL.lock_ticket_type, id=ticket_type_id)
    ticket_type = _find(conn, ticket_type_id)
    rules.check_remaining(event_status, list_of_event(conn, event_id))
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
    ticket_type = _find(conn, ticket_type_id)
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
    ticket_type = _find(conn, ticket_type_id)
    is_public = ticket_type.event_status != "draft" and not ticket_type.hidden
    if not is_public and role_of(conn, caller, ticket_type.organisation_id) is None:
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


def renew_pools(conn: db.Connection, event_id: UUID) -> None:
    """Move what an event's ticket types have to sell to new pools, if nothing of it is sold or held.

    A purchase that read the terms before would draw from the ticket type alone. It finds nothing in the old pool, and
    reads the terms again.

    Raises:
        CapacityNotSettable: something is sold or held.
    """
    db.run(conn, SQL.lock_ticket_types, event_id=event_id)
    try:
        for ticket_type in sorted(list_of_event(conn, event_id), key=lambda row: row.pool_id):
            stock.resize_pool(conn, ticket_type.pool_id, 0)
            pool_id = stock.create_pool(conn, ticket_type.quantity)
            db.run(conn, SQL.replace_pool, id=ticket_type.id, pool_id=pool_id)
    except QuantityTooLow as error:
        raise CapacityNotSettable from error


def withdraw_all(conn: db.Connection, event_id: UUID) -> None:
    """Take all ticket types of an event away.

    Raises:
        TicketsTaken: something of it is sold or held.
    """
    db.run(conn, SQL.lock_ticket_types, event_id=event_id)
    _withdraw(conn, list_of_event(conn, event_id))


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


def insert(conn: db.Connection, ticket_type_id: UUID, event_id: UUID, request: TicketTypeRequest) -> None:
    """Add a ticket type, and the stock it sells, to an event that the transaction has made or holds."""
    columns = request.model_dump()
    columns["attributes"] = Jsonb(request.attributes)
    pool_id = stock.create_pool(conn, request.quantity)
    db.run(conn, SQL.insert_ticket_type, id=ticket_type_id, event_id=event_id, pool_id=pool_id, **columns)


def _find(conn: db.Connection, ticket_type_id: UUID) -> TicketTypeRow:
    return db.get(conn, TicketTypeRow, SQL.get_ticket_type, id=ticket_type_id)


def list_of_event(conn: db.Connection, event_id: UUID) -> list[TicketTypeRow]:
    """The ticket types of an event, in the order in which they were made."""
    return db.many(conn, TicketTypeRow, SQL.list_ticket_types, event_id=event_id)


def _lock_event(conn: db.Connection, caller: Caller, event_id: UUID) -> EventStatus:
    """Hold an event whose ticket types the caller may change; answers its status.

    Raises:
        NotFound, Forbidden: the event is not the caller's, or the role is too low.
    """
    event = db.get(conn, dict, SQL.lock_event, id=event_id)
    require_role(conn, caller, event["organisation_id"])
    status: EventStatus = event["status"]
    return status


def _record(conn: db.Connection, caller: Caller, action: str, ticket_type: TicketTypeRow, **facts: Any) -> None:
    subject = f"ticket type {ticket_type.id}"
    audit.record(conn, action, subject, actor=caller.account, organisation=ticket_type.organisation_id, **facts)
