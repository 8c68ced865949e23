"""What can be wrong with stock."""

from collections.abc import Collection
from uuid import UUID

from boxoffice.errors import DomainError


class SoldOut(DomainError):
    """Pools with too little left; which, is for whoever knows what they stand for."""

    code = "sold_out"
    detail = "There are not as many tickets left as you ask for."

    def __init__(self, pool_ids: Collection[UUID] = ()) -> None:
        self.pool_ids = frozenset(pool_ids)
        super().__init__()


class QuantityTooLow(DomainError):
    code = "quantity_too_low"
    detail = "The quantity cannot be less than what is sold and held."
