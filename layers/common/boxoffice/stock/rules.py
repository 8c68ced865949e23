"""How many rows a pool has, how a pool grows and shrinks, and how its stock is shared out."""

from collections import deque
from collections.abc import Sequence
from uuid import UUID

from boxoffice.stock.models import AvailableRow, Move, StockRow, TakenDraw

MOST_ROWS = 256
_TICKETS_A_ROW = 10  # enough that most orders fit into one row


def rows_for(quantity: int) -> int:
    """Return how many rows a pool of this quantity has.

    With more rows, more buyers pass at once. With fewer rows, the quantity lies in larger pieces.
    """
    return min(MOST_ROWS, max(1, quantity // _TICKETS_A_ROW))


def spread(quantity: int, rows: int) -> list[int]:
    """Split a quantity over rows as evenly as possible."""
    share, rest = divmod(quantity, rows)
    return [share + 1] * rest + [share] * (rows - rest)


def start_row(backend_pid: int, rows: int) -> int:
    """Return the row that a connection tries first.

    Server processes start at different rows, as far as there are enough, so that connections rarely meet. With random
    rows, 64 connections would meet on 256 rows all the time (decision 1).
    """
    return backend_pid % rows


def grow(rows: list[StockRow], by: int) -> dict[int, int]:
    """Return what is available in each row after a pool has grown. It may have more rows then."""
    quantity = sum(row.available + row.held + row.sold for row in rows) + by
    available = {row.row_no: row.available for row in rows}
    count = max(len(rows), rows_for(quantity))
    return {row_no: available.get(row_no, 0) + added for row_no, added in enumerate(spread(by, count))}


def shrink(rows: list[StockRow], by: int) -> dict[int, int] | None:
    """Return what is available in each row after a pool has shrunk. Return None if too little is available."""
    if sum(row.available for row in rows) < by:
        return None
    result = {}
    for row in rows:
        removed = min(row.available, by)
        by -= removed
        result[row.row_no] = row.available - removed
    return result


def share_out(
    rows: Sequence[AvailableRow], pool_ids: Sequence[UUID], quantities: Sequence[int]
) -> tuple[list[list[TakenDraw]], list[Move]]:
    """Share available stock out to quantities, from the first on, until one does not fit into every pool.

    Returns:
        The draws of each quantity that fits, one of each pool. A draw names the first row that its quantity comes from.
        And what moves in each row, so that the row of a draw holds all of it.
    """
    moves = {(row.pool_id, row.row_no): Move(row.pool_id, row.row_no) for row in rows}
    left = {
        pool_id: deque([row.row_no, row.available] for row in rows if row.pool_id == pool_id) for pool_id in pool_ids
    }
    available = min((sum(count for _, count in pool) for pool in left.values()), default=0)
    shared: list[list[TakenDraw]] = []
    for quantity in quantities:
        if quantity > available:
            break
        available -= quantity
        shared.append([_draw(pool_id, left[pool_id], quantity, moves) for pool_id in pool_ids])
    return shared, [move for move in moves.values() if move.taken or move.held]


def _draw(pool_id: UUID, left: deque[list[int]], quantity: int, moves: dict[tuple[UUID, int], Move]) -> TakenDraw:
    """Draw a quantity from the first rows that have anything left. Note what moves."""
    draw = TakenDraw(pool_id, left[0][0], quantity)
    moves[pool_id, draw.row_no].held += quantity
    while quantity:
        row_no, count = left[0]
        taken = min(count, quantity)
        moves[pool_id, row_no].taken += taken
        left[0][1] -= taken
        quantity -= taken
        if taken == count:
            left.popleft()
    return draw
