"""The sandbox: a complete provider without money, for local and test stages.

A webhook is JSON, signed like ``X-Sandbox-Signature: t=1772359200,s=1.<mac>``: the moment in Unix seconds, and a token
of the ring in SANDBOX_SECRET over the moment, a dot and the raw body.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, ValidationError

from boxoffice.config import settings
from boxoffice.errors import Malformed
from boxoffice.ids import new_id
from boxoffice.models import Id, Request
from boxoffice.payments.errors import SignatureWrong
from boxoffice.payments.models import PLATFORM, Bill, DueRefund, ProviderEvent, RefundState, Started
from boxoffice.signing import is_token, token

SIGNATURE_HEADER = "X-Sandbox-Signature"
TOLERANCE = timedelta(minutes=5)

_PURPOSE = "sandbox webhook"
_SIGNATURE = re.compile(r"t=([0-9]{1,12}),s=([0-9]+\.[\w-]+)", re.ASCII)

type Kind = Literal["payment.succeeded", "payment.failed"]


class SandboxEvent(Request):
    """The body of a webhook."""

    id: Annotated[str, Field(pattern=r"^[\w-]{1,100}$")]
    type: Kind
    payment_id: Id
    amount: Annotated[int, Field(strict=True, gt=0, le=100_000_000_000)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


def create(bill: Bill) -> Started:
    """The payment's page on the local stack."""
    return Started(str(bill.id), url=f"{settings().public_url}/_local/sandbox/{bill.id}")


def fetch(bill: Bill, *, close: bool) -> ProviderEvent | None:
    """See `Provider.fetch`. The sandbox keeps nothing: what it knows, its webhooks have told."""
    if not close:
        return None
    return ProviderEvent(f"closed_{bill.id}", "cancelled", bill.id, bill.amount, bill.currency, {})


def refund(refund: DueRefund) -> RefundState:
    """See `Provider.refund`. There is no money to send, so it has arrived."""
    return RefundState("succeeded", f"re_{refund.key}")


def verify(merchant_id: UUID, body: bytes, signature: str | None, now: datetime) -> None:
    """See `Provider.verify`. Every key of the ring is accepted; a signature is good for five minutes."""
    if merchant_id != PLATFORM:
        raise SignatureWrong
    parts = _SIGNATURE.fullmatch(signature or "")
    if parts is None:
        raise SignatureWrong
    signed_at, proof = parts.groups()
    if not is_token(settings().sandbox_secret, _PURPOSE, f"{signed_at}.".encode() + body, proof):
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
        money=f"{event.payment_id}:{event.amount}:{event.currency}",
    )


def sign(body: bytes, now: datetime) -> dict[str, str]:
    """The headers of a webhook with this body."""
    signed_at = int(now.timestamp())
    proof = token(settings().sandbox_secret, _PURPOSE, f"{signed_at}.".encode() + body)
    return {"Content-Type": "application/json", SIGNATURE_HEADER: f"t={signed_at},s={proof}"}


def signed_event(
    payment_id: str, kind: Kind, amount: int, currency: str, event_id: str | None = None
) -> tuple[bytes, dict[str, str]]:
    """The body and headers of a webhook that says that the buyer has paid, or has declined to."""
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
