"""How many rows a pool has, and how a pool grows and shrinks."""

from boxoffice.stock.models import StockRow

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
