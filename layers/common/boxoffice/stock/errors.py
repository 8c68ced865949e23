"""What can be wrong with stock."""

from boxoffice.errors import DomainError


class SoldOut(DomainError):
    code = "sold_out"
    detail = "There are not as many tickets left as you ask for."


class QuantityTooLow(DomainError):
    code = "quantity_too_low"
    detail = "The quantity cannot be less than what is sold and held."
