"""Lay out the seats of a ticket type, give them to owners and take them back.

An owner is an order, or an offer to somebody on the waitlist. Whoever changes seats has drawn, or locked, the stock of
their ticket type before: as many seats are free as the pool has available.
"""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, LiteralString
from uuid import UUID

import psycopg

from boxoffice import db, sql
from boxoffice.errors import Busy
from boxoffice.ids import new_id
from boxoffice.pagination import decode_number, encode
from boxoffice.seats import rules
from boxoffice.seats.errors import NoSeatsTogether, SeatNotFound, SeatOfAnotherType, SeatsInTheWay, SeatTaken
from boxoffice.seats.models import ListedRow, MapSize, SeatMapRequest, SeatPage, SeatRequest, SeatRow, SeatRowView

SQL = sql.queries("seats")

_MOST_ATTEMPTS = 50
_PAGE_ROWS, _PAGE_SEATS = 2_000, 50_000  # at the most: less than Lambda's 6 MB, whatever the seats are called


def define(conn: db.Connection, ticket_type_id: UUID, event_id: UUID, request: SeatMapRequest) -> MapSize:
    """Lay out the rows that a request names. Seats that are there already keep their id and their owner.

    The ticket type's whole stock is locked, so that nobody takes or frees a seat meanwhile.

    Raises:
        Invalid: a row or a seat is named twice, or they are too many.
        SeatsInTheWay: seats that are held or sold would go.
        SeatOfAnotherType: a seat of this name is sold by another ticket type of the event.
    """
    rules.check_map(request)
    before = db.many(conn, SeatRow, SQL.lock_map, ticket_type_id=ticket_type_id)
    rows = rules.ranked(before, request)
    named = {row.id for row in rows}
    gone = [] if request.extend else [row.id for row in before if row.id not in named]
    _save(conn, ticket_type_id, event_id, rows, gone, rules.places_of(rows, request.rows))
    size = db.exactly_one(conn, MapSize, SQL.get_size, ticket_type_id=ticket_type_id)
    rules.check_size(size.seats)
    return size


def _save(
    conn: db.Connection,
    ticket_type_id: UUID,
    event_id: UUID,
    rows: Sequence[SeatRow],
    gone: Sequence[UUID],
    places: Sequence[tuple[UUID, int, str]],
) -> None:
    row_ids, positions, numbers = (list(column) for column in zip(*places, strict=True))
    touched = [row.id for row in rows]
    _remove(conn, [*gone, *touched], row_ids, numbers)
    db.run(conn, SQL.remove_rows, ids=gone)
    db.run(
        conn,
        SQL.save_rows,
        ticket_type_id=ticket_type_id,
        ids=touched,
        ranks=[row.rank for row in rows],
        sections=[row.section for row in rows],
        names=[row.name for row in rows],
    )
    ids = [new_id() for _ in places]
    seats = {"ids": ids, "row_ids": row_ids, "positions": positions, "numbers": numbers}
    if db.run(conn, SQL.save_seats, event_id=event_id, **seats) < len(ids):
        raise SeatOfAnotherType
    db.run(conn, SQL.measure_rows, row_ids=touched)


def remove(conn: db.Connection, ticket_type_id: UUID) -> None:
    """Take away the whole map of a ticket type whose stock is gone already.

    Raises:
        SeatsInTheWay: a seat is held or sold.
    """
    rows = [row.id for row in db.many(conn, SeatRow, SQL.lock_map, ticket_type_id=ticket_type_id)]
    if rows:
        _remove(conn, rows, [], [])
        db.run(conn, SQL.remove_rows, ids=rows)


def _remove(conn: db.Connection, rows: Sequence[UUID], row_ids: Sequence[UUID], numbers: Sequence[str]) -> None:
    """Take away the seats of rows, but those that are named."""
    params = {"rows": list(rows), "row_ids": list(row_ids), "numbers": list(numbers)}
    if in_the_way := db.many(conn, dict, SQL.remove_seats, **params):
        raise SeatsInTheWay(seats=[seat["label"] for seat in in_the_way])


def list_seats(conn: db.Connection, ticket_type_id: UUID, cursor: str | None) -> SeatPage:
    """A page of a map, in whole rows."""
    after = decode_number(cursor) or 0
    rows = db.many(conn, ListedRow, SQL.list_rows, ticket_type_id=ticket_type_id, after=after, rows=_PAGE_ROWS)
    page = rows[: rules.fitting([len(row.seat_ids) for row in rows], _PAGE_ROWS, _PAGE_SEATS)]
    next_cursor = encode(page[-1].rank) if len(page) < len(rows) else None
    return SeatPage(items=[SeatRowView.model_validate(row) for row in page], next_cursor=next_cursor)


def take(conn: db.Connection, owner_id: UUID, requests: Sequence[SeatRequest], *, wait: bool = True) -> None:
    """Give an owner the seats that are requested, for which stock has been drawn.

    Args:
        wait: whether to wait for rows of seats that others have locked.

    Raises:
        SeatNotFound, SeatTaken: a seat that is named cannot be had.
        NoSeatsTogether: there are not as many next to each other, as of a moment during the call.
        Busy: others were faster every time, or have locked what is left.
    """
    for request in sorted(requests, key=attrgetter("ticket_type_id")):
        if request.seat_ids:
            _take_named(conn, owner_id, request.ticket_type_id, request.seat_ids)
        else:
            _take_best(conn, owner_id, request, wait=wait)


def take_again(conn: db.Connection, order_id: UUID) -> None:
    """Give an order the seats that it once had.

    Raises:
        SeatNotFound, SeatTaken: one of them is gone.
    """
    for item in db.many(conn, dict, SQL.list_seats_of_order, order_id=order_id):
        _take_named(conn, order_id, item["ticket_type_id"], item["seat_ids"])


def sell(conn: db.Connection, owner_id: UUID) -> None:
    """Turn the seats that an owner holds into sold ones. The transaction has locked the owner."""
    db.run(conn, SQL.set_sold, owner_id=owner_id)


def release(conn: db.Connection, owner_ids: Sequence[UUID]) -> None:
    """Take back all seats of these owners, which the transaction has locked."""
    _free(conn, _ids(conn, SQL.list_seats_of_owners, owner_ids=list(owner_ids)))


def release_tickets(conn: db.Connection, ticket_ids: Sequence[UUID]) -> None:
    """Take back the seats of tickets, whose order the transaction has locked."""
    _free(conn, _ids(conn, SQL.list_seats_of_tickets, ticket_ids=list(ticket_ids)))


def hand_over(conn: db.Connection, from_id: UUID, to_id: UUID, quantity: int) -> None:
    """Give so many of one owner's seats to another; the rest of them is free."""
    db.run(conn, SQL.hand_over, from_id=from_id, to_id=to_id, quantity=quantity)
    release(conn, [from_id])


def check_named(conn: db.Connection, requests: Sequence[SeatRequest]) -> None:
    """Whether all seats that are named are there and free at this moment.

    Raises:
        SeatNotFound, SeatTaken: they are not.
    """
    for request in requests:
        if request.seat_ids:
            _check_exist(conn, request.ticket_type_id, request.seat_ids)
    named = [seat_id for request in requests for seat_id in request.seat_ids]
    _check_free(conn, named)


def _take_named(conn: db.Connection, owner_id: UUID, ticket_type_id: UUID, seat_ids: Sequence[UUID]) -> None:
    seats = list(seat_ids)
    rows = _ids(conn, SQL.lock_rows_of_seats, seat_ids=seats)
    _check_free(conn, seats)
    if db.run(conn, SQL.take_named, owner_id=owner_id, ticket_type_id=ticket_type_id, seat_ids=seats) < len(seats):
        raise SeatNotFound(ticket_type_id=ticket_type_id)
    db.run(conn, SQL.measure_rows, row_ids=rows)


def _take_best(conn: db.Connection, owner_id: UUID, request: SeatRequest, *, wait: bool) -> None:
    wanted = {"ticket_type_id": request.ticket_type_id, "quantity": request.quantity}
    if _take_together(conn, SQL.take_row, owner_id, wanted) or (wait and _wait_together(conn, owner_id, wanted)):
        return
    if request.together:
        raise NoSeatsTogether(ticket_type_id=request.ticket_type_id, quantity=request.quantity)
    _take_apart(conn, owner_id, wanted, wait=wait)


def _take_together(conn: db.Connection, lock: LiteralString, owner_id: UUID, wanted: dict[str, Any]) -> bool:
    row_id = db.value(conn, lock, **wanted)
    if row_id is None:
        return False
    db.run(conn, SQL.take_together, owner_id=owner_id, row_id=row_id, quantity=wanted["quantity"])
    db.run(conn, SQL.measure_rows, row_ids=[row_id])
    return True


def _wait_together(conn: db.Connection, owner_id: UUID, wanted: dict[str, Any]) -> bool:
    """Take seats of the best row, waiting for others, for as long as there is one that has enough.

    Raises:
        Busy: others were faster every time.
    """
    for _ in range(_MOST_ATTEMPTS):
        if not db.value(conn, SQL.is_together, **wanted):
            return False
        with conn.transaction():
            if _take_together(conn, SQL.lock_row, owner_id, wanted):
                return True
            raise psycopg.Rollback  # lets go of rows that were full when their turn came
    raise Busy


def _take_apart(conn: db.Connection, owner_id: UUID, wanted: dict[str, Any], *, wait: bool) -> None:
    """Take the best seats wherever they are. As stock was drawn, there are enough of them."""
    for _ in range(_MOST_ATTEMPTS):
        with conn.transaction():
            rows = _ids(conn, SQL.lock_rows if wait else SQL.take_rows, **wanted)
            if db.run(conn, SQL.take_apart, owner_id=owner_id, row_ids=rows, **wanted) == wanted["quantity"]:
                db.run(conn, SQL.measure_rows, row_ids=rows)
                return
            raise psycopg.Rollback
        if not wait:
            break
    raise Busy


def _free(conn: db.Connection, seat_ids: Sequence[UUID]) -> None:
    if not seat_ids:
        return
    rows = _ids(conn, SQL.lock_rows_of_seats, seat_ids=list(seat_ids))
    db.run(conn, SQL.free_seats, seat_ids=list(seat_ids))
    db.run(conn, SQL.measure_rows, row_ids=rows)


def _check_exist(conn: db.Connection, ticket_type_id: UUID, seat_ids: Sequence[UUID]) -> None:
    found = db.value(conn, SQL.count_seats, ticket_type_id=ticket_type_id, seat_ids=list(seat_ids))
    if found < len(seat_ids):
        raise SeatNotFound(ticket_type_id=ticket_type_id)


def _check_free(conn: db.Connection, seat_ids: Sequence[UUID]) -> None:
    if taken := _ids(conn, SQL.list_taken, seat_ids=list(seat_ids)):
        raise SeatTaken(seat_ids=sorted(taken))


def _ids(conn: db.Connection, query: LiteralString, **params: Any) -> list[UUID]:
    return [row["id"] for row in db.many(conn, dict, query, **params)]
