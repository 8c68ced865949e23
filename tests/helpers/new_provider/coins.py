"""A provider as one is added: coins in a box. It shows its secret with its webhooks and keeps nothing."""

import json
from datetime import datetime
from uuid import UUID

from boxoffice.payments.merchants import check_webhook_secret
from boxoffice.payments.models import DueRefund, PreparedPayment, ProviderEvent, ProviderPayment, RefundState
from boxoffice.payments.providers import ProviderInfo

INFO = ProviderInfo("coins", "X-Coins-Secret", ("webhook_secret",))


def create(payment: ProviderPayment) -> PreparedPayment:
    """The slot of the box."""
    return PreparedPayment(str(payment.id), url=f"https://coins.example/{payment.id}")


def fetch(payment: ProviderPayment, *, close: bool) -> ProviderEvent | None:
    """The box remembers no payment."""
    return None


def refund(refund: DueRefund) -> RefundState:
    """The box gives coins back at once."""
    return RefundState("succeeded", f"back_{refund.key}")


def verify(merchant_id: UUID, body: bytes, signature: str | None, now: datetime) -> None:
    """The secret proves who sends it."""
    check_webhook_secret(merchant_id, INFO.name, signature)


def parse(merchant_id: UUID, body: bytes) -> ProviderEvent:
    """So many coins have fallen in."""
    fallen = json.loads(body)
    payment_id = UUID(fallen["payment_id"])
    return ProviderEvent(fallen["id"], "succeeded", payment_id, fallen["amount"], fallen["currency"], fallen)
