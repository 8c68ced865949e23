"""Payout methods and payouts: as requested, as stored and as shown. No view has an account number."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from boxoffice import bank_accounts
from boxoffice.bank_accounts import BankCountry, MobileCountry, MobileProvider
from boxoffice.models import (
    Currency,
    Day,
    Id,
    MinorUnits,
    MoneyView,
    Name,
    Page,
    Phone,
    Request,
    ShortText,
    View,
    VisibleText,
    pattern,
    unchanged,
)
from boxoffice.money import MAX_TOTAL

type MethodKind = Literal["iban", "bank_account", "mobile_money"]
type PayoutStatus = Literal["requested", "approved", "rejected", "sent", "returned"]
type Decision = Literal["approve", "reject", "mark_sent", "return"]
type FileFormat = Literal["pain.001", "csv"]

Iban = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=15, max_length=50),
    AfterValidator(bank_accounts.normal_iban),
    Field(description="ISO 13616, with or without spaces", examples=["DE89 3704 0044 0532 0130 00"]),
]
Digits = Annotated[
    str,
    BeforeValidator(lambda value: bank_accounts.digits_of(value) if isinstance(value, str) else value),
    StringConstraints(min_length=3, max_length=20, pattern=pattern(r"^[0-9]+$", "must be digits")),
]
AccountHolder = Annotated[Name, Field(max_length=140, description="As the bank knows the holder")]


class IbanAccount(Request):
    """A bank account with an IBAN."""

    kind: Literal["iban"]
    iban: Iban


class BankAccount(Request):
    """A bank account by the numbers of its own country."""

    kind: Literal["bank_account"]
    country: BankCountry = Field(description="ISO 3166-1 alpha-2")
    bank_code: Digits = Field(
        description="NG: the Central Bank's code. GH, GB: the sort code. KE: bank and branch. ZA: the branch code. "
        "US: the routing number",
        examples=["011"],
    )
    account_number: Digits = Field(examples=["0000014579"])

    @model_validator(mode="after")
    def _has_right_digits(self) -> Self:
        bank_accounts.check_bank(self.country, self.bank_code, self.account_number)
        return self


class MobileMoney(Request):
    """A wallet of mobile money."""

    kind: Literal["mobile_money"]
    country: MobileCountry = Field(description="ISO 3166-1 alpha-2")
    provider: MobileProvider
    phone: Phone

    @model_validator(mode="after")
    def _is_offered(self) -> Self:
        from boxoffice import phones

        providers = bank_accounts.MOBILE_MARKETS[self.country].providers
        if self.provider not in providers:
            raise ValueError(f"must have a `provider` of {self.country}: {', '.join(sorted(providers))}")
        facts = phones.facts_of(self.phone)
        if facts.country != self.country or not facts.is_mobile:
            raise ValueError(f"must have the `phone` of a mobile in {self.country}")
        return self


class PayoutMethodRequest(Request):
    account: Annotated[IbanAccount | BankAccount | MobileMoney, Field(discriminator="kind")]
    holder: AccountHolder
    currency: Currency = Field(description="ISO 4217. Only a balance in this currency is paid out by it")

    @model_validator(mode="after")
    def _has_currency_of_wallet(self) -> Self:
        if isinstance(self.account, MobileMoney):
            currency = bank_accounts.MOBILE_MARKETS[self.account.country].currency
            if self.currency != currency:
                raise ValueError(f"must have the `currency` of mobile money in {self.account.country}: {currency}")
        return self


class MaskedMethodView(View):
    """A payout method, of whose number only the end is shown."""

    id: Id
    kind: MethodKind
    country: str
    holder: str
    bank: str | None = Field(
        description="Which bank or provider it is: a BIC, a code of the country, or a name. Null if no BIC is known"
    )
    ending: str = Field(description="The last four characters of the account's number, or half of a short one")


class PayoutMethodView(MaskedMethodView, MoneyView):
    currency: str
    usable_from: datetime = Field(description="No payout uses it before: an owner who does not know it removes it")
    created_by: Id
    created_at: datetime


class PayoutMethodPage(Page[PayoutMethodView]):
    """A page of payout methods, latest first."""


class PayoutRequest(Request):
    method_id: Id
    amount: Annotated[int, Field(strict=True, ge=1, le=MAX_TOTAL), MinorUnits] = unchanged(
        "In the minor unit of the method's currency. Leave it out for all that can be paid out"
    )


class PayoutView(MoneyView):
    id: Id
    method: MaskedMethodView
    currency: str
    amount: int = Field(description="In the currency's minor unit")
    status: PayoutStatus
    requested_by: Id
    requested_at: datetime
    decided_at: datetime | None = Field(description="When an admin has decided last. Null if none has")
    bank_reference: str | None = Field(description="By which the bank knows the transfer. Null until it is sent")
    value_date: date | None = Field(description="The day from which on the money is there, as the bank says")
    reason: str | None = Field(description="Why it was rejected, or came back")
    version: int


class PayoutPage(Page[PayoutView]):
    """A page of payouts, newest first."""


class RequestedPayoutView(PayoutView):
    """A payout as admins see it."""

    organisation_id: Id
    organisation_name: str
    requested_by_name: str
    method_created_at: datetime
    decided_by: Id | None
    file_id: Id | None = Field(description="The file for the bank that it stands in")


class RequestedPayoutPage(Page[RequestedPayoutView]):
    """A page of payouts of all organisations, newest first."""


_TAKES: dict[Decision, set[str]] = {
    "approve": set(),
    "reject": {"reason"},
    "mark_sent": {"bank_reference", "value_date"},
    "return": {"reason"},
}


class PayoutDecisionRequest(Request):
    decision: Decision = Field(
        description="`reject` it before it is sent, `mark_sent` once the bank has sent it, `return` it if it came back"
    )
    reason: Annotated[VisibleText, Field(max_length=2000)] | None = Field(
        default=None, description="Of `reject` and `return`. The owners read it"
    )
    bank_reference: Annotated[ShortText, Field(max_length=140)] | None = Field(
        default=None, description="Of `mark_sent`: by which the bank knows the transfer"
    )
    value_date: Day | None = Field(default=None, description="Of `mark_sent`: the day from which on the money is there")

    @model_validator(mode="after")
    def _has_what_it_takes(self) -> Self:
        given = {name for name in ("reason", "bank_reference", "value_date") if getattr(self, name) is not None}
        if given != (takes := _TAKES[self.decision]):
            words = " and ".join(f"`{name}`" for name in sorted(takes)) or "nothing else"
            raise ValueError(f"must have {words} beside the decision `{self.decision}`")
        return self


class PayoutFileRequest(Request):
    format: FileFormat = Field(description="`pain.001` is a SEPA credit transfer of ISO 20022, for euros to IBANs")
    currency: Currency

    @model_validator(mode="after")
    def _has_euros(self) -> Self:
        if self.format == "pain.001" and self.currency != "EUR":
            raise ValueError("must have the `currency` EUR if the format is `pain.001`")
        return self


class PayoutFileView(MoneyView):
    id: Id
    format: FileFormat
    currency: str
    payouts: int = Field(description="How many payouts it has")
    total: int = Field(description="In the currency's minor unit")
    created_at: datetime


@dataclass(frozen=True)
class MethodRow:
    """A payout method as it is stored. Its number was erased if it is removed."""

    id: UUID
    organisation_id: UUID
    kind: MethodKind
    country: str
    currency: str
    holder: str
    bank: str | None
    ending: str
    key_id: int | None
    account: bytes | None
    created_by: UUID
    created_at: datetime
    usable_from: datetime
    removed_at: datetime | None


@dataclass(frozen=True)
class PayoutRow:
    """A payout with its method, as owners see it."""

    id: UUID
    organisation_id: UUID
    method_id: UUID
    kind: MethodKind
    country: str
    holder: str
    bank: str | None
    ending: str
    currency: str
    amount: int
    status: PayoutStatus
    requested_by: UUID
    requested_at: datetime
    decided_by: UUID | None
    decided_at: datetime | None
    bank_reference: str | None
    value_date: date | None
    reason: str | None
    version: int

    @property
    def method(self) -> MaskedMethodView:
        """Return the method as answers show it."""
        return MaskedMethodView(
            id=self.method_id,
            kind=self.kind,
            country=self.country,
            holder=self.holder,
            bank=self.bank,
            ending=self.ending,
        )


@dataclass(frozen=True)
class RequestedPayoutRow(PayoutRow):
    """A payout as admins see it."""

    file_id: UUID | None
    organisation_name: str
    organisation_status: str
    requested_by_name: str
    method_created_at: datetime


@dataclass(frozen=True)
class FileRow:
    """A file for the bank."""

    id: UUID
    format: FileFormat
    currency: str
    created_at: datetime


@dataclass(frozen=True)
class ListedPayout:
    """A payout in a file, with what encrypts the number of its account."""

    id: UUID
    organisation_id: UUID
    organisation_name: str
    method_id: UUID
    kind: MethodKind
    country: str
    holder: str
    bank: str | None
    key_id: int
    account: bytes
    currency: str
    amount: int
    requested_at: datetime


@dataclass(frozen=True)
class PaperTransfer:
    """A payout as a file for the bank names it."""

    payout: ListedPayout
    account: str
