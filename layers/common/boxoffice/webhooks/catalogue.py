"""The types of webhooks: what each tells, with an example. The OpenAPI document has them under `webhooks`.

A webhook has ids, and facts as they were at the change; nothing secret, and nobody's name or address. Whoever needs
more asks the API, which then says how things are by now.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import models_json_schema

from boxoffice.models import Id
from boxoffice.outbox import WebhookType

_AT = datetime(2027, 5, 20, 12, 0, tzinfo=UTC)
_STARTS_AT, _ENDS_AT = datetime(2027, 6, 19, 18, 0, tzinfo=UTC), datetime(2027, 6, 19, 22, 0, tzinfo=UTC)


def _id(number: int) -> UUID:
    """Return an id for examples."""
    return UUID(f"01981f6c-7b00-7a11-8c3e-5d2f40a1b{number:03x}")


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _InCurrency(_Data):
    currency: str
    currency_exponent: int = Field(description="How many decimals the currency has in ISO 4217")


class OrderWebhook(_InCurrency):
    order_id: Id
    number: str
    status: Literal["paid", "cancelled", "expired"]
    total: int = Field(description="In the currency's minor unit")
    event_ids: list[Id]


class OrderRefundedWebhook(_InCurrency):
    order_id: Id
    number: str
    status: Literal["partially_refunded", "refunded"]
    total: int = Field(description="In the currency's minor unit")
    event_ids: list[Id]
    refund_id: Id
    refunded: int = Field(description="What goes back to the buyer. 0 if tickets end for nothing")
    kept: int = Field(description="What the seller keeps of the price of the tickets that end")
    ticket_ids: list[Id] = Field(description="The tickets that end")


class OrderUpdatedWebhook(_InCurrency):
    order_id: Id
    number: str
    status: str


class PaymentWebhook(_InCurrency):
    payment_id: Id
    provider: str
    order_id: Id
    number: str
    amount: int = Field(description="In the currency's minor unit")


class _MoneyWentBack(_InCurrency):
    order_id: Id
    number: str
    status: str
    payment_id: Id
    provider: str
    reference: str = Field(description="The provider's name for it")
    amount: int = Field(description="In the currency's minor unit")
    provider_reason: str | None


class RefundedElsewhereWebhook(_MoneyWentBack):
    refund_status: str


class DisputedWebhook(_MoneyWentBack):
    dispute_status: str


class RefundWebhook(_InCurrency):
    refund_id: Id | None = Field(description="Null for money that had bought nothing")
    order_id: Id
    payment_id: Id
    amount: int = Field(description="In the currency's minor unit")


class PayoutWebhook(_InCurrency):
    payout_id: Id
    method_id: Id
    status: Literal["requested", "approved", "rejected", "sent", "returned"]
    amount: int = Field(description="In the currency's minor unit")
    bank_reference: str | None = Field(description="By which the bank knows the transfer. Null until it is sent")


class ScanWebhook(_Data):
    scan_id: Id
    ticket_id: Id
    order_id: Id
    event_id: Id
    ticket_type_id: Id
    entry: int | None = Field(description="Which entry of the ticket it is, from 1. Null for an offline scan")
    gate: str | None
    device_id: str | None
    scanned_at: datetime
    offline: bool


class ScanUndoneWebhook(_Data):
    scan_id: Id
    ticket_id: Id
    event_id: Id


class TransferWebhook(_Data):
    transfer_id: Id
    ticket_id: Id
    order_id: Id


class WaitlistWebhook(_Data):
    entry_id: Id
    event_id: Id
    ticket_type_id: Id
    quantity: int


class EventWebhook(_Data):
    event_id: Id
    version: int
    title: str
    starts_at: datetime
    ends_at: datetime


class EventUpdatedWebhook(EventWebhook):
    changed: list[str] = Field(description="The names of the fields that differ")


class EventCancelledWebhook(EventWebhook):
    reason: str | None


@dataclass(frozen=True)
class Described:
    """A type of webhook: what it tells, and the data of an example."""

    summary: str
    example: _Data


_NGN: dict[str, Any] = {"currency": "NGN", "currency_exponent": 2}
_ORDER: dict[str, Any] = {"order_id": _id(9), "number": "K7QW-3MPX"}
_SOLD = _NGN | _ORDER | {"total": 10_000, "event_ids": [_id(2)]}
_PAYMENT: dict[str, Any] = _NGN | {"payment_id": _id(10), "provider": "example", "amount": 10_000}
_BACK = _PAYMENT | _ORDER | {"status": "paid", "reference": "re_1Nispe2eZvKYlo2C", "provider_reason": "fraudulent"}
_REFUND = _NGN | {"refund_id": _id(32), "order_id": _id(9), "payment_id": _id(10), "amount": 5000}
_PAYOUT: dict[str, Any] = _NGN | {"payout_id": _id(48), "method_id": _id(49), "amount": 50_000, "bank_reference": None}
_SCAN: dict[str, Any] = {"scan_id": _id(13), "ticket_id": _id(12), "event_id": _id(2)}
_ENTRY: dict[str, Any] = {"entry_id": _id(7), "event_id": _id(2), "ticket_type_id": _id(4), "quantity": 2}
_EVENT: dict[str, Any] = {"event_id": _id(2), "version": 3, "title": "Harbour Lights"}
_EVENT |= {"starts_at": _STARTS_AT, "ends_at": _ENDS_AT}

CATALOGUE: Mapping[WebhookType, Described] = {
    "order.paid": Described("An order was paid, and has its tickets", OrderWebhook(status="paid", **_SOLD)),
    "order.refunded": Described(
        "An order was refunded, whole or in part",
        OrderRefundedWebhook(
            status="partially_refunded",
            refund_id=_id(32),
            refunded=5000,
            kept=0,
            ticket_ids=[_id(12)],
            **_SOLD,
        ),
    ),
    "order.cancelled": Described(
        "An order was cancelled before it was paid", OrderWebhook(status="cancelled", **_SOLD)
    ),
    "order.expired": Described("The hold of an order lapsed", OrderWebhook(status="expired", **_SOLD)),
    "order.updated": Described(
        "The buyer, a holder or an answer of an order has changed", OrderUpdatedWebhook(status="paid", **_NGN, **_ORDER)
    ),
    "payment.processing": Described("Money for an order is under way for days", PaymentWebhook(**_PAYMENT, **_ORDER)),
    "payment.failed": Described("A try to pay has failed. Another may follow", PaymentWebhook(**_PAYMENT, **_ORDER)),
    "payment.returned": Described(
        "Money came that pays no order, so it goes back", PaymentWebhook(**_PAYMENT, **_ORDER)
    ),
    "payment.refunded_elsewhere": Described(
        "Money went back at the provider, without us", RefundedElsewhereWebhook(refund_status="made", **_BACK)
    ),
    "payment.disputed": Described(
        "A payer disputes a payment, or the dispute has ended", DisputedWebhook(dispute_status="open", **_BACK)
    ),
    "refund.sent": Described("The provider has taken a refund", RefundWebhook(**_REFUND)),
    "refund.failed": Described("A refund needs a person: see the money matters", RefundWebhook(**_REFUND)),
    "payout.requested": Described("An owner has asked for a payout", PayoutWebhook(status="requested", **_PAYOUT)),
    "payout.approved": Described("An admin has approved a payout", PayoutWebhook(status="approved", **_PAYOUT)),
    "payout.rejected": Described(
        "A payout was rejected, and the money is in the balance again", PayoutWebhook(status="rejected", **_PAYOUT)
    ),
    "payout.sent": Described(
        "The bank has sent a payout", PayoutWebhook(status="sent", **_PAYOUT | {"bank_reference": "RF18539007547034"})
    ),
    "payout.returned": Described(
        "A payout came back, and the money is in the balance again",
        PayoutWebhook(status="returned", **_PAYOUT | {"bank_reference": "RF18539007547034"}),
    ),
    "ticket.scanned": Described(
        "A ticket has let somebody in",
        ScanWebhook(
            order_id=_id(9),
            ticket_type_id=_id(4),
            entry=1,
            gate="North",
            device_id=None,
            scanned_at=_AT,
            offline=False,
            **_SCAN,
        ),
    ),
    "ticket.scan_undone": Described("A scan was undone, so its entry does not count", ScanUndoneWebhook(**_SCAN)),
    "ticket.transferred": Described(
        "A ticket has a new holder, and its former QR ends",
        TransferWebhook(transfer_id=_id(33), ticket_id=_id(12), order_id=_id(9)),
    ),
    "waitlist.joined": Described("Somebody waits for tickets, or has changed for how many", WaitlistWebhook(**_ENTRY)),
    "waitlist.offered": Described("Tickets are held for somebody who waits", WaitlistWebhook(**_ENTRY)),
    "waitlist.lapsed": Described("An offer was not taken in time", WaitlistWebhook(**_ENTRY)),
    "waitlist.left": Described("Somebody waits no longer", WaitlistWebhook(**_ENTRY)),
    "event.published": Described("An event is on sale", EventWebhook(**_EVENT)),
    "event.updated": Described("An event has changed", EventUpdatedWebhook(changed=["starts_at", "ends_at"], **_EVENT)),
    "event.cancelled": Described(
        "An event was cancelled, and its orders are refunded",
        EventCancelledWebhook(reason="The singer is ill.", **_EVENT),
    ),
    "event.deleted": Described("An event was deleted", EventWebhook(**_EVENT)),
}

_HEADERS = {
    "webhook-id": (
        "The same for each attempt and replay: by it you know a repeat",
        "01981f6c-7b00-7a11-8c3e-5d2f40a1b021",
    ),
    "webhook-timestamp": ("When the attempt began, in seconds since 1970", "1810900800"),
    "webhook-signature": (
        "One or more signatures, with spaces between them. One that is right is enough",
        "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
    ),
}
_RESPONSES = {
    "2XX": {"description": "You have it. The body is not read further than its beginning"},
    "410": {"description": "You want no more. The endpoint is disabled"},
    "default": {"description": "You do not have it, so it comes again. `Retry-After` is respected with 429 and 503"},
}


def body_of(kind: WebhookType) -> dict[str, Any]:
    """Return the body of an example, as it is sent."""
    return {
        "type": kind,
        "timestamp": "2027-05-20T12:00:00.000000Z",
        "data": CATALOGUE[kind].example.model_dump(mode="json"),
    }


def described() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the section `webhooks` of the OpenAPI document, and the schemas that it refers to."""
    models = {type(each.example) for each in CATALOGUE.values()}
    ordered = sorted(models, key=lambda model: model.__name__)
    _, schemas = models_json_schema(
        [(model, "serialization") for model in ordered], ref_template="#/components/schemas/{model}"
    )
    return {kind: {"post": _operation(kind, each)} for kind, each in CATALOGUE.items()}, schemas["$defs"]


def _operation(kind: WebhookType, webhook: Described) -> dict[str, Any]:
    parameters = [
        {
            "name": name,
            "in": "header",
            "required": True,
            "description": text,
            "schema": {"type": "string"},
            "example": value,
        }
        for name, (text, value) in _HEADERS.items()
    ]
    schema = {
        "type": "object",
        "properties": {
            "type": {"const": kind},
            "timestamp": {"type": "string", "format": "date-time", "description": "When the change was committed"},
            "data": {"$ref": f"#/components/schemas/{type(webhook.example).__name__}"},
        },
        "required": ["type", "timestamp", "data"],
        "additionalProperties": False,
    }
    return {
        "summary": webhook.summary,
        "operationId": kind.replace(".", "_"),
        "tags": ["webhooks"],
        "security": [],
        "parameters": parameters,
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": schema, "example": body_of(kind)}},
        },
        "responses": _RESPONSES,
    }
