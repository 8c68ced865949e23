"""A payment provider as somebody would add one: a box for coins. It sends its secret with its webhooks."""

import json
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from boxoffice.payments.merchants import check_webhook_secret
from boxoffice.payments.models import DueRefund, PreparedPayment, ProviderEvent, ProviderPayment, RefundState
from boxoffice.payments.providers import ProviderInfo

INFO = ProviderInfo("coins", "X-Coins-Secret", ("webhook_secret",))


def create(payment: ProviderPayment) -> PreparedPayment:
    """Return the address of the box."""
    return PreparedPayment(str(payment.id), url=f"https://coins.example/{payment.id}")


def fetch(payment: ProviderPayment, *, close: bool) -> Sequence[ProviderEvent]:
    """Return nothing, since the box stores no payments."""
    return ()


def refund(refund: DueRefund) -> RefundState:
    """Return coins at once."""
    return RefundState("succeeded", f"back_{refund.key}")


def verify(merchant_id: UUID, body: bytes, signature: str | None, now: datetime) -> None:
    """Check the secret that proves the sender."""
    check_webhook_secret(merchant_id, INFO.name, signature)


def parse(merchant_id: UUID, body: bytes) -> ProviderEvent:
    """Return the event that a body describes: coins that somebody put in."""
    event = json.loads(body)
    payment_id = UUID(event["payment_id"])
    return ProviderEvent(event["id"], "succeeded", payment_id, event["amount"], event["currency"], event)
