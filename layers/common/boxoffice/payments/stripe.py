"""Stripe: PaymentIntents by the official client. The buyer pays on a page of the shop, with Stripe.js.

The secret of an account may have a field ``url``, which names another server than Stripe's. Webhooks to subscribe to:
``payment_intent.succeeded``, ``payment_intent.processing``, ``payment_intent.requires_action``,
``payment_intent.payment_failed``, ``payment_intent.canceled``, ``refund.created``, ``refund.updated``,
``refund.failed``, ``charge.refunded`` and ``charge.dispute.*``. Those about refunds and disputes carry all that is to
be known, so that no call follows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

from boxoffice.errors import DomainError, Malformed
from boxoffice.money import is_known, major
from boxoffice.observability import logger
from boxoffice.payments import calls
from boxoffice.payments.errors import PaymentRefused, ProviderUnavailable, SignatureWrong
from boxoffice.payments.merchants import credential, credentials, webhook_secrets
from boxoffice.payments.models import (
    DueRefund,
    EntryKind,
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
from boxoffice.payments.providers import BalanceReport, Pace, ProviderInfo
from boxoffice.payments.reading import amount_of, currency_of, moved_amount_of, name_of, payment_id_of

if TYPE_CHECKING:
    from stripe import InvalidRequestError, PaymentIntent, RateLimitError, Refund, StripeClient
    from stripe.params import BalanceTransactionListParams, PaymentIntentCreateParams

# In live mode. See https://docs.stripe.com/rate-limits, which also says that each operation is an endpoint.
_PACE = Pace(account=100, endpoint=25)
INFO = ProviderInfo(
    "stripe",
    "Stripe-Signature",
    ("secret_key", "publishable_key", "webhook_secret"),
    has_late_methods=True,
    pace=_PACE,
    report=BalanceReport(complete_after=timedelta(days=2)),
)

_TOLERANCE = 300  # seconds
_TIMEOUT = (3.0, 8.0)  # seconds to connect, and between two bytes
_UNFUNDED = re.compile(r"insufficient", re.IGNORECASE)
_DISPUTE_ENDS: dict[str, ReversalStatus] = {
    "lost": "lost",
    "prevented": "lost",  # the card's network has returned the money before a formal dispute
    "won": "won",
    "warning_closed": "won",
}
_KINDS: dict[str, EventKind] = {
    "payment_intent.succeeded": "succeeded",
    "payment_intent.processing": "processing",
    "payment_intent.requires_action": "processing",
    "payment_intent.payment_failed": "failed",
    "payment_intent.canceled": "cancelled",
}
# The methods that Stripe documents with delayed notification: the money takes days. They are named here, and not those
# that settle at once: the account chooses among the others, also new ones. If a new one takes days, its order is held.
_LATE_METHODS = [
    "acss_debit",
    "au_becs_debit",
    "bacs_debit",
    "boleto",
    "customer_balance",
    "konbini",
    "multibanco",
    "nz_bank_account",
    "oxxo",
    "sepa_debit",
    "sofort",
    "us_bank_account",
]
# What such a method waits for after the buyer has done their part: a voucher to be paid, or a bank to transfer.
_LATE_ACTIONS = frozenset(
    [
        "boleto_display_details",
        "display_bank_transfer_instructions",
        "konbini_display_details",
        "multibanco_display_details",
        "oxxo_display_details",
        "verify_with_microdeposits",
    ]
)
# Stripe counts two decimals, but for these (https://docs.stripe.com/currencies). So it differs from ISO 4217 in three
# currencies: MGA has none here, and ISK and UGX have two, which must be 00. Its list of currencies without decimals
# names UGX too, but its special cases say that a charge of UGX 5 is 500. HUF and TWD are whole in payouts alone.
_NO_DECIMALS = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"]
)
_THREE_DECIMALS = frozenset(["BHD", "JOD", "KWD", "OMR", "TND"])
# Stripe's reporting categories (https://docs.stripe.com/reports/reporting-categories), as far as they concern us.
_ENTRIES: dict[str, EntryKind] = {
    **dict.fromkeys(("charge", "charge_failure", "partial_capture_reversal"), "charge"),
    **dict.fromkeys(("refund", "refund_failure"), "refund"),
    **dict.fromkeys(("dispute", "dispute_reversal"), "dispute"),
    **dict.fromkeys(("fee", "network_cost", "tax"), "fee"),
    **dict.fromkeys(("payout", "payout_reversal", "topup", "topup_reversal"), "payout"),
    **dict.fromkeys(("payout_minimum_balance_hold", "payout_minimum_balance_release", "risk_reserved_funds"), "hold"),
}


def create(payment: ProviderPayment) -> PreparedPayment:
    """See `Provider.create`. The payment's id is the idempotency key."""
    client = _client(payment.merchant_id)
    parameters: PaymentIntentCreateParams = {
        "amount": _stripe_amount(payment.amount, payment.currency),
        "currency": payment.currency.lower(),
        "metadata": {
            "payment_id": str(payment.id),
            "order_id": str(payment.order_id),
            "order": payment.order_number,
        },
    }
    if not payment.late:
        parameters["excluded_payment_method_types"] = _LATE_METHODS
    with _calling():
        intent = client.v1.payment_intents.create(parameters, {"idempotency_key": str(payment.id)})
        secret = intent.client_secret
    key = credentials(payment.merchant_id, INFO.name).get("publishable_key")
    return PreparedPayment(intent.id, client_secret=secret, publishable_key=key)


def fetch(payment: ProviderPayment, *, close: bool) -> Sequence[ProviderEvent]:
    """See `Provider.fetch`. Nobody can pay a PaymentIntent that was cancelled.

    One that waits for a voucher or a transfer is left open while its order is pending.
    """
    reference = payment.reference or ""
    client = _client(payment.merchant_id)
    with _calling():
        intent = client.v1.payment_intents.retrieve(reference)
        is_awaited = _is_late(intent.to_dict()) and payment.order_status == "pending"
        if close and not is_awaited and intent.status not in ("succeeded", "canceled", "processing"):
            intent = _cancel(client, reference)
        return _current_events(payment, intent)


def refund(refund: DueRefund) -> RefundState:
    """See `Provider.refund`. Stripe forgets idempotency keys after a while, so we first look for an earlier attempt."""
    import stripe

    client = _client(refund.merchant_id)
    try:
        with _calling():
            try:
                return _state(_find_refund(client, refund) or _create_refund(client, refund))
            except stripe.InvalidRequestError as error:
                return _refused(client, refund, error)
    except PaymentRefused as error:
        return RefundState("refused", reason=error.detail, code=error.code)


def verify(merchant_id: UUID, body: bytes, signature: str | None, now: datetime) -> None:  # noqa: ARG001
    """See `Provider.verify`. While you roll the secret, Stripe signs with both the old and the new one."""
    if not any(_is_signed(body, signature, secret) for secret in webhook_secrets(merchant_id, INFO.name)):
        raise SignatureWrong


def parse(merchant_id: UUID, body: bytes) -> ProviderEvent:  # noqa: ARG001 - the signature has proved the account
    """See `Provider.parse`."""
    try:
        event = json.loads(body)
        return _event(name_of(event["id"]), name_of(event["type"]), event["data"]["object"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Malformed("The event cannot be read.") from error


def list_entries(merchant_id: UUID, since: datetime, until: datetime, page: str | None) -> ReportPage | None:
    """See `ReportingProvider.list_entries`. Stripe lists the newest first. A page begins after the entry it names."""
    parameters: BalanceTransactionListParams = {
        "created": {"gte": int(since.timestamp()), "lt": int(until.timestamp())},
        "limit": 100,
        "expand": ["data.source"],
    }
    if page is not None:
        parameters["starting_after"] = page
    client = _client(merchant_id)
    with _calling():
        answer = client.v1.balance_transactions.list(parameters).to_dict()
        transactions = answer["data"]
        next_page = name_of(transactions[-1]["id"]) if answer["has_more"] else None
        entries = [entry for each in transactions if (entry := _entry(each))]
    return ReportPage(entries, next_page)


def get_balances(merchant_id: UUID) -> dict[str, int] | None:
    """See `ReportingProvider.get_balances`. What is pending there is not yet available for payouts."""
    client = _client(merchant_id)
    balances: dict[str, int] = {}
    with _calling():
        balance = client.v1.balance.retrieve().to_dict()
        for each in (*balance["available"], *balance["pending"]):
            currency = str(each["currency"]).upper()
            if is_known(currency):
                amount = moved_amount_of(each["amount"], currency, _decimals(currency))
                balances[currency] = balances.get(currency, 0) + amount
    return balances


def _entry(transaction: dict[str, Any]) -> ReportedEntry | None:
    """Return an entry for a balance transaction. None if its currency is none that people pay with."""
    currency = str(transaction["currency"]).upper()
    if not is_known(currency):
        logger.error("an entry in a currency that we do not know", extra={"entry": str(transaction["id"])})
        return None
    kind = _ENTRIES.get(str(transaction["reporting_category"]), "other")
    amount, net = (moved_amount_of(transaction[name], currency, _decimals(currency)) for name in ("amount", "net"))
    source = transaction.get("source")
    subject: dict[str, Any] = source if isinstance(source, dict) else {"id": source}
    money = subject.get("payment_intent")
    entry = ReportedEntry(
        reference=name_of(transaction["id"]),
        kind=kind,
        type=name_of(transaction["type"]),
        made_at=datetime.fromtimestamp(transaction["created"], UTC),
        amount=amount,
        fee=amount - net,
        currency=currency,
        subject=money if kind == "charge" and money else subject["id"],
        money_reference=money,
        payment_id=payment_id_of((subject.get("metadata") or {}).get("payment_id")),
    )
    charged = str(subject.get("currency") or currency).upper()
    if kind not in ("charge", "refund", "dispute") or charged == currency:
        return entry
    whole = moved_amount_of(subject["amount"], currency_of(charged), _decimals(charged))
    return replace(entry, charged_amount=whole if amount > 0 else -whole, charged_currency=charged)


def _event(event_id: str, name: str, subject: dict[str, Any]) -> ProviderEvent:
    """Return the event for a webhook. It concerns us if its subject is a PaymentIntent of ours, or its money."""
    if subject.get("object") == "refund" and _key_of(subject):
        refund = name_of(subject["id"])
        return ProviderEvent(event_id, "refund", None, 0, "", {"type": name, "refund": refund}, refund=refund)
    is_reversal = subject.get("object") in _REVERSALS and subject.get("amount_refunded") != 0
    if is_reversal and subject.get("payment_intent"):
        reversal = _REVERSALS[subject["object"]](subject)
        payload = {"type": name, "reference": reversal.reference, "status": reversal.status, "amount": reversal.amount}
        return ProviderEvent(event_id, "reversal", None, 0, "", payload, reversals=(reversal,))
    payment_id = payment_id_of((subject.get("metadata") or {}).get("payment_id"))
    is_unfinished = name == "payment_intent.requires_action" and not _is_late(subject)
    if name not in _KINDS or payment_id is None or is_unfinished:
        return ProviderEvent(event_id, "other", None, 0, "", {"type": name})
    return _event_from_intent(event_id, _KINDS[name], payment_id, subject)


def _event_from_intent(event_id: str, kind: EventKind, payment_id: UUID, intent: dict[str, Any]) -> ProviderEvent:
    """Return the event for a PaymentIntent, from a webhook or as fetched. A PaymentIntent can bring money only once."""
    currency = currency_of(intent["currency"])
    amount = intent.get("amount_received", intent["amount"]) if kind == "succeeded" else intent["amount"]
    reference, status = name_of(intent["id"]), name_of(intent["status"])
    return ProviderEvent(
        id=event_id,
        kind=kind,
        payment_id=payment_id,
        amount=amount_of(amount, currency, _decimals(currency)),
        currency=currency,
        payload={"intent": reference, "status": status, "amount": amount, "currency": currency},
        money_reference=reference,
    )


def _current_events(payment: ProviderPayment, intent: PaymentIntent) -> list[ProviderEvent]:
    """Return the event for a PaymentIntent as it stands, or nothing if nobody has tried to pay it.

    The event's id names the try, so the next try is another event.
    """
    subject = intent.to_dict()
    kind: EventKind
    if intent.status in ("succeeded", "canceled"):
        kind = _KINDS[f"payment_intent.{intent.status}"]
    elif intent.status == "processing" or _is_late(subject):
        kind = "processing"
    elif intent.status == "requires_payment_method" and subject.get("last_payment_error"):
        kind = "failed"
    else:
        return []
    charge = subject.get("latest_charge")
    attempt = charge if isinstance(charge, str) else (charge or {}).get("id", "")
    return [_event_from_intent(f"fetched_{intent.id}_{kind}_{attempt}", kind, payment.id, subject)]


def _is_late(intent: dict[str, Any]) -> bool:
    """Return True if a PaymentIntent waits for days, since the buyer has chosen a voucher or a bank transfer."""
    action = intent.get("next_action") or {}
    return intent["status"] == "requires_action" and action.get("type") in _LATE_ACTIONS


def _cancel(client: StripeClient, reference: str) -> PaymentIntent:
    """Cancel a PaymentIntent, and return it. If somebody is paying it right now, return it as it is."""
    import stripe

    try:
        return client.v1.payment_intents.cancel(reference)
    except stripe.InvalidRequestError:
        return client.v1.payment_intents.retrieve(reference)


def _find_refund(client: StripeClient, refund: DueRefund) -> Refund | None:
    """Return the refund of an earlier attempt, unless it failed. None if there is none."""
    if refund.reference:
        return client.v1.refunds.retrieve(refund.reference)
    if refund.attempts == 1:
        return None
    refunds = client.v1.refunds.list({"payment_intent": refund.money_reference, "limit": 100})
    attempts = [each for each in refunds if (_key_of(each.to_dict()) or "").partition(".")[0] == str(refund.id)]
    return next((each for each in attempts if each.status not in _NOT_MADE), None)


def _key_of(refund: dict[str, Any]) -> str | None:
    """Return the key that we gave a refund. None if somebody else made it."""
    return (refund.get("metadata") or {}).get("refund")


def _create_refund(client: StripeClient, refund: DueRefund) -> Refund:
    return client.v1.refunds.create(
        {
            "payment_intent": refund.money_reference,
            "amount": _stripe_amount(refund.amount, refund.currency),
            "metadata": {"refund": refund.key},
        },
        {"idempotency_key": refund.key},
    )


def _state(refund: Refund) -> RefundState:
    """Return the state of a refund. One that waits for the payer (``requires_action``) is under way."""
    if refund.status in _NOT_MADE:
        code = str(refund.to_dict().get("failure_reason") or refund.status)
        return RefundState("failed", reason=f"Stripe could not make the refund: {code}", code=code)
    return RefundState("succeeded" if refund.status == "succeeded" else "pending", refund.id)


def _refused(client: StripeClient, refund: DueRefund, error: InvalidRequestError) -> RefundState:
    """Return the state of a refund that Stripe refuses, with what it has returned of the same money without us."""
    code, reason = error.code or "refused", error.user_message or str(error)
    logger.warning("Stripe refuses a refund", extra={"stripe_error": code, "stripe_message": reason})
    if _UNFUNDED.search(f"{code} {reason}"):
        return RefundState("unfunded", reason=reason, code=code)
    money: Any = {"payment_intent": refund.money_reference, "limit": 100}
    refunds = [each.to_dict() for each in client.v1.refunds.list(money)]
    found = [_refund_elsewhere(each) for each in refunds if not _key_of(each)]
    found += [_dispute(each.to_dict()) for each in client.v1.disputes.list(money)]
    return RefundState("refused", reason=reason, code=code, reversals=tuple(found))


def _refund_elsewhere(refund: dict[str, Any]) -> Reversal:
    """Return a refund that somebody made at Stripe."""
    status: ReversalStatus = "failed" if refund["status"] in _NOT_MADE else "made"
    return _reversal("refund", refund, refund["amount"], status, refund.get("reason"))


def _all_refunds(charge: dict[str, Any]) -> Reversal:
    """Return the sum of all refunds of a charge, ours included."""
    return replace(_reversal("refund", charge, charge["amount_refunded"], "made", None), is_total=True)


def _dispute(dispute: dict[str, Any]) -> Reversal:
    """Return a dispute of the payer, or their bank's question before one."""
    status = _DISPUTE_ENDS.get(dispute["status"], "open")
    return _reversal("dispute", dispute, dispute["amount"], status, dispute.get("reason"))


def _reversal(kind: Any, subject: dict[str, Any], amount: Any, status: ReversalStatus, reason: Any) -> Reversal:
    currency = currency_of(subject["currency"])
    return Reversal(
        kind=kind,
        reference=name_of(subject["id"]),
        money_reference=name_of(subject["payment_intent"]),
        amount=amount_of(amount, currency, _decimals(currency)),
        currency=currency,
        status=status,
        reason=str(reason or ""),
    )


_NOT_MADE = ("failed", "canceled")
_REVERSALS = {"refund": _refund_elsewhere, "charge": _all_refunds, "dispute": _dispute}
"""What tells of money that went back without us, by the type of Stripe's object."""


def _is_signed(body: bytes, signature: str | None, secret: str) -> bool:
    from stripe import SignatureVerificationError, WebhookSignature

    try:
        return bool(WebhookSignature.verify_header(body, signature, secret, _TOLERANCE))
    except UnicodeDecodeError as error:
        raise Malformed("The event cannot be read.") from error
    except (SignatureVerificationError, ValueError, TypeError):
        return False


def _stripe_amount(amount: int, currency: str) -> int:
    """Return an amount in Stripe's unit.

    Raises:
        PaymentRefused: Stripe counts in larger units. That can only be IQD or LYD, which Stripe does not take at all.
    """
    scaled = major(amount, currency).scaleb(_decimals(currency))
    if scaled != int(scaled):
        raise PaymentRefused
    return int(scaled)


def _decimals(currency: str) -> int:
    if currency in _NO_DECIMALS:
        return 0
    return 3 if currency in _THREE_DECIMALS else 2


def _client(merchant_id: UUID) -> StripeClient:
    key = credential(merchant_id, INFO.name, "secret_key")
    return _client_for(key, credentials(merchant_id, INFO.name).get("url"))


@lru_cache(100)
def _client_for(key: str, url: str | None) -> StripeClient:
    """Return the client of an account. It does not retry: its callers have little time, and call again later."""
    import stripe

    http = stripe.RequestsClient(timeout=_TIMEOUT)
    addresses: Any = {"api": url} if url else {}
    return stripe.StripeClient(key, base_addresses=addresses, max_network_retries=0, http_client=http)


@contextmanager
def _calling() -> Iterator[None]:
    """Turn Stripe's errors into ours."""
    import stripe

    try:
        yield
    except (stripe.InvalidRequestError, stripe.CardError) as error:
        if error.code == "idempotency_key_in_use":
            raise ProviderUnavailable(retry_after=1) from error  # another request of the same payment is under way
        logger.warning("Stripe refuses", extra={"stripe_error": error.code, "stripe_message": error.user_message})
        raise PaymentRefused from error
    except stripe.RateLimitError as error:
        raise _busy(error) from error
    except stripe.StripeError as error:
        logger.error("Stripe does not answer as it should", exc_info=error)
        raise ProviderUnavailable from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        logger.error("Stripe answers nonsense", exc_info=error)
        raise ProviderUnavailable from error


def _busy(error: RateLimitError) -> DomainError:
    """Return what a 429 means: too many calls, or that another call has the object at the moment."""
    if error.error is not None and error.error.code == "lock_timeout":
        return calls.unavailable(INFO.name, "another call has locked the object")
    return calls.too_many_calls(INFO.name, (error.headers or {}).get("Retry-After"))
