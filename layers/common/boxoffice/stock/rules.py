"""How a pool is laid out in rows, and how it grows and shrinks."""

from boxoffice.stock.models import StockRow

MOST_ROWS = 256
_TICKETS_A_ROW = 10  # enough that most orders fit into one row


def rows_for(quantity: int) -> int:
    """How many rows a quantity deserves: more let more buyers pass at once, fewer break it into smaller pieces."""
    return min(MOST_ROWS, max(1, quantity // _TICKETS_A_ROW))


def spread(quantity: int, rows: int) -> list[int]:
    """Split a quantity over rows as evenly as it goes."""
    share, rest = divmod(quantity, rows)
    return [share + (row < rest) for row in range(rows)]


def home_row(backend_pid: int, rows: int) -> int:
    """The row that a connection tries first.

    Each server process has a row of its own as far as the rows go, so that connections rarely meet: chosen at random,
    64 of them would meet on 256 rows all the time (decision 1).
    """
    return backend_pid % rows


def grown(rows: list[StockRow], by: int) -> dict[int, int]:
    """The availability of each row after a pool has grown, new rows included."""
    quantity = sum(row.available + row.held + row.sold for row in rows) + by
    available = {row.row_no: row.available for row in rows}
    count = max(len(rows), rows_for(quantity))
    return {number: available.get(number, 0) + more for number, more in enumerate(spread(by, count))}


def shrunk(rows: list[StockRow], by: int) -> dict[int, int] | None:
    """The availability of each row after a pool has shrunk; None if less than that is available."""
    if sum(row.available for row in rows) < by:
        return None
    result = {}
    for row in rows:
        taken = min(row.available, by)
        by -= taken
        result[row.row_no] = row.available - taken
    return result
