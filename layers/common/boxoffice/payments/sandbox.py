"""The sandbox: a complete provider without money, for local and test stages.

Its secret is a key ring of the deployment; there are no merchants' accounts. The field ``url`` of the secret names the
sandbox's server, which the local stack runs. That server has a memory of its own: it answers what became of payments,
and repeats its webhooks. Without the field there is no server. Then only webhooks tell what became of a payment, and
each refund succeeds at once.

The header of a webhook is
``X-Sandbox-Signature: t=1772359200,s=1.<mac>``. There ``t`` is the time in Unix seconds. ``s`` is a token of the key
ring over the time, a dot and the raw body.
"""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, ValidationError, model_validator

from boxoffice.config import provider_secret, settings
from boxoffice.errors import Malformed
from boxoffice.ids import new_id
from boxoffice.models import Id, Request
from boxoffice.money import MAX_TOTAL
from boxoffice.payments import calls
from boxoffice.payments.errors import PaymentRefused, ProviderUnavailable, SignatureWrong
from boxoffice.payments.merchants import credentials
from boxoffice.payments.models import (
    PLATFORM_MERCHANT,
    DueRefund,
    EventKind,
    PreparedPayment,
    ProviderEvent,
    ProviderPayment,
    RefundState,
    ReportedEntry,
    ReportPage,
    Reversal,
    ReversalStatus,
)
from boxoffice.payments.providers import BalanceReport, ProviderInfo, return_url
from boxoffice.payments.reading import currency_of, name_of
from boxoffice.signing import is_token, token

INFO = ProviderInfo(
    "sandbox",
    "X-Sandbox-Signature",
    has_merchant_accounts=False,
    takes_real_money=False,
    report=BalanceReport(complete_after=timedelta(days=2)),
)
TOLERANCE = timedelta(minutes=5)

_PURPOSE = "sandbox webhook"
_SIGNATURE = re.compile(r"t=([0-9]{1,12}),s=([0-9]+\.[\w-]+)", re.ASCII)

type EventType = Literal[
    "payment.succeeded",
    "payment.processing",
    "payment.failed",
    "refund.created",
    "refund.failed",
    "dispute.opened",
    "dispute.won",
    "dispute.lost",
]
_KINDS: dict[str, EventKind] = {
    "payment.succeeded": "succeeded",
    "payment.processing": "processing",
    "payment.failed": "failed",
}
_STATUSES: dict[str, ReversalStatus] = {
    "refund.created": "made",
    "refund.failed": "failed",
    "dispute.opened": "open",
    "dispute.won": "won",
    "dispute.lost": "lost",
}
"""The events about refunds that somebody made at the sandbox, and about disputes of payers."""


class SandboxEvent(Request):
    """The body of a webhook."""

    id: Annotated[str, Field(pattern=r"^[\w-]{1,100}$")]
    type: EventType
    payment_id: Id
    amount: Annotated[int, Field(strict=True, gt=0, le=MAX_TOTAL)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$"), AfterValidator(currency_of)]
    reference: Annotated[str | None, Field(pattern=r"^[\w-]{1,100}$")] = None

    @model_validator(mode="after")
    def _names_what_went_back(self) -> Self:
        if (self.type in _STATUSES) != (self.reference is not None):
            raise ValueError("an event about a refund or a dispute names it, and no other event does")
        return self


def create(payment: ProviderPayment) -> PreparedPayment:
    """See `Provider.create`. The buyer pays on a page of the local stack."""
    url = _server()
    if url is None:
        return PreparedPayment(str(payment.id), url=f"{settings().public_url}/_local/sandbox/{payment.id}")
    answer = _call(
        "PUT",
        f"{url}/payments/{payment.id}",
        {
            "amount": payment.amount,
            "currency": payment.currency,
            "order": payment.order_number,
            "buyer": payment.buyer_name,
            "return_url": return_url(payment),
        },
    )
    page = answer.get("url")
    if not isinstance(page, str) or not page.startswith(("https://", "http://")):
        raise _nonsense("no page")
    return PreparedPayment(str(payment.id), url=page)


def fetch(payment: ProviderPayment, *, close: bool) -> Sequence[ProviderEvent]:
    """See `Provider.fetch`. Without a server a payment is open until it is closed.

    A payment brings money once. So one that has brought too little is over.
    """
    event = _fetch(payment, close=close)
    if event is None:
        return []
    is_over = event.kind == "succeeded" and event.amount < payment.amount
    return [event, _closed(payment)] if is_over else [event]


def _fetch(payment: ProviderPayment, *, close: bool) -> ProviderEvent | None:
    url = _server()
    if url is None:
        return _closed(payment) if close else None
    path = f"{url}/payments/{payment.id}"
    try:
        answer = _call("POST", f"{path}/close") if close else _call("GET", path)
    except _Refused as error:
        if error.answered != 404:
            raise
        return _closed(payment) if close else None
    match answer.get("status"):
        case "succeeded" | "processing" | "failed":
            return _fetched(payment, answer)
        case "cancelled":
            return _closed(payment)
        case _:
            return None


def refund(refund: DueRefund) -> RefundState:
    """See `Provider.refund`. The refund's key is its name at the sandbox, so that a repeat changes nothing."""
    url = _server()
    if url is None:
        return RefundState("succeeded", f"re_{refund.key}")
    try:
        if refund.reference:
            return _state(_call("GET", f"{url}/refunds/{refund.reference}"))
        body = {"payment_id": str(refund.payment_id), "amount": refund.amount, "currency": refund.currency}
        return _state(_call("PUT", f"{url}/refunds/{refund.key}", body))
    except _Refused as error:
        known = _call("GET", f"{url}/payments/{refund.payment_id}") if error.answered == 409 else {}
        reversals = tuple(_reversal(each, refund.payment_id, refund.currency) for each in known.get("reversals", []))
        return RefundState("refused", reason=error.detail, code=f"refused_{error.answered}", reversals=reversals)


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
        return _event(SandboxEvent.model_validate_json(body))
    except ValidationError as error:
        raise Malformed("The event cannot be read.") from error


def list_entries(merchant_id: UUID, since: datetime, until: datetime, page: str | None) -> ReportPage | None:  # noqa: ARG001
    """See `ReportingProvider.list_entries`. Without a server there is no report."""
    url = _server()
    if url is None:
        return None
    after = f"&after={page}" if page else ""
    answer = _call("GET", f"{url}/entries?since={since.timestamp()}&until={until.timestamp()}{after}")
    try:
        return ReportPage([_entry(each) for each in answer["entries"]], answer["next"] and name_of(answer["next"]))
    except (KeyError, TypeError, ValueError) as error:
        raise _nonsense("no entries") from error


def get_balances(merchant_id: UUID) -> dict[str, int] | None:  # noqa: ARG001
    """See `ReportingProvider.get_balances`."""
    url = _server()
    return None if url is None else _call("GET", f"{url}/balance")


def _entry(entry: dict[str, Any]) -> ReportedEntry:
    payment, currency = UUID(entry["payment_id"]), currency_of(entry["currency"])
    money = _money_reference(payment, int(entry["paid"]), currency)
    return ReportedEntry(
        reference=name_of(entry["id"]),
        kind=entry["kind"],
        type=name_of(entry["type"]),
        made_at=datetime.fromtimestamp(entry["made_at"], UTC),
        amount=int(entry["amount"]),
        fee=int(entry["fee"]),
        currency=currency,
        subject=money if entry["kind"] == "charge" else name_of(entry["subject"]),
        money_reference=money,
        payment_id=payment,
    )


def _money_reference(payment_id: UUID, amount: int, currency: str) -> str:
    """Return the name of money that came, which stands for its amount too: a payment brings money once."""
    return f"{payment_id}:{amount}:{currency}"


def sign(body: bytes, now: datetime) -> dict[str, str]:
    """Return the headers of a webhook with this body."""
    signed_at = int(now.timestamp())
    proof = token(provider_secret(INFO.name), _PURPOSE, f"{signed_at}.".encode() + body)
    return {"Content-Type": "application/json", INFO.webhook_header: f"t={signed_at},s={proof}"}


def signed_event(
    payment_id: str,
    kind: EventType,
    amount: int,
    currency: str,
    event_id: str | None = None,
    reference: str | None = None,
) -> tuple[bytes, dict[str, str]]:
    """Return the body and headers of a webhook, such as one which says that the buyer has paid or declined."""
    event = SandboxEvent.model_validate(
        {
            "id": event_id or f"evt_{new_id()}",
            "type": kind,
            "payment_id": payment_id,
            "amount": amount,
            "currency": currency,
            "reference": reference,
        }
    )
    body = event.model_dump_json(exclude_none=True).encode()
    return body, sign(body, datetime.now(UTC))


class _Refused(PaymentRefused):
    """The sandbox refuses a call. The detail is its own message."""

    def __init__(self, answered: int, message: str) -> None:
        super().__init__(message)
        self.answered = answered  # the status of its answer


def _server() -> str | None:
    """Return the address of the sandbox's server, or None if there is none."""
    return credentials(PLATFORM_MERCHANT, INFO.name).get("url")


def _call(method: str, url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Call the sandbox's server. Return its answer.

    Raises:
        _Refused: the sandbox refuses the call.
        ProviderBusy, ProviderUnavailable: see `calls.request`, or we cannot understand the answer.
    """
    answer = calls.request(INFO.name, method, url, body)
    try:
        content = json.loads(answer.content)
        if answer.status >= 400:
            raise _Refused(answer.status, str(content["message"]))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _nonsense(f"status {answer.status}") from error
    if not isinstance(content, dict):
        raise _nonsense("no object")
    return content


def _nonsense(why: str) -> ProviderUnavailable:
    return calls.unavailable(INFO.name, f"nonsense: {why}")


def _reversal(known: dict[str, Any], payment_id: UUID, currency: str) -> Reversal:
    """Return a refund or a dispute as the sandbox knows it. The sandbox names it like the event about it."""
    return Reversal(
        kind="dispute" if str(known["type"]).startswith("dispute") else "refund",
        reference=str(known["reference"]),
        money_reference="",
        amount=int(known["amount"]),
        currency=currency,
        status=_STATUSES[known["type"]],
        reason=str(known["type"]),
        payment_id=payment_id,
    )


def _event(event: SandboxEvent) -> ProviderEvent:
    if event.type in _STATUSES:
        payload = event.model_dump(mode="json")
        reversal = _reversal(payload, event.payment_id, event.currency)
        return ProviderEvent(event.id, "reversal", None, 0, "", payload, reversals=(reversal,))
    return ProviderEvent(
        id=event.id,
        kind=_KINDS[event.type],
        payment_id=event.payment_id,
        amount=event.amount,
        currency=event.currency,
        payload=event.model_dump(mode="json", exclude_none=True),
        money_reference=_money_reference(event.payment_id, event.amount, event.currency),
    )


def _fetched(payment: ProviderPayment, answer: dict[str, Any]) -> ProviderEvent:
    """Return the event for a payment as the sandbox knows it. Money comes once, but other tries may repeat."""
    event = {name: answer.get(name) for name in ("amount", "currency")}
    name = payment.id if answer["status"] == "succeeded" else new_id()
    event |= {"id": f"fetched_{name}", "type": f"payment.{answer['status']}", "payment_id": payment.id}
    try:
        return _event(SandboxEvent.model_validate(event))
    except ValidationError as error:
        raise _nonsense("no payment") from error


def _closed(payment: ProviderPayment) -> ProviderEvent:
    return ProviderEvent(f"closed_{payment.id}", "cancelled", payment.id, payment.amount, payment.currency, {})


def _state(answer: dict[str, Any]) -> RefundState:
    match answer.get("status"):
        case "succeeded":
            return RefundState("succeeded", str(answer.get("id")))
        case "failed":
            return RefundState("failed", reason=str(answer.get("reason")), code="failed")
        case _:
            return RefundState("pending", str(answer.get("id")))
