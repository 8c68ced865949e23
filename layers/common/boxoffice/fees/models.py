"""The platform's fee: as admins set it, as it is stored and as it is shown."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from boxoffice.models import Id, MoneyView, Request, ShortText, View
from boxoffice.platform_settings import PlatformFee, PlatformFees

DEFAULT = UUID(int=0)
"""The organisation whose terms hold for all that have none of their own."""


class PlatformFeesRequest(Request):
    fees: Annotated[
        PlatformFees,
        Field(description="The organisation's own terms, by currency. In a currency left out the default ones hold"),
    ]
    reason: Annotated[ShortText, Field(description="Why, for the audit log")]


class PlatformFeeView(MoneyView):
    currency: str
    basis_points: int = Field(description="Of what is paid for a ticket, in hundredths of a percent: 250 are 2.5 %")
    fixed: int = Field(description="For each ticket that is not free, in the currency's minor unit")
    minimum: int = Field(description="A ticket's fee is not less, unless the ticket costs less")
    maximum: int | None = Field(description="A ticket's fee is not more")
    return_on_refund: bool = Field(description="True if the fee goes back in proportion to what a refund gives back")
    is_own: bool = Field(description="True for terms of this organisation, false for the platform's default")
    since: datetime = Field(description="Since when they hold. An order placed before has its own")


class PlatformFeesView(View):
    organisation_id: Id
    fees: list[PlatformFeeView] = Field(
        description="What holds for orders that are placed now, by currency. In a currency that is not here the "
        "platform keeps nothing"
    )
    version: int


@dataclass(frozen=True)
class TermsRow:
    """Terms that hold for an organisation in a currency."""

    currency: str
    basis_points: int
    fixed: int
    minimum: int
    maximum: int | None
    return_on_refund: bool
    is_own: bool
    since: datetime

    @property
    def fee(self) -> PlatformFee:
        """Return the fee that they set."""
        return PlatformFee(
            basis_points=self.basis_points,
            fixed=self.fixed,
            minimum=self.minimum,
            maximum=self.maximum,
            return_on_refund=self.return_on_refund,
        )
