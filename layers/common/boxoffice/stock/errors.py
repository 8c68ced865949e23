"""Why stock cannot be taken, or not be changed."""

from collections.abc import Mapping, Sequence
from typing import TypedDict
from uuid import UUID

from boxoffice.errors import DomainError


class InsufficientStock(Exception):
    """Some pools have less available than a caller wants. The caller knows what the pools stand for, and says so."""

    def __init__(self, left: Mapping[UUID, int]) -> None:
        """Take how much is left of each of these pools."""
        self.left = left
        super().__init__(left)


class TicketTypeLeft(TypedDict):
    """A ticket type, and how many tickets of it were left at a moment of the request."""

    id: UUID
    name: str
    available: int


class SoldOut(DomainError):
    code = "sold_out"
    meaning = "Fewer tickets are left than you ask for."
    remedy = "Ask for fewer of those in `ticket_types`, or join their waitlist."
    ticket_types: Sequence[TicketTypeLeft]
    detail: str


class QuantityNotAllowed(DomainError):
    status = 422
    code = "quantity_not_allowed"
    meaning = "An order takes {min_per_order} to {max_per_order} of {ticket_type_name}, not {quantity}."
    remedy = "Change the quantity."
    ticket_type_id: UUID
    ticket_type_name: str
    quantity: int
    min_per_order: int
    max_per_order: int


class QuantityTooLow(DomainError):
    code = "quantity_too_low"
    meaning = "{taken} are sold, held or redeemed already."
    remedy = "Set a quantity of {taken} at least."
    taken: int
