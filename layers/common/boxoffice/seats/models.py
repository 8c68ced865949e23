"""Seats as requested, as stored and as shown."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from pydantic import Field

from boxoffice.models import Id, Page, Request, ShortText, View

MOST_SEATS = 100_000  # of a ticket type
MOST_IN_A_ROW = 200  # positions, gaps included

Number = Annotated[ShortText, Field(max_length=8, examples=["12"])]


class SeatRowRequest(Request):
    section: Annotated[ShortText, Field(max_length=50, examples=["Stalls"])]
    row: Annotated[ShortText, Field(max_length=20, examples=["C"])]
    numbers: Annotated[
        list[Number | None],
        Field(
            min_length=1,
            max_length=MOST_IN_A_ROW,
            description="The seats from left to right; null for a gap. Seats beside a gap are not next to each other",
        ),
    ]


class SeatMapRequest(Request):
    rows: Annotated[list[SeatRowRequest], Field(min_length=1, max_length=10_000, description="The best row first")]
    extend: Annotated[
        bool,
        Field(strict=True, description="True if rows that are not named stay as they are; else they are removed"),
    ] = False


class SeatMapView(View):
    ticket_type_id: Id
    rows: int
    seats: int
    version: int = Field(description="The version of the ticket type")


class SeatRowView(View):
    """A row of seats, as lists of the same length, from left to right."""

    section: str
    row: str
    seat_ids: list[Id]
    numbers: list[str]
    positions: list[int] = Field(description="Two seats are next to each other if their positions differ by one")
    states: str = Field(
        description="A letter for each seat: `f` for free, `h` for held, `s` for sold", examples=["ffhs"]
    )


class SeatPage(Page[SeatRowView]):
    """A page of rows, the best first: up to 2,000 rows of up to 50,000 seats."""


class SeatView(View):
    id: Id
    label: str = Field(examples=["Stalls · Row C · 12"])


@dataclass(frozen=True)
class SeatRequest:
    """Seats that an owner wants of a ticket type.

    Attributes:
        seat_ids: the seats that are named, as many as the quantity; the best free seats if none is named.
        together: True if the best seats must be next to each other.
    """

    ticket_type_id: UUID
    quantity: int
    seat_ids: tuple[UUID, ...]
    together: bool


@dataclass(frozen=True)
class SeatRow:
    """A row of a seat map, as stored. The best row has the lowest rank.

    Attributes:
        key: what all ways to write its section and its name have in common.
    """

    id: UUID
    rank: int
    section: str
    name: str
    key: str


@dataclass(frozen=True)
class RowWithSeats:
    """A row of a seat map with its seats, as lists of the same length."""

    rank: int
    section: str
    row: str
    seat_ids: list[UUID]
    numbers: list[str]
    positions: list[int]
    states: str


@dataclass(frozen=True)
class MapSize:
    """How many rows and seats a seat map has."""

    rows: int
    seats: int
