"""Payments as requested, as stored and as shown; and what providers are asked and tell of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import Field

from boxoffice.errors import DomainError
from boxoffice.models import Id, Line, Request, View

type PaymentStatus = Literal["pending", "succeeded", "failed", "refunded"]
type RefundStatus = Literal["owed", "sent", "succeeded", "failed"]
type Kind = Literal["succeeded", "failed", "cancelled", "refund", "other"]
type Effect = Literal["paid", "failed", "returned", "noted", "ignored", "unknown_payment"]

Organisation = Annotated[
    Id | None, Query(description="Whose webhook it is, if the organisation has its own account at the provider")
]

PLATFORM = UUID(int=0)
"""The merchant that takes payments for every organisation without an account of its own at a provider."""


class PaymentRequest(Request):
    provider: Literal["stripe", "flutterwave", "sandbox"]


class PaymentByHandRequest(Request):
    method: Literal["cash", "bank_transfer"]
    note: Line | None = Field(default=None, description="Kept in the order's history, such as a receipt's number")


class PaymentView(View):
    id: Id
    order_id: Id
    provider: str
    status: PaymentStatus
    amount: int = Field(description="In the currency's minor unit")
    currency: str
    created_at: datetime
    settled_at: datetime | None


class StartedPayment(PaymentView):
    url: str | None = Field(default=None, description="Where the buyer pays, if it is on a page of the provider")
    client_secret: str | None = Field(default=None, description="For Stripe.js, which pays on a page of yours")
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
    settled_at: datetime | None


@dataclass(frozen=True)
class PaymentDetails(PaymentRow):
    """A payment, and whose it is."""

    organisation_id: UUID
    account_id: UUID | None


@dataclass(frozen=True)
class Bill:
    """What a provider needs to know of a payment.

    Attributes:
        merchant_id: whose account at the provider takes the money, an organisation's or `PLATFORM`.
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
class OpenBill(Bill):
    """A payment that a provider is to be asked about, and how its order stands."""

    status: PaymentStatus
    order_status: str
    created_at: datetime


@dataclass(frozen=True)
class Started:
    """What a provider answers to a payment: its own name for it, and what the client needs to pay."""

    reference: str
    url: str | None = None
    client_secret: str | None = None
    publishable_key: str | None = None


@dataclass(frozen=True)
class ProviderEvent:
    """What a provider tells: mostly of a payment, that so much money came, or that none did.

    Attributes:
        kind: ``failed`` may be followed by success, ``cancelled`` never is; ``refund`` tells that a refund has changed,
            and ``other`` of anything that is none of our business.
        money: the provider's name for the money that came, by which it is known again in other events; empty where a
            payment can bring money only once.
        refund: the provider's name for the refund.
    """

    id: str
    kind: Kind
    payment_id: UUID | None
    amount: int
    currency: str
    payload: dict[str, Any]
    money: str = ""
    refund: str = ""


@dataclass(frozen=True)
class Verdict:
    """What an event is to change, and why."""

    effect: Effect
    reason: str = ""


@dataclass(frozen=True)
class DueRefund:
    """A refund to be sent, or asked about if it has a reference.

    Attributes:
        money: the provider's name for the money that goes back.
        payment_reference: its name for the payment by which the money came.
        reference: its name for the refund, once it has one.
        attempts: how often it was tried, this time included.
        failures: how often the provider has failed to make it.
    """

    id: UUID
    payment_id: UUID
    provider: str
    merchant_id: UUID
    money: str
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
        """Under which the provider makes it once. What it has failed to make is another refund the next time."""
        return f"{self.id}.{self.failures}" if self.failures else str(self.id)


@dataclass(frozen=True)
class RefundState:
    """How a refund stands at its provider.

    Attributes:
        kind: ``pending`` is on its way, ``impossible`` has to be made by hand.
        reason: why it failed.
    """

    kind: Literal["pending", "succeeded", "failed", "impossible"]
    reference: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What is to be noted of an attempt to send a refund."""

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

    bill: OpenBill
    answer: ProviderEvent | DomainError | None

    @property
    def id(self) -> UUID:
        """The payment's id."""
        return self.bill.id


@dataclass(frozen=True)
class Backlog:
    """What is open at the providers."""

    payments_open: int
    refunds_owed: int
    refunds_failed: int
    oldest_refund_seconds: float
