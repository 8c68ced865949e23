"""Seats as requested, as stored and as shown."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from pydantic import Field

from boxoffice.models import Id, Page, Request, ShortText, View

MOST_SEATS = 100_000  # of a ticket type
MOST_IN_A_ROW = 200  # places, gaps included

Number = Annotated[ShortText, Field(max_length=8, examples=["12"])]


class SeatRowRequest(Request):
    section: Annotated[ShortText, Field(max_length=50, examples=["Stalls"])]
    row: Annotated[ShortText, Field(max_length=20, examples=["C"])]
    numbers: Annotated[
        list[Number | None],
        Field(
            min_length=1,
            max_length=MOST_IN_A_ROW,
            description="The seats from left to right; null for a gap, across which seats are not next to each other",
        ),
    ]


class SeatMapRequest(Request):
    rows: Annotated[list[SeatRowRequest], Field(min_length=1, max_length=10_000, description="The best row first")]
    extend: Annotated[
        bool,
        Field(strict=True, description="Whether rows that are not named stay as they are; else they are taken away"),
    ] = False


class SeatMapView(View):
    ticket_type_id: Id
    rows: int
    seats: int
    version: int = Field(description="The ticket type's")


class SeatRowView(View):
    """A row of seats, as lists of the same length."""

    section: str
    row: str
    seat_ids: list[Id]
    numbers: list[str]
    positions: list[int] = Field(description="Seats stand next to each other if their positions do")
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
    """Seats wanted of a ticket type: those that are named, or else the best."""

    ticket_type_id: UUID
    quantity: int
    seat_ids: tuple[UUID, ...]
    together: bool


@dataclass(frozen=True)
class SeatRow:
    """A row of the map, as stored."""

    id: UUID
    rank: int
    section: str
    name: str


@dataclass(frozen=True)
class ListedRow:
    """A row of the map with its seats."""

    rank: int
    section: str
    row: str
    seat_ids: list[UUID]
    numbers: list[str]
    positions: list[int]
    states: str


@dataclass(frozen=True)
class MapSize:
    rows: int
    seats: int
