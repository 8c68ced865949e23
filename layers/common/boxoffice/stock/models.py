"""Rows of stock, and what is drawn from them."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Draw:
    """A quantity that is wanted from a pool.

    Attributes:
        start: the number of the row of stock at which the search for the quantity begins.
    """

    pool_id: UUID
    quantity: int
    start: int


@dataclass(frozen=True)
class TakenDraw:
    """A quantity that was taken from a pool, and the row of stock that carries it: SQL's type ``draw``."""

    pool_id: UUID
    row_no: int
    quantity: int


@dataclass(frozen=True)
class StockRow:
    """A row of stock: how much of a pool lies in it, by state."""

    row_no: int
    available: int
    held: int
    sold: int


@dataclass(frozen=True)
class AvailableRow:
    """A row of stock that the transaction has locked, and how much is available in it."""

    pool_id: UUID
    row_no: int
    available: int


@dataclass
class Move:
    """What leaves the available stock of a row, and what the row holds in addition."""

    pool_id: UUID
    row_no: int
    taken: int = 0
    held: int = 0
