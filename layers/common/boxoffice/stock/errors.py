"""Why stock cannot be taken, or not be changed."""

from collections.abc import Collection
from uuid import UUID

from boxoffice.errors import DomainError


class InsufficientStock(Exception):
    """Some pools have less available than a caller wants. The caller knows what the pools stand for, and says so."""

    def __init__(self, pool_ids: Collection[UUID]) -> None:
        self.pool_ids = frozenset(pool_ids)
        super().__init__(pool_ids)


class SoldOut(DomainError):
    code = "sold_out"
    meaning = "Fewer tickets are left than you ask for."
    remedy = "Ask for fewer of those in `ticket_type_ids`, or join their waitlist."
    ticket_type_ids: list[UUID]


class QuantityNotAllowed(DomainError):
    status = 422
    code = "quantity_not_allowed"
    meaning = "An order takes {min_per_order} to {max_per_order} of this ticket type."
    remedy = "Change the quantity."
    ticket_type_id: UUID
    min_per_order: int
    max_per_order: int


class QuantityTooLow(DomainError):
    code = "quantity_too_low"
    meaning = "{taken} are sold, held or redeemed already."
    remedy = "Set a quantity of {taken} at least."
    taken: int
