"""Payments as clients request them, as the database stores them and as answers show them. Messages of providers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Self, get_args
from uuid import UUID

from pydantic import Field, model_validator

from boxoffice.errors import DomainError
from boxoffice.models import Id, MoneyView, Page, Request, ShortText, View
from boxoffice.orders.models import MatterKind
from boxoffice.pricing.models import Charge
from boxoffice.provider_names import StartableProvider

type PaymentStatus = Literal["pending", "processing", "succeeded", "failed", "refunded"]
type RefundStatus = Literal["owed", "sent", "succeeded", "failed", "by_hand"]
type ReversalStatus = Literal["made", "failed", "open", "won", "lost"]
type MatterAction = Literal["retry", "done", "assign"]
type EventKind = Literal["succeeded", "processing", "failed", "cancelled", "refund", "reversal", "other"]
type EntryKind = Literal["charge", "refund", "dispute", "fee", "payout", "hold", "other"]
type Effect = Literal["paid", "held", "failed", "returned", "noted", "ignored", "unknown_payment"]

type MethodByHand = Literal["cash", "bank_transfer"]
"""The ways in which an organisation takes money itself, and sends it back itself, without a provider."""

METHODS_BY_HAND: tuple[str, ...] = get_args(MethodByHand.__value__)

PLATFORM_MERCHANT = UUID(int=0)
"""The merchant for organisations without an account of their own at a provider: the deployment itself."""


class PaymentRequest(Request):
    provider: StartableProvider


class PaymentByHandRequest(Request):
    method: MethodByHand
    note: ShortText | None = Field(
        default=None, description="Stored in the order's history, such as a receipt's number"
    )


class PaymentView(MoneyView):
    id: Id
    order_id: Id
    provider: str
    status: PaymentStatus
    amount: int = Field(description="In the currency's minor unit")
    currency: str
    created_at: datetime
    closed_at: datetime | None


class StartedPayment(PaymentView):
    url: str | None = Field(default=None, description="The provider's page where the buyer pays, if it has one")
    client_secret: str | None = Field(
        default=None, description="For the provider's script on your own page, where the buyer pays"
    )
    publishable_key: str | None = Field(default=None, description="The script needs it together with the client secret")


class MatterView(View):
    id: Id
    kind: MatterKind
    happened: str = Field(description="What happened, in words")
    to_do: str = Field(description="What to do, in words")
    actions: list[MatterAction] = Field(description="How it can be settled. Empty once it is settled")
    order_id: Id | None
    order_number: str | None
    payment_id: Id | None
    refund_id: Id | None
    provider: str
    reference: str | None = Field(description="The provider's name for the refund, the dispute or the event")
    amount: int | None = Field(description="In the currency's minor unit. Null if the provider names no amount")
    currency: str | None
    currency_exponent: int | None = Field(description="How many decimals the currency has in ISO 4217")
    details: dict[str, Any] = Field(description="What the provider said")
    opened_at: datetime
    settled_at: datetime | None
    settled_by: Id | None = Field(description="The account that settled it. Null if it settled itself")
    resolution: str | None = Field(description="How it was settled: an action, or how the provider decided")
    note: str | None


class MatterPage(Page[MatterView]):
    """A page of money matters, newest first."""


class SettleMatterRequest(Request):
    action: MatterAction = Field(
        description="`retry` sends a refund again. `done` says that people have done what is to do. "
        "`assign` gives money to an order"
    )
    note: ShortText | None = Field(default=None, description="What was done. Required with `done`")
    order: ShortText | None = Field(default=None, description="The order's id or number. Required with `assign`")

    @model_validator(mode="after")
    def _check_what_the_action_needs(self) -> Self:
        if self.action == "done" and self.note is None:
            raise ValueError("must have a `note` if `action` is done")
        if (self.action == "assign") != (self.order is not None):
            raise ValueError("must have an `order` if `action` is assign, and no other action has one")
        return self


class WebhookView(View):
    event_id: str
    effect: Effect = Field(description="What the event changed. A repeat shows the effect of the first delivery")


@dataclass(frozen=True)
class PaymentRow:
    id: UUID
    order_id: UUID
    provider: str
    status: PaymentStatus
    amount: int
    currency: str
    created_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True)
class PaymentOfOrder(PaymentRow):
    """A payment of an order that may be open: the provider may still take money for it."""

    is_open: bool


@dataclass(frozen=True)
class SaleState:
    """If what an order is for is still for sale.

    Attributes:
        ends_at: when the first of its events ends.
        cancelled_event: one of its events that is cancelled. None if all of them take place.
        late_payments_until: until when payments that take days may start. None if not all its events allow them.
    """

    organisation_id: UUID
    organisation_status: str
    ends_at: datetime
    cancelled_event: UUID | None
    late_payments_until: datetime | None = None


@dataclass(frozen=True)
class PaymentDetails(PaymentRow):
    """A payment, and the organisation and account of its order."""

    organisation_id: UUID
    account_id: UUID | None
    email_changes: int


@dataclass(frozen=True)
class ProviderPayment:
    """What a provider needs to know of a payment.

    Attributes:
        merchant_id: whose account at the provider takes the money: an organisation's id, or `PLATFORM_MERCHANT`.
        reference: the provider's own name for the payment. None until the provider has prepared it.
        expires_at: when the order's hold lapses.
        late: True if the buyer may choose a method that takes days.
    """

    id: UUID
    provider: str
    merchant_id: UUID
    reference: str | None
    amount: int
    currency: str
    order_id: UUID
    order_number: str
    buyer_name: str
    buyer_email: str
    email_changes: int
    expires_at: datetime
    order_status: str
    late: bool


@dataclass(frozen=True)
class PaymentToPrepare(ProviderPayment):
    """A payment that a provider prepares, and what it has prepared before.

    Attributes:
        is_open: False if the payment is closed: nobody should pay it.
    """

    prepared: dict[str, str | None] | None
    is_open: bool


@dataclass(frozen=True)
class OpenPayment(ProviderPayment):
    """A payment about which a job is due to ask the provider.

    Attributes:
        leased_until: until when only this job asks.
    """

    status: PaymentStatus
    created_at: datetime
    leased_until: datetime


@dataclass(frozen=True)
class PreparedPayment:
    """What a provider answers when it has prepared a payment: its own name for it, and what the client needs to pay."""

    reference: str
    url: str | None = None
    client_secret: str | None = None
    publishable_key: str | None = None


@dataclass(frozen=True)
class Reversal:
    """Money that went back without us, or may: a refund that somebody made at the provider, or a dispute of the payer.

    Attributes:
        reference: the provider's name for the refund or the dispute.
        money_reference: the provider's name for the money. Empty if the payment brought money only once.
        status: ``made`` or ``failed`` for a refund. ``open``, ``won`` or ``lost`` (by the seller) for a dispute.
        reason: what the provider says about it.
        payment_id: our payment, if the provider names it.
        is_total: True if the amount is all that was ever refunded of the money, our refunds included.
    """

    kind: Literal["refund", "dispute"]
    reference: str
    money_reference: str
    amount: int
    currency: str
    status: ReversalStatus
    reason: str = ""
    payment_id: UUID | None = None
    is_total: bool = False


@dataclass(frozen=True)
class StoredReversal:
    """A reversal as the database stores it, before and after what the provider has just said of it.

    Attributes:
        booked: how much of the amount counts as refunded elsewhere.
        status_before, amount_before: None if the reversal is new.
    """

    id: UUID
    kind: Literal["refund", "dispute"]
    reference: str
    money_reference: str
    amount: int
    currency: str
    status: ReversalStatus
    reason: str
    booked: int
    is_total: bool
    status_before: ReversalStatus | None = None
    amount_before: int | None = None

    @property
    def has_changed(self) -> bool:
        """Return True if the provider has said something new."""
        return (self.status, self.amount) != (self.status_before, self.amount_before)

    @property
    def due(self) -> int:
        """Return how much of the money has gone back because of it."""
        return self.amount if self.status in ("made", "lost") else 0


@dataclass(frozen=True)
class IncomingPayment:
    """Money that came, with how much of it went back.

    Attributes:
        refunded: what our refunds send back.
        refunded_elsewhere: what went back without us.
        covered: how much of that our refunds count as theirs, so that they do not send it again.
    """

    id: UUID
    payment_id: UUID
    reference: str
    amount: int
    currency: str
    pays_order: bool
    refunded: int
    refunded_elsewhere: int
    covered: int

    @property
    def left(self) -> int:
        """Return how much of the money neither went back nor is to go back."""
        return self.amount - self.refunded - self.refunded_elsewhere


@dataclass(frozen=True)
class ProviderEvent:
    """A message of a provider about a payment or a refund.

    Attributes:
        id: the provider's name for the event, unique in an account. With an `order_reference`, unique for that order.
        kind: ``succeeded`` says that money came, ``processing`` that it is under way and takes days. After ``failed`` a
            payment may still succeed, after ``cancelled`` never. ``refund`` says that a refund of ours has changed,
            ``reversal`` that money went back without us. ``other`` does not concern us.
        amount: the money that came, or the payment's amount if none came. 0 if the event names an order: then it means
            the order's total.
        currency: the currency of the amount. Empty if the event names an order.
        money_reference: the provider's name for the money that came, the same in all events about that money. Empty
            if a payment can bring money only once.
        refund: the provider's name for the refund, if the kind is ``refund``.
        order_reference: the order's id or number, if the provider knows no payment of ours.
        reversals: what the provider says of money that went back, if the kind is ``reversal``.
    """

    id: str
    kind: EventKind
    payment_id: UUID | None
    amount: int
    currency: str
    payload: dict[str, Any]
    money_reference: str = ""
    refund: str = ""
    order_reference: str = ""
    reversals: tuple[Reversal, ...] = ()


@dataclass(frozen=True)
class PaymentDecision:
    """What a provider event is to change, and why."""

    effect: Effect
    reason: str = ""


@dataclass(frozen=True)
class DueRefund:
    """A refund that is due to be sent. If it has a reference, the provider has it, and is due to be asked about it.

    Attributes:
        money_reference: the provider's name for the money that goes back.
        payment_reference: the provider's name for the payment that brought the money.
        amount: what is to be sent: the refund's amount less what had gone back without us.
        reference: the provider's name for the refund. None until it has one.
        attempts: how often we have tried, this attempt included.
        failures: how often the provider has failed to make the refund, or refused it.
    """

    id: UUID
    payment_id: UUID
    provider: str
    merchant_id: UUID
    money_reference: str
    payment_reference: str | None
    amount: int
    currency: str
    reason: str
    reference: str | None
    attempts: int
    failures: int
    created_at: datetime

    @property
    def key(self) -> str:
        """Return the idempotency key at the provider. Each failure changes it: the retry is a new refund there."""
        return f"{self.id}.{self.failures}" if self.failures else str(self.id)


@dataclass(frozen=True)
class AccountToSend:
    """An account at a provider whose refunds are due.

    Attributes:
        due: how many they are.
    """

    provider: str
    merchant_id: UUID
    due: int

    @property
    def id(self) -> str:
        """Return the account's name, as `calls.account_of` does."""
        return f"{self.provider}{self.merchant_id}"


@dataclass(frozen=True)
class RefundState:
    """The state of a refund at its provider.

    Attributes:
        kind: ``pending`` is under way. After ``failed`` it can be tried again. ``refused`` is refused for good.
            ``unfunded`` is refused until the account has money. ``by_hand`` waits for a person who sends the money.
        reference: the provider's name for the refund.
        reason: why the refund failed, in the provider's words.
        code: the provider's own code for the reason.
        reversals: what went back of the same money without us, found because the refund was refused.
    """

    kind: Literal["pending", "succeeded", "failed", "refused", "unfunded", "by_hand"]
    reference: str | None = None
    reason: str | None = None
    code: str | None = None
    reversals: tuple[Reversal, ...] = ()


@dataclass(frozen=True)
class RefundOutcome:
    """What to store after an attempt to send a refund.

    Attributes:
        due_at: when to try or to ask again. None if nothing is left to do.
        reference: the provider's name for the refund.
        error: why the attempt went wrong.
        code: the provider's own code for that.
        new_failures: 1 if the provider failed to make the refund or refused it, else 0.
        needs_person: True if a person must look at it.
    """

    status: RefundStatus
    due_at: datetime | None
    reference: str | None
    error: str | None = None
    code: str | None = None
    new_failures: int = 0
    needs_person: bool = False


@dataclass(frozen=True)
class RefundAttempt:
    """A refund that we asked a provider for, and the provider's answer or the error instead of it."""

    refund: DueRefund
    answer: RefundState | DomainError

    @property
    def id(self) -> UUID:
        """Return the refund's id, which names this unit of the job."""
        return self.refund.id


@dataclass(frozen=True)
class NewMatter:
    """Money that a person must look at, before it is stored.

    Attributes:
        organisation_id: whose matter it is. The nil UUID for the deployment's own.
        subject: what it is about. A kind has one matter about a subject.
    """

    organisation_id: UUID
    kind: MatterKind
    subject: str
    provider: str
    merchant_id: UUID
    order_id: UUID | None = None
    payment_id: UUID | None = None
    refund_id: UUID | None = None
    reference: str | None = None
    amount: int | None = None
    currency: str | None = None
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class MatterRow:
    """A money matter as the database stores it, with the number of its order."""

    id: UUID
    organisation_id: UUID
    kind: MatterKind
    order_id: UUID | None
    order_number: str | None
    payment_id: UUID | None
    refund_id: UUID | None
    provider: str
    merchant_id: UUID
    reference: str | None
    amount: int | None
    currency: str | None
    details: dict[str, Any]
    opened_at: datetime
    settled_at: datetime | None
    settled_by: UUID | None
    resolution: str | None
    note: str | None


@dataclass(frozen=True)
class RefundedOrder:
    """The order of a refund whose state has changed, and what to tell its people.

    Attributes:
        status_before: the refund's state before.
        order_refund_id: what of the order was refunded. None for money that had bought nothing.
    """

    status_before: RefundStatus
    order_id: UUID
    organisation_id: UUID
    buyer_email: str
    order_refund_id: UUID | None
    payment_id: UUID
    amount: int
    currency: str


@dataclass(frozen=True)
class PaymentInquiry:
    """A payment that we asked a provider about, and the provider's answer.

    Attributes:
        asked_at: when we asked.
        answer: what has happened to the payment, nothing if it is still open, or an error if there was no answer.
    """

    payment: OpenPayment
    asked_at: datetime
    answer: Sequence[ProviderEvent] | DomainError

    @property
    def id(self) -> UUID:
        """Return the payment's id, which names this unit of the job."""
        return self.payment.id


@dataclass(frozen=True)
class MoneyGone:
    """Why an order is to be ended.

    Attributes:
        elsewhere: how much went back elsewhere, and is in no refund yet.
        reason: what the order's history says about it.
    """

    elsewhere: int
    reason: str


@dataclass(frozen=True)
class PaymentsBacklog:
    """How many payments are open at providers, how many refunds have not arrived, and what waits for people."""

    payments_open: int
    refunds_owed: int
    refunds_failed: int
    oldest_refund_seconds: float
    matters_open: int
    unknown_payments: int
    books_differ: int
    oldest_matter_seconds: float


@dataclass(frozen=True)
class BookedItem(Charge):
    """An item of an order that some money pays, with its charge.

    Attributes:
        returns_fee: True if the platform's fee goes back in proportion to what the item gives back.
    """

    item_no: int
    event_id: UUID
    ticket_type_id: UUID
    quantity: int
    returns_fee: bool


@dataclass(frozen=True)
class BookedRefund:
    """A refund of some money.

    Attributes:
        elsewhere: how much of the amount had gone back without us.
        is_taken: True if the provider has taken it, or a person has sent it.
        tickets: those that it is for, or none at all if just money goes back. Each is its item's number and two
            boundaries: how many units of the item come before the ticket, and how many there are up to its end.
    """

    amount: int
    elsewhere: int
    is_taken: bool
    tickets: Sequence[Sequence[int]]


@dataclass(frozen=True)
class BookedReversal:
    """A reversal of some money.

    Attributes:
        booked: how much of the amount counts as gone back.
        is_open: True if it is an open dispute, in the currency of the money.
    """

    status: ReversalStatus
    amount: int
    booked: int
    is_open: bool

    @property
    def gone(self) -> int:
        """Return how much of what is booked has gone back, as the provider says now."""
        return min(self.booked, self.amount) if self.status in ("made", "lost") else 0


@dataclass(frozen=True)
class MoneyToBook:
    """An incoming payment, and all that has become of it.

    Attributes:
        items: what it pays. None at all if it pays no order.
        refunds, reversals: in the order in which they came.
    """

    organisation_id: UUID
    order_id: UUID
    provider: str
    merchant_id: UUID
    amount: int
    currency: str
    items: Sequence[BookedItem]
    refunds: Sequence[BookedRefund]
    reversals: Sequence[BookedReversal]


@dataclass(frozen=True)
class ReportedEntry:
    """An entry of a provider's balance report: what it added to an account's balance there, or took from it.

    Attributes:
        reference: the provider's name for the entry.
        kind: what it is about. ``charge``, ``refund`` and ``dispute`` are also what takes back such an entry, with the
            opposite sign. A ``fee`` is charged to the account itself. A ``payout`` goes to the account's bank. A
            ``hold`` only moves money within the balance. We do not understand ``other``.
        type: the provider's own word for the kind.
        made_at: when the provider made the entry.
        amount: what was added, or taken if it is negative, before the fee.
        fee: what the provider kept of it, or gave back if it is negative.
        subject: the provider's name for the money, the refund, the dispute or the payout. None if it names none.
        money_reference: the provider's name for the money, as in `ProviderEvent`.
        payment_id: our payment, if the provider names it.
        charged_amount, charged_currency: the amount as the buyer paid it, if the provider has converted it.
    """

    reference: str
    kind: EntryKind
    type: str
    made_at: datetime
    amount: int
    fee: int
    currency: str
    subject: str | None = None
    money_reference: str | None = None
    payment_id: UUID | None = None
    charged_amount: int | None = None
    charged_currency: str | None = None


@dataclass(frozen=True)
class ReportPage:
    """A page of a provider's balance report.

    Attributes:
        next_page: the provider's name for the page that follows. None if this is the last one.
    """

    entries: Sequence[ReportedEntry]
    next_page: str | None
