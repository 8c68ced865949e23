"""Make pools, resize them, and move their stock between available, held and sold.

A draw that was taken is kept by its owner: an order, or an entry of the waitlist. The owner keeps its draws as text, as
PostgreSQL writes an array of them. A caller that moves their stock has locked the owner before.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg

from boxoffice import db, sql
from boxoffice.errors import Busy
from boxoffice.ids import new_id
from boxoffice.stock import rules
from boxoffice.stock.errors import InsufficientStock, QuantityTooLow
from boxoffice.stock.models import AvailableRow, Draw, StockRow, TakenDraw

SQL = sql.queries("stock")

_MOST_PLANS = 50


def create_pool(conn: db.Connection, quantity: int) -> UUID:
    """Make a pool with this quantity, all of it available. Return its id."""
    return create_pools(conn, [quantity])[0]


def create_pools(conn: db.Connection, quantities: Sequence[int]) -> list[UUID]:
    """Make a pool with each of these quantities, all of it available. Return their ids."""
    ids = [new_id() for _ in quantities]
    rows = [rules.rows_for(quantity) for quantity in quantities]
    db.run(conn, SQL.insert_pools, pool_ids=ids, quantities=list(quantities), rows=rows)
    db.run(conn, SQL.insert_rows, pool_ids=ids)
    return ids


def resize_pool(conn: db.Connection, pool_id: UUID, quantity: int) -> None:
    """Set a pool's quantity.

    The caller has locked what the pool belongs to, such as a ticket type, so that two edits follow each other.

    Raises:
        QuantityTooLow: more than the quantity is sold or held.
    """
    rows = lock_pool(conn, pool_id)
    more = quantity - sum(row.available + row.held + row.sold for row in rows)
    available = rules.grow(rows, more) if more > 0 else rules.shrink(rows, -more)
    if available is None:
        raise QuantityTooLow(taken=sum(row.held + row.sold for row in rows))
    _set_pool(conn, pool_id, quantity, available)


def empty_pool(conn: db.Connection, pool_id: UUID) -> None:
    """Remove what is available of a pool. The caller has locked what the pool belongs to."""
    rows = lock_pool(conn, pool_id)
    quantity = sum(row.held + row.sold for row in rows)
    _set_pool(conn, pool_id, quantity, {row.row_no: 0 for row in rows})


def lock_pool(conn: db.Connection, pool_id: UUID) -> list[StockRow]:
    """Lock all rows of a pool and return them. Nobody takes or gives back any of it until the transaction ends."""
    return db.many(conn, StockRow, SQL.lock_rows, pool_id=pool_id)


def _set_pool(conn: db.Connection, pool_id: UUID, quantity: int, available: dict[int, int]) -> None:
    """Set a pool's quantity, and what is available in each of its rows."""
    db.run(conn, SQL.set_available, pool_id=pool_id, row_nos=list(available), available=list(available.values()))
    db.run(conn, SQL.resize_pool, pool_id=pool_id, quantity=quantity, rows=len(available))


def plans(conn: db.Connection, draws: Sequence[Draw]) -> Iterator[Sequence[Draw]]:
    """Yield the draws to try, one plan after another, while enough is available. Leave the loop when one succeeds.

    The first plan takes any row that has enough and that nobody has locked. The other plans consolidate rows, and wait
    for locks: the second plan from the start row on, the rest from row 0. Before each of them, a snapshot shows what is
    available, so "sold out" was true at a moment of the call. If a plan fails after that, another buyer was faster.

    Raises:
        InsufficientStock: a pool has less available than is wanted.
        Busy: other buyers were faster every time.
    """
    yield draws
    for number in range(_MOST_PLANS):
        if left := list_short_pools(conn, draws):
            raise InsufficientStock(left)
        yield draws if number == 0 else [replace(draw, start=0) for draw in draws]
    raise Busy


def list_short_pools(conn: db.Connection, draws: Sequence[Draw]) -> dict[UUID, int]:
    """Return how much is available of each pool that has less than is wanted of it, as of one snapshot."""
    pool_ids, quantities = [draw.pool_id for draw in draws], [draw.quantity for draw in draws]
    rows = db.many(conn, dict, SQL.list_short_pools, pool_ids=pool_ids, quantities=quantities)
    return {row["pool_id"]: row["available"] for row in rows}


def take(conn: db.Connection, draws: Sequence[Draw]) -> str | None:
    """Hold all that is wanted, from rows that nobody else has locked, or hold nothing.

    Returns:
        The draws that were taken, for their owner to keep; None if a pool has no such row.
    """
    held: str | None = db.value(conn, SQL.take, **_columns_of(draws))
    return held


def sell(conn: db.Connection, held: str) -> None:
    """Turn the held stock of these draws into sold stock."""
    _move(conn, held, held=-1, sold=1)


def release(conn: db.Connection, held: str) -> list[TakenDraw]:
    """Make the held stock of these draws available again. Return the draws; their rows stay locked."""
    return _move(conn, held, held=-1, available=1)


def give_back(conn: db.Connection, sold: str) -> None:
    """Make the sold stock of these draws available again."""
    _move(conn, sold, sold=-1, available=1)


def _move(conn: db.Connection, draws: str, *, available: int = 0, held: int = 0, sold: int = 0) -> list[TakenDraw]:
    """Move the quantity of each draw between the counts of its row: 1 adds it to a count, -1 subtracts it."""
    return db.many(conn, TakenDraw, SQL.lock_and_move, draws=draws, available=available, held=held, sold=sold)


def consolidate(conn: db.Connection, draws: Sequence[Draw]) -> list[Draw] | None:
    """Move what is wanted of each pool into one row. The rows stay locked, so that the caller can take it from there.

    On None, the caller rolls back the transaction, so that no stock moves for nothing.

    Returns:
        The draws, each with the row that has its quantity as its start; None if too little is available.
    """
    consolidated = db.many(conn, AvailableRow, SQL.lock_and_consolidate, **_columns_of(draws))
    rows = {row.pool_id: row for row in consolidated}
    if any(draw.pool_id not in rows or rows[draw.pool_id].available < draw.quantity for draw in draws):
        return None
    return [replace(draw, start=rows[draw.pool_id].row_no) for draw in draws]


def hold_each(
    conn: db.Connection, pool_ids: Sequence[UUID], quantities: Sequence[int], *, wait: bool
) -> list[list[TakenDraw]]:
    """Hold quantities of several owners, from the first on, for as many as there is enough for in each pool.

    A quantity lies in one row of each pool then, wherever it was available before.

    Args:
        pool_ids: in the order of locks.
        wait: True to wait for rows that others have locked. A transaction that holds stock already never waits.

    Returns:
        The draws of each quantity that is held, for its owner to keep.
    """
    lock = SQL.lock_available if wait else SQL.take_available
    with conn.transaction():
        rows = db.many(conn, AvailableRow, lock, pool_ids=list(pool_ids), quantity=sum(quantities))
        held, moves = rules.share_out(rows, pool_ids, quantities)
        if not held:
            raise psycopg.Rollback  # releases the locks, before the caller waits for others
        db.run(
            conn,
            SQL.hold_moved,
            pool_ids=[move.pool_id for move in moves],
            row_nos=[move.row_no for move in moves],
            taken=[move.taken for move in moves],
            held=[move.held for move in moves],
        )
        return held
    return []


def _columns_of(draws: Sequence[Draw]) -> dict[str, list[Any]]:
    return {
        "pool_ids": [draw.pool_id for draw in draws],
        "quantities": [draw.quantity for draw in draws],
        "starts": [draw.start for draw in draws],
    }
