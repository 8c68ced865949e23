"""Rows of stock and what is drawn from them."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Draw:
    """A quantity wanted from a pool; the search for a row that has it begins at the row ``start``."""

    pool_id: UUID
    quantity: int
    start: int


@dataclass(frozen=True)
class Taken:
    """A quantity of a pool, and the row that has it."""

    pool_id: UUID
    row_no: int
    quantity: int


@dataclass(frozen=True)
class StockRow:
    row_no: int
    available: int
    held: int
    sold: int


@dataclass(frozen=True)
class Consolidated:
    """The row into which what is available of a pool was moved, and how much that row has now."""

    pool_id: UUID
    row_no: int
    available: int
