"""The generic provider: a bank or gateway that can send a webhook.

Its body is ``{order, status: PAID|REJECTED, payment?, reason?}``.

It shows a shared secret in ``X-Webhook-Secret``. It knows no payment of ours, so its events name an order. We cannot
call it, so people send its refunds by hand.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, ValidationError

from boxoffice.errors import Malformed
from boxoffice.models import Request, ShortText, Text
from boxoffice.payments.errors import PaymentRefused
from boxoffice.payments.merchants import check_webhook_secret
from boxoffice.payments.models import DueRefund, EventKind, PreparedPayment, ProviderEvent, ProviderPayment, RefundState
from boxoffice.payments.providers import ProviderInfo

INFO = ProviderInfo("generic", "X-Webhook-Secret", ("webhook_secret",))

_KINDS: dict[str, EventKind] = {"PAID": "succeeded", "REJECTED": "failed"}


class GenericEvent(Request):
    """The body of a webhook."""

    order: Annotated[ShortText, Field(description="The order's id or number")]
    status: Literal["PAID", "REJECTED"]
    payment: Annotated[
        str | None,
        Field(pattern=r"^[\x21-\x7e]{1,100}$", description="The bank's own name for the money, such as a number"),
    ] = None
    reason: Text | None = None


def create(payment: ProviderPayment) -> PreparedPayment:  # noqa: ARG001
    """See `Provider.create`. We cannot call this provider, so it refuses every payment."""
    raise PaymentRefused


def fetch(payment: ProviderPayment, *, close: bool) -> Sequence[ProviderEvent]:  # noqa: ARG001
    """See `Provider.fetch`. We cannot call this provider, so a payment stays open until a webhook comes."""
    return ()


def refund(refund: DueRefund) -> RefundState:  # noqa: ARG001
    """See `Provider.refund`. We cannot call this provider, so people have to send the money back."""
    return RefundState("by_hand")


def verify(merchant_id: UUID, body: bytes, signature: str | None, now: datetime) -> None:  # noqa: ARG001
    """See `Provider.verify`. The secret does not prove when the webhook was sent."""
    check_webhook_secret(merchant_id, INFO.name, signature)


def parse(merchant_id: UUID, body: bytes) -> ProviderEvent:  # noqa: ARG001
    """See `Provider.parse`. The status is the event's id, so an order is paid once and rejected once.

    If the bank names each payment, the name is a part of the id. So a second payment for an order is no repeat, nor is
    one for the same unknown words.
    """
    try:
        event = GenericEvent.model_validate_json(body)
    except ValidationError as error:
        raise Malformed("The event cannot be read.") from error
    payload = json.loads(event.model_dump_json(exclude_none=True))
    return ProviderEvent(
        id=f"{event.status}:{event.payment}" if event.payment else event.status,
        kind=_KINDS[event.status],
        payment_id=None,
        amount=0,
        currency="",
        payload=payload,
        money_reference=event.payment or "",
        order_reference=event.order,
    )
