"""Payments as requested, as stored and as shown; and what providers are asked and what they tell."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args
from uuid import UUID

from pydantic import Field

from boxoffice.errors import DomainError
from boxoffice.models import Id, Line, Request, View

type PaymentStatus = Literal["pending", "succeeded", "failed", "refunded"]
type RefundStatus = Literal["owed", "sent", "succeeded", "failed"]
type EventKind = Literal["succeeded", "failed", "cancelled", "refund", "other"]
type Effect = Literal["paid", "failed", "returned", "noted", "ignored", "unknown_payment"]

type StartableProvider = Literal["stripe", "flutterwave", "sandbox"]
"""The providers with which a client starts a payment. Each is the module of this package of the same name."""

type UnannouncedProvider = Literal["generic"]
"""The providers that are not told of a payment beforehand: their events name an order."""

PROVIDERS: tuple[str, ...] = (*get_args(StartableProvider.__value__), *get_args(UnannouncedProvider.__value__))
"""All providers. Here alone they are listed; what is true of each is declared in its module."""

type MethodByHand = Literal["cash", "bank_transfer"]
"""The ways in which an organisation takes money itself, and gives it back itself, without a provider."""

METHODS_BY_HAND: tuple[str, ...] = get_args(MethodByHand.__value__)

PLATFORM_MERCHANT = UUID(int=0)
"""The merchant that takes the payments of each organisation without an account of its own at a provider."""


class PaymentRequest(Request):
    provider: StartableProvider


class PaymentByHandRequest(Request):
    method: MethodByHand
    note: Line | None = Field(default=None, description="Kept in the order's history, such as a receipt's number")


class PaymentView(View):
    id: Id
    order_id: Id
    provider: str
    status: PaymentStatus
    amount: int = Field(description="In the currency's minor unit")
    currency: str
    created_at: datetime
    closed_at: datetime | None


class StartedPayment(PaymentView):
    url: str | None = Field(default=None, description="Where the buyer pays, if it is on a page of the provider")
    client_secret: str | None = Field(
        default=None, description="For the provider's script in a page of yours, where the buyer pays"
    )
    publishable_key: str | None = Field(default=None, description="Goes with the client secret")


class WebhookView(View):
    event_id: str
    effect: Effect = Field(description="What the event changed; that of the first delivery, if this is a repeat")


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
class PaymentDetails(PaymentRow):
    """A payment, and whose it is."""

    organisation_id: UUID
    account_id: UUID | None


@dataclass(frozen=True)
class ProviderPayment:
    """What a provider needs to know of a payment.

    Attributes:
        merchant_id: whose account at the provider takes the money: an organisation's, or `PLATFORM_MERCHANT`.
        reference: the provider's own name for the payment, once it has one.
        expires_at: when the order's hold lapses.
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
    expires_at: datetime


@dataclass(frozen=True)
class OpenPayment(ProviderPayment):
    """A payment about which its provider is due to be asked, and the state of its order."""

    status: PaymentStatus
    order_status: str
    created_at: datetime


@dataclass(frozen=True)
class PreparedPayment:
    """A provider's answer to a payment: its own name for it, and what the client needs to pay."""

    reference: str
    url: str | None = None
    client_secret: str | None = None
    publishable_key: str | None = None


@dataclass(frozen=True)
class ProviderEvent:
    """What a provider tells. Mostly it tells that money came for a payment, or that none did.

    Attributes:
        id: names the event at the provider, in an account. With an `order_reference` it names the event of that order.
        kind: after ``failed`` a payment may still succeed, after ``cancelled`` never; ``refund`` tells that a refund
            has changed; ``other`` does not concern us.
        amount, currency: the money that came, or that was asked for. Empty where an order is named: it is all of it.
        money_reference: the provider's name for the money that came. Other events name the same money by it. Empty
            where a payment can bring money only once.
        refund: the provider's name for the refund.
        order_reference: the order's id or number, where the provider knows no payment of ours.
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


@dataclass(frozen=True)
class PaymentDecision:
    """What an event is to change, and why."""

    effect: Effect
    reason: str = ""


@dataclass(frozen=True)
class DueRefund:
    """A refund that is due to be sent; or to be asked about, if it has a reference.

    Attributes:
        money_reference: the provider's name for the money that goes back.
        payment_reference: its name for the payment by which the money came.
        reference: its name for the refund, once it has one.
        attempts: how often we have tried, this time included.
        failures: how often the provider has failed to make it.
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
        """The idempotency key at the provider. After each failure it is another one, since the provider starts anew."""
        return f"{self.id}.{self.failures}" if self.failures else str(self.id)


@dataclass(frozen=True)
class RefundState:
    """The state of a refund at its provider.

    Attributes:
        kind: ``pending`` is on its way, ``impossible`` has to be made by hand.
        reason: why it failed.
    """

    kind: Literal["pending", "succeeded", "failed", "impossible"]
    reference: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class RefundOutcome:
    """What to store of an attempt to send a refund."""

    status: RefundStatus
    due_at: datetime | None
    reference: str | None
    error: str | None = None
    failed: int = 0


@dataclass(frozen=True)
class TriedRefund:
    """A refund that a provider was asked for, and its answer, which may be an error."""

    refund: DueRefund
    answer: RefundState | DomainError

    @property
    def id(self) -> UUID:
        """The refund's id."""
        return self.refund.id


@dataclass(frozen=True)
class AskedPayment:
    """A payment that a provider was asked about, and its answer: news, None if it is still open, or an error."""

    payment: OpenPayment
    answer: ProviderEvent | DomainError | None

    @property
    def id(self) -> UUID:
        """The payment's id."""
        return self.payment.id


@dataclass(frozen=True)
class Backlog:
    """What is open at the providers."""

    payments_open: int
    refunds_owed: int
    refunds_failed: int
    oldest_refund_seconds: float
