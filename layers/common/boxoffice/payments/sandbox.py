"""The sandbox: a complete provider without money, for local and test stages.

Its secret is a key ring of the deployment; there are no merchants' accounts. The header of a webhook is
``X-Sandbox-Signature: t=1772359200,s=1.<mac>``. There ``t`` is the time in Unix seconds. ``s`` is a token of the key
ring over the time, a dot and the raw body.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, ValidationError

from boxoffice.config import provider_secret, settings
from boxoffice.errors import Malformed
from boxoffice.ids import new_id
from boxoffice.models import Id, Request
from boxoffice.payments.errors import SignatureWrong
from boxoffice.payments.models import (
    PLATFORM_MERCHANT,
    DueRefund,
    PreparedPayment,
    ProviderEvent,
    ProviderPayment,
    RefundState,
)
from boxoffice.payments.providers import ProviderInfo
from boxoffice.signing import is_token, token

INFO = ProviderInfo("sandbox", "X-Sandbox-Signature", has_merchant_accounts=False, takes_real_money=False)
TOLERANCE = timedelta(minutes=5)

_PURPOSE = "sandbox webhook"
_SIGNATURE = re.compile(r"t=([0-9]{1,12}),s=([0-9]+\.[\w-]+)", re.ASCII)

type EventType = Literal["payment.succeeded", "payment.failed"]


class SandboxEvent(Request):
    """The body of a webhook."""

    id: Annotated[str, Field(pattern=r"^[\w-]{1,100}$")]
    type: EventType
    payment_id: Id
    amount: Annotated[int, Field(strict=True, gt=0, le=100_000_000_000)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


def create(payment: ProviderPayment) -> PreparedPayment:
    """See `Provider.create`. The buyer pays on a page of the local stack."""
    return PreparedPayment(str(payment.id), url=f"{settings().public_url}/_local/sandbox/{payment.id}")


def fetch(payment: ProviderPayment, *, close: bool) -> Sequence[ProviderEvent]:
    """See `Provider.fetch`. The sandbox stores nothing, so a payment is open until it is closed."""
    if not close:
        return ()
    return [ProviderEvent(f"closed_{payment.id}", "cancelled", payment.id, payment.amount, payment.currency, {})]


def refund(refund: DueRefund) -> RefundState:
    """See `Provider.refund`. There is no money to send, so the refund succeeds at once."""
    return RefundState("succeeded", f"re_{refund.key}")


def verify(merchant_id: UUID, body: bytes, signature: str | None, now: datetime) -> None:
    """See `Provider.verify`. Every key of the ring is accepted. A signature is valid for five minutes."""
    if merchant_id != PLATFORM_MERCHANT:
        raise SignatureWrong
    parts = _SIGNATURE.fullmatch(signature or "")
    if parts is None:
        raise SignatureWrong
    signed_at, proof = parts.groups()
    if not is_token(provider_secret(INFO.name), _PURPOSE, f"{signed_at}.".encode() + body, proof):
        raise SignatureWrong
    if abs(now.timestamp() - int(signed_at)) > TOLERANCE.total_seconds():
        raise SignatureWrong


def parse(merchant_id: UUID, body: bytes) -> ProviderEvent:  # noqa: ARG001 - the sandbox has one account
    """See `Provider.parse`."""
    try:
        event = SandboxEvent.model_validate_json(body)
    except ValidationError as error:
        raise Malformed("The event cannot be read.") from error
    return ProviderEvent(
        id=event.id,
        kind="succeeded" if event.type == "payment.succeeded" else "failed",
        payment_id=event.payment_id,
        amount=event.amount,
        currency=event.currency,
        payload=event.model_dump(mode="json"),
        money_reference=f"{event.payment_id}:{event.amount}:{event.currency}",
    )


def sign(body: bytes, now: datetime) -> dict[str, str]:
    """Return the headers of a webhook with this body."""
    signed_at = int(now.timestamp())
    proof = token(provider_secret(INFO.name), _PURPOSE, f"{signed_at}.".encode() + body)
    return {"Content-Type": "application/json", INFO.webhook_header: f"t={signed_at},s={proof}"}


def signed_event(
    payment_id: str, kind: EventType, amount: int, currency: str, event_id: str | None = None
) -> tuple[bytes, dict[str, str]]:
    """Return the body and headers of a webhook which says that the buyer has paid or declined."""
    event = SandboxEvent.model_validate(
        {
            "id": event_id or f"evt_{new_id()}",
            "type": kind,
            "payment_id": payment_id,
            "amount": amount,
            "currency": currency,
        }
    )
    body = event.model_dump_json().encode()
    return body, sign(body, datetime.now(UTC))
