"""What purchases need of vouchers: the code, as buyers type it, and the voucher. They do without the models."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from boxoffice.models import pattern

FREE_TICKETS = 1  # that a free voucher gives in an order, if its manager sets no other limit

type DiscountKind = Literal["percent", "fixed", "free"]

_CODE = pattern(r"^[A-Za-z0-9_-]{3,40}$", "must be 3 to 40 letters from A to Z, digits, hyphens or underscores")
Code = Annotated[
    str,
    StringConstraints(strip_whitespace=True, to_upper=True, pattern=_CODE),
    Field(description="Capital and small letters are the same", examples=["EARLYBIRD"]),
]


@dataclass(frozen=True)
class Voucher:
    """What a purchase needs to know of a voucher."""

    id: UUID
    event_id: UUID
    pool_id: UUID
    pool_rows: int
    code: str
    discount_kind: DiscountKind | None
    discount_value: int | None
    valid_from: datetime | None
    valid_until: datetime | None
    max_per_buyer: int | None
    max_tickets_per_redemption: int | None
    unlocks_hidden: bool
    ticket_type_ids: list[UUID] | None
