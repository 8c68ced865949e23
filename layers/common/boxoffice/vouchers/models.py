"""Vouchers as clients request them, as the database stores them, and as answers show them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from boxoffice.models import Id, MinorUnits, Moment, MoneyView, Page, Patch, Request, unchanged
from boxoffice.money import MAX_PRICE
from boxoffice.vouchers.rows import FREE_TICKETS, Code, Voucher

UNLIMITED = 10_000_000  # the redemptions in the pool of a voucher without a limit
Redemptions = Annotated[
    int, Field(strict=True, ge=0, le=UNLIMITED, description="How many orders can redeem it. Null for no limit")
]
PerBuyer = Annotated[
    int,
    Field(strict=True, ge=1, le=1000, description="How many live orders of one buyer can redeem it. Null for no limit"),
]
_COVERED = "How many tickets of an order it discounts, the dearest first, and how many hidden ones it unlocks"
PerRedemption = Annotated[int, Field(strict=True, ge=1, le=1000, description=f"{_COVERED}. Null for no limit")]
TicketTypes = Annotated[
    list[Id],
    Field(
        min_length=1,
        max_length=50,
        description="The ticket types that it covers. Null for all ticket types of the event",
    ),
]
Flag = Annotated[bool, Field(strict=True, description="True if it unlocks the hidden ticket types that it covers")]


class PercentOff(Request):
    """A percentage of the price of all that the voucher covers. It is rounded to what people can pay, halves up."""

    kind: Literal["percent"]
    percent: Annotated[int, Field(strict=True, ge=1, le=100)]


class AmountOff(Request):
    """An amount off the price of all that the voucher covers, but never more than that price."""

    kind: Literal["fixed"]
    amount: Annotated[
        int, Field(strict=True, ge=1, le=MAX_PRICE, description="In the currency's minor unit"), MinorUnits
    ]


class Free(Request):
    """All that the voucher covers is free. That is one ticket, unless `max_tickets_per_redemption` says otherwise."""

    kind: Literal["free"]


Discount = Annotated[PercentOff | AmountOff | Free, Field(discriminator="kind")]


class VoucherRequest(Request):
    code: Code
    discount: Discount | None = Field(
        default=None, description="What it takes off. Null if it only unlocks hidden ticket types"
    )
    valid_from: Moment | None = None
    valid_until: Moment | None = None
    max_redemptions: Redemptions | None = None
    max_per_buyer: PerBuyer | None = None
    max_tickets_per_redemption: PerRedemption | None = Field(
        default=None,
        description=f"{_COVERED}. Null for no limit. If you leave it out, a free voucher is for one ticket, and any "
        "other voucher has no limit",
    )
    unlocks_hidden: Flag = False
    ticket_type_ids: TicketTypes | None = None

    @model_validator(mode="after")
    def _limit_free_voucher(self) -> Self:
        if isinstance(self.discount, Free) and "max_tickets_per_redemption" not in self.model_fields_set:
            self.max_tickets_per_redemption = FREE_TICKETS
        return self


class VoucherPatch(Patch):
    code: Code = unchanged()
    discount: Discount | None = unchanged()
    valid_from: Moment | None = unchanged()
    valid_until: Moment | None = unchanged()
    max_redemptions: Redemptions | None = unchanged()
    max_per_buyer: PerBuyer | None = unchanged()
    max_tickets_per_redemption: PerRedemption | None = unchanged()
    unlocks_hidden: Flag = unchanged()
    ticket_type_ids: TicketTypes | None = unchanged()


class VoucherView(MoneyView):
    id: Id
    event_id: Id
    code: str
    discount: Discount | None
    currency: str = Field(description="The currency of its event")
    valid_from: datetime | None
    valid_until: datetime | None
    max_redemptions: int | None
    redemptions: int = Field(description="How many live orders redeem it: pending or paid")
    max_per_buyer: int | None
    max_tickets_per_redemption: int | None
    unlocks_hidden: bool
    ticket_type_ids: list[Id] | None
    version: int
    created_at: datetime


class VoucherPage(Page[VoucherView]):
    """A page of vouchers, newest first."""


@dataclass(frozen=True)
class VoucherRow(Voucher):
    """A voucher as managers see it."""

    organisation_id: UUID
    currency: str
    event_status: str
    max_redemptions: int | None
    redemptions: int
    version: int
    created_at: datetime

    @property
    def discount(self) -> PercentOff | AmountOff | Free | None:
        """Return the discount as answers show it. None if the voucher only unlocks hidden ticket types."""
        match self.discount_kind, self.discount_value:
            case "percent", int(percent):
                return PercentOff(kind="percent", percent=percent)
            case "fixed", int(amount):
                return AmountOff(kind="fixed", amount=amount)
            case "free", _:
                return Free(kind="free")
            case _:
                return None
