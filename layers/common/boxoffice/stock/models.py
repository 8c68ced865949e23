"""Rows of stock and what is drawn from them."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Draw:
    """A quantity wanted from a pool; the search for a row that has it starts at ``home``."""

    pool_id: UUID
    quantity: int
    home: int


@dataclass(frozen=True)
class StockRow:
    row_no: int
    available: int
    held: int
    sold: int


@dataclass(frozen=True)
class Gathered:
    """The row of a pool that availability was brought together in, and how much it is now."""

    pool_id: UUID
    row_no: int
    available: int
