"""A bank or gateway of which we know only that it can send a webhook: ``{order, status: PAID|REJECTED, reason?}``.

It shows a shared secret in ``X-Webhook-Secret``; an account's secret is ``{"webhook_secret"}``. It is told of no
payment beforehand, cannot be asked and sends nothing back: its refunds are made by hand.
"""

import hmac
import json
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, ValidationError

from boxoffice.errors import Malformed
from boxoffice.models import Line, Request, Text
from boxoffice.payments.errors import PaymentRefused, SignatureWrong
from boxoffice.payments.merchants import webhook_secret
from boxoffice.payments.models import Bill, DueRefund, ProviderEvent, RefundState, Started

SIGNATURE_HEADER = "X-Webhook-Secret"


class GenericEvent(Request):
    """The body of a webhook."""

    order: Annotated[Line, Field(description="The order's id or number")]
    status: Literal["PAID", "REJECTED"]
    reason: Text | None = None


def create(bill: Bill) -> Started:  # noqa: ARG001
    """See `Provider.create`. Nothing is prepared at a provider that cannot be called."""
    raise PaymentRefused


def fetch(bill: Bill, *, close: bool) -> ProviderEvent | None:  # noqa: ARG001
    """See `Provider.fetch`. Its webhooks are all that it tells."""
    return None


def refund(refund: DueRefund) -> RefundState:  # noqa: ARG001
    """See `Provider.refund`."""
    return RefundState("impossible", reason="This provider cannot be called: send the money back by hand.")


def verify(merchant_id: UUID, body: bytes, signature: str | None, now: datetime) -> None:  # noqa: ARG001
    """See `Provider.verify`. The comparison takes the same time wherever the secrets differ."""
    shown = (signature or "").encode()
    for fresh in (False, True):
        if hmac.compare_digest(shown, webhook_secret(merchant_id, "generic", "webhook_secret", fresh=fresh).encode()):
            return
    raise SignatureWrong


def parse(merchant_id: UUID, body: bytes) -> ProviderEvent:  # noqa: ARG001
    """See `Provider.parse`. Which payment it is about, `payments.service` finds by the order."""
    try:
        event = GenericEvent.model_validate_json(body)
    except ValidationError as error:
        raise Malformed("The event cannot be read.") from error
    kind: Literal["succeeded", "failed"] = "succeeded" if event.status == "PAID" else "failed"
    return ProviderEvent(event.order, kind, None, 0, "", json.loads(event.model_dump_json(exclude_none=True)))
