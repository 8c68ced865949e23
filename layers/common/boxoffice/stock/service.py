"""Make pools, resize them, and find stock that no single row has."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from uuid import UUID

from boxoffice import db, sql
from boxoffice.errors import Busy
from boxoffice.ids import new_id
from boxoffice.stock import rules
from boxoffice.stock.errors import PoolsShort, QuantityTooLow
from boxoffice.stock.models import Consolidated, Draw, StockRow, Taken

SQL = sql.queries("stock")

_MOST_PLANS = 50


def create_pool(conn: db.Connection, quantity: int) -> UUID:
    """Make a pool with this quantity, all of it available."""
    pool_id = new_id()
    rows = rules.rows_for(quantity)
    db.run(conn, SQL.insert_pool, pool_id=pool_id, quantity=quantity, rows=rows)
    db.run(conn, SQL.insert_rows, pool_id=pool_id, available=rules.spread(quantity, rows))
    return pool_id


def resize_pool(conn: db.Connection, pool_id: UUID, quantity: int) -> None:
    """Set a pool's quantity. Its owner (a ticket type, say) is locked already, so that two edits follow each other.

    Raises:
        QuantityTooLow: more than that is sold or held.
    """
    rows = db.many(conn, StockRow, SQL.lock_rows, pool_id=pool_id)
    more = quantity - sum(row.available + row.held + row.sold for row in rows)
    available = rules.grown(rows, more) if more > 0 else rules.shrunk(rows, -more)
    if available is None:
        raise QuantityTooLow(taken=sum(row.held + row.sold for row in rows))
    db.run(conn, SQL.set_available, pool_id=pool_id, row_nos=list(available), available=list(available.values()))
    db.run(conn, SQL.resize_pool, pool_id=pool_id, quantity=quantity, rows=len(available))


def empty_pool(conn: db.Connection, pool_id: UUID) -> None:
    """Take away what is available of a pool. Its owner is locked already."""
    rows = db.many(conn, StockRow, SQL.lock_rows, pool_id=pool_id)
    quantity = sum(row.held + row.sold for row in rows)
    db.run(conn, SQL.set_available, pool_id=pool_id, row_nos=[row.row_no for row in rows], available=[0 for _ in rows])
    db.run(conn, SQL.resize_pool, pool_id=pool_id, quantity=quantity, rows=len(rows))


def lock_pool(conn: db.Connection, pool_id: UUID) -> None:
    """Hold all of a pool, so that nothing is taken or given back until the transaction ends."""
    db.many(conn, StockRow, SQL.lock_rows, pool_id=pool_id)


def plans(conn: db.Connection, draws: Sequence[Draw]) -> Iterator[Sequence[Draw]]:
    """Yield the draws to try, one plan after another, while there is enough. Leave the loop when one succeeds.

    The first plan is the hot path: any row that has enough and that nobody has locked. The other plans consolidate rows
    in order, waiting for locks: first from the home row on, then from row 0. Before each of them a snapshot shows what
    is available, so "sold out" is only said of a moment at which it was true. If a plan fails although there was
    enough, somebody else bought some of it.

    Raises:
        PoolsShort: one of the pools has less than is wanted.
        Busy: others were faster every time.
    """
    yield draws
    for number in range(_MOST_PLANS):
        if short := list_short(conn, draws):
            raise PoolsShort(short)
        yield draws if number == 0 else [replace(draw, start=0) for draw in draws]
    raise Busy


def list_short(conn: db.Connection, draws: Sequence[Draw]) -> list[UUID]:
    """Return the pools that have less than is drawn from them, in one snapshot."""
    pool_ids, quantities = [draw.pool_id for draw in draws], [draw.quantity for draw in draws]
    return [row["pool_id"] for row in db.many(conn, dict, SQL.list_short, pool_ids=pool_ids, quantities=quantities)]


def take(conn: db.Connection, draws: Sequence[Draw]) -> str | None:
    """Hold what is drawn, of rows that nobody else has locked, or nothing.

    Returns:
        What was taken, for its owner to keep and for the functions below; None where a pool has no such row.
    """
    found: str | None = db.value(
        conn,
        SQL.take,
        pool_ids=[draw.pool_id for draw in draws],
        quantities=[draw.quantity for draw in draws],
        starts=[draw.start for draw in draws],
    )
    return found


def sell(conn: db.Connection, held: str) -> None:
    """Turn what is held into what is sold.

    Args:
        held: draws as PostgreSQL writes them, from an owner that the transaction has locked. So it is below.
    """
    db.run(conn, SQL.lock_and_sell, draws=held)


def release(conn: db.Connection, held: str) -> list[Taken]:
    """Make available again what is held. Return the rows, which stay locked."""
    return db.many(conn, Taken, SQL.lock_and_release, draws=held)


def give_back(conn: db.Connection, sold: str) -> None:
    """Make available again what was sold."""
    db.run(conn, SQL.lock_and_give_back, draws=sold)


def consolidate(conn: db.Connection, draws: Sequence[Draw]) -> list[Draw] | None:
    """Move what is drawn into one row of each pool. The rows stay locked: take the quantities from there.

    Roll the transaction back on None, so that stock does not move for nothing.

    Returns:
        The draws that start at the rows which have the quantities now; None if there is not enough.
    """
    found = db.many(
        conn,
        Consolidated,
        SQL.lock_and_consolidate,
        pool_ids=[draw.pool_id for draw in draws],
        quantities=[draw.quantity for draw in draws],
        starts=[draw.start for draw in draws],
    )
    rows = {row.pool_id: row for row in found if row.available > 0}
    enough = all(draw.pool_id in rows and rows[draw.pool_id].available >= draw.quantity for draw in draws)
    return [replace(draw, start=rows[draw.pool_id].row_no) for draw in draws] if enough else None
