"""Payments as requested, as stored and as shown; and what providers tell of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from boxoffice.models import Id, Request, View

type PaymentStatus = Literal["pending", "succeeded", "failed", "refunded"]
type Effect = Literal["paid", "failed", "returned", "ignored", "unknown_payment"]


class PaymentRequest(Request):
    provider: Literal["sandbox"]


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
    url: str = Field(description="Where the buyer pays")


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
class Started:
    """What a provider answers to a payment: its own name for it, and where the buyer pays."""

    reference: str
    url: str


@dataclass(frozen=True)
class ProviderEvent:
    """What a provider tells of a payment: that so much money came, or that none will."""

    id: str
    kind: Literal["succeeded", "failed"]
    payment_id: UUID
    amount: int
    currency: str
    payload: dict[str, Any]


@dataclass(frozen=True)
class Verdict:
    """What an event is to change, and why."""

    effect: Effect
    reason: str = ""
