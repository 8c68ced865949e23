"""Lay out the seats of a ticket type, give them to owners and take them back.

The owner of a seat is an order, or an entry of the waitlist that has an offer. A caller that changes seats has drawn or
locked stock of their ticket type before. So as many seats are free as its pool has available.
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
from boxoffice.seats.errors import NoSeatsTogether, SeatNotFound, SeatOfAnotherType, SeatsInUse, SeatTaken
from boxoffice.seats.models import MapSize, RowWithSeats, SeatMapRequest, SeatPage, SeatRequest, SeatRow, SeatRowView

SQL = sql.queries("seats")

_MOST_ATTEMPTS = 50
_PAGE_ROWS, _PAGE_SEATS = 2_000, 50_000  # fewer bytes than Lambda's 6 MB, even if all seats have long names


def define(conn: db.Connection, ticket_type_id: UUID, event_id: UUID, request: SeatMapRequest) -> MapSize:
    """Lay out the rows that a request names. Return the size of the whole map.

    Seats that exist keep their id and their owner. The caller has locked all stock of the ticket type, so that nobody
    takes or frees a seat meanwhile.

    Raises:
        Invalid: the request names a row or a seat twice, or the seats are too many.
        SeatsInUse: the map would lose seats that are held or sold.
        SeatOfAnotherType: another ticket type of the event sells a seat of this name.
    """
    rules.check_map(request)
    stored = _lock_map(conn, ticket_type_id)
    rows = rules.ranked_rows(stored, request)
    named = {row.id for row in rows}
    removed = [] if request.extend else [row.id for row in stored if row.id not in named]
    row_ids, positions, numbers, keys = zip(*rules.seat_positions(rows, request.rows), strict=True)
    _remove_seats(conn, [*removed, *named], keep_row_ids=row_ids, keep_keys=keys)
    db.run(conn, SQL.delete_rows, ids=removed)
    _save_rows(conn, ticket_type_id, rows)
    _save_seats(conn, event_id, row_ids, positions, numbers, keys)
    db.run(conn, SQL.update_longest_free, row_ids=[row.id for row in rows])
    size = db.exactly_one(conn, MapSize, SQL.get_size, ticket_type_id=ticket_type_id)
    rules.check_size(size.seats)
    return size


def _lock_map(conn: db.Connection, ticket_type_id: UUID) -> list[SeatRow]:
    return db.many(conn, SeatRow, SQL.lock_map, ticket_type_id=ticket_type_id)


def _save_rows(conn: db.Connection, ticket_type_id: UUID, rows: Sequence[SeatRow]) -> None:
    db.run(
        conn,
        SQL.save_rows,
        ticket_type_id=ticket_type_id,
        ids=[row.id for row in rows],
        ranks=[row.rank for row in rows],
        sections=[row.section for row in rows],
        names=[row.name for row in rows],
        keys=[row.key for row in rows],
    )


def _save_seats(
    conn: db.Connection,
    event_id: UUID,
    row_ids: Sequence[UUID],
    positions: Sequence[int],
    numbers: Sequence[str],
    keys: Sequence[str],
) -> None:
    """Insert seats, and move those that exist.

    Raises:
        SeatOfAnotherType: another ticket type of the event sells a seat of this name.
    """
    saved = db.run(
        conn,
        SQL.save_seats,
        event_id=event_id,
        ids=[new_id() for _ in row_ids],
        row_ids=list(row_ids),
        positions=list(positions),
        numbers=list(numbers),
        keys=list(keys),
    )
    if saved < len(row_ids):
        wanted = {"event_id": event_id, "row_ids": list(row_ids), "keys": list(keys)}
        others = db.many(conn, dict, SQL.list_seats_of_other_types, **wanted)
        raise SeatOfAnotherType(seats=[seat["label"] for seat in others])


def copy_maps(
    conn: db.Connection, source_ids: Sequence[UUID], ticket_type_ids: Sequence[UUID], event_ids: Sequence[UUID]
) -> None:
    """Give each new ticket type, of an event of its own, the seat map of another one. All of its seats are free.

    The caller has locked the other ticket types.
    """
    copies = {"source_ids": list(source_ids), "ids": list(ticket_type_ids)}
    db.run(conn, SQL.insert_copied_rows, **copies)
    db.run(conn, SQL.insert_copied_seats, **copies, event_ids=list(event_ids))


def remove(conn: db.Connection, ticket_type_id: UUID) -> None:
    """Remove the whole seat map of a ticket type. The caller has emptied its pool before.

    Raises:
        SeatsInUse: a seat is held or sold.
    """
    row_ids = [row.id for row in _lock_map(conn, ticket_type_id)]
    if row_ids:
        _remove_seats(conn, row_ids)
        db.run(conn, SQL.delete_rows, ids=row_ids)


def _remove_seats(
    conn: db.Connection,
    row_ids: Sequence[UUID],
    *,
    keep_row_ids: Sequence[UUID] = (),
    keep_keys: Sequence[str] = (),
) -> None:
    """Remove all seats of rows, except those to keep: the row and the key of each.

    Raises:
        SeatsInUse: a seat to remove is held or sold.
    """
    in_use = db.many(
        conn,
        dict,
        SQL.remove_seats,
        row_ids=list(row_ids),
        keep_row_ids=list(keep_row_ids),
        keep_keys=list(keep_keys),
    )
    if in_use:
        raise SeatsInUse(seats=[seat["label"] for seat in in_use])


def list_seats(conn: db.Connection, ticket_type_id: UUID, cursor: str | None) -> SeatPage:
    """Return a page of a seat map, in whole rows."""
    after = decode_number(cursor) or 0
    rows = db.many(conn, RowWithSeats, SQL.list_rows, ticket_type_id=ticket_type_id, after=after, rows=_PAGE_ROWS)
    page = rows[: rules.rows_that_fit([len(row.seat_ids) for row in rows], _PAGE_ROWS, _PAGE_SEATS)]
    next_cursor = encode(page[-1].rank) if len(page) < len(rows) else None
    return SeatPage(items=[SeatRowView.model_validate(row) for row in page], next_cursor=next_cursor)


def take(conn: db.Connection, owner_id: UUID, requests: Sequence[SeatRequest], *, wait: bool = True) -> None:
    """Give an owner the seats that it requests. The owner has drawn stock for them before.

    Args:
        wait: True to wait for rows of seats that other transactions have locked.

    Raises:
        SeatNotFound, SeatTaken: the owner cannot have a seat that it names.
        NoSeatsTogether: no row had so many free seats next to each other, at a moment during the call.
        Busy: others were faster every time, or have locked the remaining rows.
    """
    for request in sorted(requests, key=attrgetter("ticket_type_id")):
        if request.seat_ids:
            _take_named(conn, owner_id, request.ticket_type_id, request.seat_ids)
        else:
            _take_best(conn, owner_id, request, wait=wait)


def take_again(conn: db.Connection, order_id: UUID) -> None:
    """Give an order the seats that it had before.

    Raises:
        SeatNotFound, SeatTaken: somebody else has one of them, or it is gone.
    """
    for item in db.many(conn, dict, SQL.list_seats_of_order, order_id=order_id):
        _take_named(conn, order_id, item["ticket_type_id"], item["seat_ids"])


def sell(conn: db.Connection, owner_id: UUID) -> None:
    """Turn the seats that an owner holds into sold ones. The caller has locked the owner."""
    db.run(conn, SQL.set_sold, owner_id=owner_id)


def release(conn: db.Connection, owner_ids: Sequence[UUID]) -> None:
    """Take back all seats of these owners. The caller has locked the owners."""
    _free(conn, _ids(conn, SQL.list_seats_of_owners, owner_ids=list(owner_ids)))


def release_tickets(conn: db.Connection, ticket_ids: Sequence[UUID]) -> None:
    """Take back the seats of tickets. The caller has locked their order."""
    _free(conn, _ids(conn, SQL.list_seats_of_tickets, ticket_ids=list(ticket_ids)))


def hand_over(conn: db.Connection, from_id: UUID, to_id: UUID, quantity: int) -> None:
    """Give so many seats of one owner to another, the best first. The other seats of the first owner become free."""
    db.run(conn, SQL.hand_over, from_id=from_id, to_id=to_id, quantity=quantity)
    release(conn, [from_id])


def check_named(conn: db.Connection, requests: Sequence[SeatRequest]) -> None:
    """Check that all seats that are named exist and are free, without taking them.

    Raises:
        SeatNotFound, SeatTaken: one does not exist, or is not free.
    """
    for request in requests:
        if request.seat_ids:
            _check_exist(conn, request.ticket_type_id, request.seat_ids)
    named = [seat_id for request in requests for seat_id in request.seat_ids]
    _check_free(conn, named)


def _take_named(conn: db.Connection, owner_id: UUID, ticket_type_id: UUID, seat_ids: Sequence[UUID]) -> None:
    """Give an owner the seats that it names.

    Raises:
        SeatNotFound, SeatTaken: one does not exist, or is not free.
    """
    wanted = list(seat_ids)
    row_ids = _ids(conn, SQL.lock_rows_of_seats, seat_ids=wanted)
    _check_free(conn, wanted)
    taken = db.run(conn, SQL.take_named, owner_id=owner_id, ticket_type_id=ticket_type_id, seat_ids=wanted)
    if taken < len(wanted):
        raise SeatNotFound(ticket_type_id=ticket_type_id, seat_ids=_missing(conn, ticket_type_id, wanted))
    db.run(conn, SQL.update_longest_free, row_ids=row_ids)


def _take_best(conn: db.Connection, owner_id: UUID, request: SeatRequest, *, wait: bool) -> None:
    """Give an owner the best free seats: next to each other if any row has so many, scattered if it may be so.

    Raises:
        NoSeatsTogether: the seats must be together, and no row has so many.
        Busy: others were faster every time, or have locked the remaining rows.
    """
    if _take_together(conn, SQL.take_best_row, owner_id, request):
        return
    if wait and _wait_and_take_together(conn, owner_id, request):
        return
    if request.together:
        raise NoSeatsTogether(ticket_type_id=request.ticket_type_id, quantity=request.quantity)
    _take_scattered(conn, owner_id, request, wait=wait)


def _take_together(conn: db.Connection, lock: LiteralString, owner_id: UUID, request: SeatRequest) -> bool:
    """Give an owner seats next to each other. Return True if a row had them.

    Args:
        lock: the statement that locks the best row with so many seats together.
    """
    row_id = db.value(conn, lock, ticket_type_id=request.ticket_type_id, quantity=request.quantity)
    if row_id is None:
        return False
    db.run(conn, SQL.take_together, owner_id=owner_id, row_id=row_id, quantity=request.quantity)
    db.run(conn, SQL.update_longest_free, row_ids=[row_id])
    return True


def _wait_and_take_together(conn: db.Connection, owner_id: UUID, request: SeatRequest) -> bool:
    """Give an owner seats next to each other, and wait for locked rows. Return False once no row has so many.

    Raises:
        Busy: others were faster every time.
    """
    for _ in range(_MOST_ATTEMPTS):
        if not db.value(conn, SQL.has_seats_together, ticket_type_id=request.ticket_type_id, quantity=request.quantity):
            return False
        with conn.transaction():
            if _take_together(conn, SQL.lock_best_row, owner_id, request):
                return True
            raise psycopg.Rollback  # releases the locks of rows that were full once the wait was over
    raise Busy


def _take_scattered(conn: db.Connection, owner_id: UUID, request: SeatRequest, *, wait: bool) -> None:
    """Give an owner the best seats, wherever they are. The owner has drawn stock, so enough seats are free.

    Raises:
        Busy: others were faster every time, or have locked the remaining rows.
    """
    lock = SQL.lock_best_rows if wait else SQL.take_best_rows
    for _ in range(_MOST_ATTEMPTS if wait else 1):
        with conn.transaction():
            row_ids = _ids(conn, lock, ticket_type_id=request.ticket_type_id, quantity=request.quantity)
            taken = db.run(conn, SQL.take_scattered, owner_id=owner_id, row_ids=row_ids, quantity=request.quantity)
            if taken == request.quantity:
                db.run(conn, SQL.update_longest_free, row_ids=row_ids)
                return
            raise psycopg.Rollback
    raise Busy


def _free(conn: db.Connection, seat_ids: Sequence[UUID]) -> None:
    if not seat_ids:
        return
    row_ids = _ids(conn, SQL.lock_rows_of_seats, seat_ids=list(seat_ids))
    db.run(conn, SQL.free_seats, seat_ids=list(seat_ids))
    db.run(conn, SQL.update_longest_free, row_ids=row_ids)


def _check_exist(conn: db.Connection, ticket_type_id: UUID, seat_ids: Sequence[UUID]) -> None:
    if missing := _missing(conn, ticket_type_id, seat_ids):
        raise SeatNotFound(ticket_type_id=ticket_type_id, seat_ids=missing)


def _missing(conn: db.Connection, ticket_type_id: UUID, seat_ids: Sequence[UUID]) -> list[UUID]:
    """Return those of some seats that the ticket type does not sell."""
    return sorted(_ids(conn, SQL.list_missing, ticket_type_id=ticket_type_id, seat_ids=list(seat_ids)))


def _check_free(conn: db.Connection, seat_ids: Sequence[UUID]) -> None:
    if taken := _ids(conn, SQL.list_taken, seat_ids=list(seat_ids)):
        raise SeatTaken(seat_ids=sorted(taken))


def _ids(conn: db.Connection, query: LiteralString, **params: Any) -> list[UUID]:
    return db.values(conn, query, **params)
