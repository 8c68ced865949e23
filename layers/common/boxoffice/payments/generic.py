"""A bank or gateway of which we know only that it can send a webhook: ``{order, status: PAID|REJECTED, reason?}``.

It shows a shared secret in ``X-Webhook-Secret``. It is told of no payment beforehand, so its events name an order. It
cannot be called: people send its refunds.
"""

import json
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
    reason: Text | None = None


def create(payment: ProviderPayment) -> PreparedPayment:  # noqa: ARG001
    """See `Provider.create`. Nothing can be prepared at a provider that cannot be called."""
    raise PaymentRefused


def fetch(payment: ProviderPayment, *, close: bool) -> ProviderEvent | None:  # noqa: ARG001
    """See `Provider.fetch`. We know what its webhooks tell, and nothing more."""
    return None


def refund(refund: DueRefund) -> RefundState:  # noqa: ARG001
    """See `Provider.refund`."""
    return RefundState("impossible", reason="This provider cannot be called: send the money back by hand.")


def verify(merchant_id: UUID, body: bytes, signature: str | None, now: datetime) -> None:  # noqa: ARG001
    """See `Provider.verify`."""
    check_webhook_secret(merchant_id, INFO.name, signature)


def parse(merchant_id: UUID, body: bytes) -> ProviderEvent:  # noqa: ARG001
    """See `Provider.parse`. The status names the event: an order is paid once, and rejected once."""
    try:
        event = GenericEvent.model_validate_json(body)
    except ValidationError as error:
        raise Malformed("The event cannot be read.") from error
    payload = json.loads(event.model_dump_json(exclude_none=True))
    return ProviderEvent(event.status, _KINDS[event.status], None, 0, "", payload, order_reference=event.order)
