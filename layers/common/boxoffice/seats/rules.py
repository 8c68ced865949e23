"""How a requested seat map is checked, and how it is merged with the stored one."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, count
from uuid import UUID

from boxoffice.errors import Invalid
from boxoffice.ids import new_id
from boxoffice.names import key_of
from boxoffice.seats.models import MOST_SEATS, SeatMapRequest, SeatRow, SeatRowRequest


def check_map(request: SeatMapRequest) -> None:
    """Check that a request names each row once, and each seat once in its row.

    Raises:
        Invalid: it names one twice, or a row has no seats.
    """
    keys = [_key_of(row.section, row.row) for row in request.rows]
    if len(set(keys)) < len(keys):
        raise Invalid.at("body", "rows", because="must name each row once")
    for row in request.rows:
        numbers = [key_of(number) for number in row.numbers if number is not None]
        if not numbers or len(set(numbers)) < len(numbers):
            raise Invalid.at(
                "body",
                "rows",
                because=f"must have each seat once: row {row.row} of {row.section} has one twice, or none",
            )


def check_size(seats: int) -> None:
    """Check that a ticket type may have so many seats.

    Raises:
        Invalid: they are too many.
    """
    if seats > MOST_SEATS:
        raise Invalid.at("body", "rows", because=f"must have at most {MOST_SEATS} seats in all")


def ranked_rows(stored: Sequence[SeatRow], request: SeatMapRequest) -> list[SeatRow]:
    """Return the rows that a request names, with the ids and ranks to store. Rows that exist keep their id.

    If the request replaces the map, the rows get ranks in the order of the request. If it extends the map, rows that
    exist keep their rank too, and new rows follow.
    """
    stored_by_key = {row.key: row for row in stored}
    first_rank = max((row.rank for row in stored), default=0) + 1 if request.extend else 1
    next_ranks = count(first_rank)
    rows = []
    for row in request.rows:
        key = _key_of(row.section, row.row)
        existing = stored_by_key.get(key)
        rank = existing.rank if existing and request.extend else next(next_ranks)
        rows.append(SeatRow(existing.id if existing else new_id(), rank, row.section, row.row, key))
    return rows


def seat_positions(rows: Sequence[SeatRow], requested: Sequence[SeatRowRequest]) -> list[tuple[UUID, int, str, str]]:
    """Return the row's id, the position, the number and the key of each seat. A gap takes a position too."""
    return [
        (row.id, position, number, row.key + _key_of(number))
        for row, request in zip(rows, requested, strict=True)
        for position, number in enumerate(request.numbers, 1)
        if number is not None
    ]


def _key_of(*names: str) -> str:
    """Return what all ways to write the names of a row or a seat have in common. No name has what separates them."""
    return "".join(f"{key_of(name)}\n" for name in names)


def rows_that_fit(lengths: Sequence[int], most_rows: int, most_seats: int) -> int:
    """Return how many rows of these lengths fit on a page. The first row always does.

    Args:
        lengths: how many seats each row has.
    """
    totals = list(accumulate(lengths[:most_rows]))
    return max(bisect_right(totals, most_seats), min(1, len(lengths)))
