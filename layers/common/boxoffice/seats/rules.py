"""How a map of seats is read and merged with the one before."""

from bisect import bisect_right
from collections.abc import Sequence
from hashlib import sha256
from itertools import accumulate, chain, count
from uuid import UUID

from boxoffice.errors import Invalid
from boxoffice.ids import new_id
from boxoffice.seats.models import MOST_SEATS, SeatMapRequest, SeatPage, SeatRow, SeatRowRequest


def check_map(request: SeatMapRequest) -> None:
    """Whether each row is named once, and each seat once in its row.

    Raises:
        Invalid: it is not so.
    """
    names = [(row.section, row.row) for row in request.rows]
    if len(set(names)) < len(names):
        raise Invalid.at("body", "rows", because="A row is named more than once.")
    for row in request.rows:
        numbers = [number for number in row.numbers if number is not None]
        if not numbers or len(set(numbers)) < len(numbers):
            raise Invalid.at("body", "rows", because=f"Row {row.row} of {row.section} has a seat twice, or none.")


def check_size(seats: int) -> None:
    """Whether a ticket type can have so many seats.

    Raises:
        Invalid: it cannot.
    """
    if seats > MOST_SEATS:
        raise Invalid.at("body", "rows", because=f"A ticket type has {MOST_SEATS} seats at the most.")


def ranked(before: Sequence[SeatRow], request: SeatMapRequest) -> list[SeatRow]:
    """The rows that a request names, as they shall be stored: those that exist keep their id.

    A map that is replaced is in the request's order. One that is extended keeps its own; new rows follow.
    """
    known = {(row.section, row.name): row for row in before}
    following = count(max((row.rank for row in before), default=0) + 1 if request.extend else 1)
    rows = []
    for row in request.rows:
        same = known.get((row.section, row.row))
        rank = same.rank if same and request.extend else next(following)
        rows.append(SeatRow(same.id if same else new_id(), rank, row.section, row.row))
    return rows


def places_of(rows: Sequence[SeatRow], requested: Sequence[SeatRowRequest]) -> list[tuple[UUID, int, str]]:
    """Row, position and number of each seat. Gaps take a position too."""
    return list(
        chain.from_iterable(
            ((row.id, position, number) for position, number in enumerate(request.numbers, 1) if number is not None)
            for row, request in zip(rows, requested, strict=True)
        )
    )


def tag_of(version: int, page: SeatPage) -> str:
    """The ETag of a page: the map changes with the ticket type's version, and else only who has the seats."""
    states = " ".join(row.states for row in page.items)
    return f'"{version}-{sha256(states.encode()).hexdigest()[:24]}"'


def fitting(lengths: Sequence[int], rows: int, seats: int) -> int:
    """How many of these rows a page of so many rows and seats takes: one at least, if there is any."""
    totals = list(accumulate(lengths[:rows]))
    return max(bisect_right(totals, seats), min(1, len(lengths)))
