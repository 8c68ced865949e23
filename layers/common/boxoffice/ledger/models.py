"""What is posted to the ledger."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from boxoffice import money
from boxoffice.ledger.kinds import KINDS, Account, Holder
from boxoffice.models import CURRENCY_CODE, Id, MinorUnits, MoneyView, Page, Request, ShortText, View


def _known(kind: str) -> str:
    if kind not in KINDS:
        raise ValueError(f"must be one of {', '.join(KINDS)}")
    return kind


def _known_currency(code: str) -> str:
    if not money.is_known(code):
        raise ValueError("must be a currency of ISO 4217 that people pay or have paid with, such as NGN")
    return code


KnownCurrency = Annotated[
    str,
    StringConstraints(pattern=CURRENCY_CODE),
    AfterValidator(_known_currency),
    Field(description="ISO 4217. It may be withdrawn, since there may still be money in it", examples=["NGN"]),
]

TransferKind = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": [*KINDS]})]


@dataclass(frozen=True)
class Transfer:
    """An amount that goes from one account to another.

    Attributes:
        kind: one of `KINDS`.
        amount: in the currency's minor unit. A negative one takes back some of what went before.
        provider: whose account at a provider money comes to or goes from, if it does.
    """

    kind: str
    amount: int
    holder: Holder = "platform"
    order_id: UUID | None = None
    event_id: UUID | None = None
    ticket_type_id: UUID | None = None
    provider: str | None = None

    def __post_init__(self) -> None:
        """Check that the kind is declared, and that an event is named if and only if it has to be."""
        assert KINDS[self.kind].of_event == (self.event_id is not None), f"the event of a {self.kind}"


@dataclass(frozen=True)
class Balance:
    """What an account holds, in the minor unit: what went to it less what went from it."""

    currency: str
    holder: Holder
    account: str
    amount: int


@dataclass(frozen=True)
class EventFunds:
    """What an event has earned that is not released, and what was released of its earnings before.

    Attributes:
        is_due: True if its earnings are to be released.
        keeps_reserve: True if a reserve for refunds is kept of them.
    """

    organisation_id: UUID
    event_id: UUID
    currency: str
    pending: int
    tax: int
    released: int
    tax_released: int
    is_due: bool
    keeps_reserve: bool


@dataclass(frozen=True)
class EntryFilters:
    """What is wanted of a ledger; None for all."""

    currency: str | None
    account: Account | None
    kind: str | None
    event_id: UUID | None
    order_id: UUID | None
    since: datetime | None
    until: datetime | None


@dataclass(frozen=True)
class EntryRow:
    """An entry, with what people know it by.

    Attributes:
        side: -1 for the account that the transfer takes from, and 1 for the other one.
        amount: of the entry.
        moved: the amount of the transfer.
        reason: of a correction.
    """

    id: UUID
    side: int
    kind: str
    holder: Holder
    account: Account
    currency: str
    amount: int
    moved: int
    order_id: UUID | None
    order_number: str | None
    event_id: UUID | None
    event_title: str | None
    ticket_type_id: UUID | None
    provider: str | None
    reference: str | None
    reason: str | None
    posted_at: datetime


class BalanceView(MoneyView):
    """What an organisation has in one currency. All amounts are in the currency's minor unit."""

    currency: str
    payable: int = Field(
        description="What you may be paid out now: `available`, less what events owe. An event owes if its fees and "
        "refunds are more than what the platform has received for it. Never negative"
    )
    available: int = Field(
        description="What past events have earned and you were not paid yet. Negative if you owe the platform, such as "
        "fees for what you took yourself, or refunds after a payout"
    )
    pending: int = Field(
        description="What events have earned that is not available yet, after fees, refunds and taxes. It becomes so "
        "some days after an event's end"
    )
    tax: int = Field(description="The tax in what is not available yet. It becomes available with the rest")
    reserved: int = Field(
        description="What of `pending` and `tax` is kept longer for refunds, of events whose other earnings are "
        "available already"
    )
    disputed: int = Field(description="What buyers dispute. It comes back to you if the dispute is won")
    owed_to_buyers: int = Field(description="Refunds that are owed and were not sent yet. They are not yours any more")
    in_payout: int = Field(description="What you have asked for, until it is sent to your bank")
    paid_out: int = Field(description="What was sent to your bank so far, less what came back")
    platform_fees: int = Field(description="What the platform has kept so far, less what it gave back")
    corrections: int = Field(description="What admins have added to `available` so far, or taken from it if negative")
    held_by_you: int = Field(
        description="What you took yourself, by hand or by your own account at a provider, less what went back. The "
        "platform never pays it out, and only its fees for it count above"
    )


class BalancesView(View):
    as_of: datetime = Field(description="The balances are exact at this moment")
    balances: list[BalanceView] = Field(description="One for each currency in which there was money")


class EntryView(MoneyView):
    id: Id = Field(description="Of the transfer. Its other entry, of the account on the other side, has the same")
    kind: TransferKind = Field(description="What kind of transfer it is")
    happened: str = Field(description="What happened, in words")
    holder: Holder = Field(description="Who has the money: the platform, or the organisation, which took it itself")
    account: Account = Field(description="Whose balance the entry changes")
    amount: int = Field(description="By how much the balance grows, in the currency's minor unit. Negative if it falls")
    currency: str
    order_id: Id | None
    order_number: str | None
    event_id: Id | None
    event_title: str | None
    ticket_type_id: Id | None
    provider: str | None = Field(description="Where money came to or went from, if it did")
    reference: str | None = Field(description="The provider's name for the incoming payment that it is about")
    reason: str | None = Field(description="Why an admin has made a correction")
    posted_at: datetime


class EntryPage(Page[EntryView]):
    """A page of ledger entries, newest first."""


def _not_zero(amount: int) -> int:
    if amount == 0:
        raise ValueError("must not be 0")
    return amount


class CorrectionRequest(Request):
    currency: KnownCurrency
    amount: Annotated[
        int,
        Field(
            strict=True,
            ge=-money.MAX_TOTAL,
            le=money.MAX_TOTAL,
            description="In the currency's minor unit. What is positive is given to the organisation, and what is "
            "negative is taken from it",
        ),
        MinorUnits,
        AfterValidator(_not_zero),
    ]
    reason: ShortText = Field(description="Why. The organisation reads it beside the entry")


class CorrectionView(MoneyView):
    id: Id
    organisation_id: Id
    currency: str
    amount: int = Field(description="In the currency's minor unit")
    reason: str
    made_by: Id = Field(description="The admin's account")
    created_at: datetime
