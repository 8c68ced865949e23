"""Flutterwave (API v3): paid on its own page, by card, bank transfer, USSD or mobile money.

The secret of an account may have a field ``url``, which names another server than Flutterwave's. A webhook shows the
secret hash of the account. The hash proves who sent the webhook, but not what it says. So we ask Flutterwave about each
transaction.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote
from uuid import UUID

from boxoffice.errors import Malformed
from boxoffice.money import major
from boxoffice.observability import logger
from boxoffice.payments import calls
from boxoffice.payments.errors import PaymentRefused, ProviderUnavailable
from boxoffice.payments.merchants import check_webhook_secret, credential, credentials
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
from boxoffice.payments.providers import BalanceReport, Pace, ProviderInfo, return_url
from boxoffice.payments.reading import (
    currency_of,
    moved_amount_of,
    name_of,
    payment_id_of,
    text_of,
    whole_amount_of,
)

# Flutterwave limits calls, and publishes no figure, so this is a modest one.
_PACE = Pace(account=50, endpoint=25)
# It settles local payments on the next working day, and international ones within five of them. Some wait for days
# until the sum is large enough.
_REPORT = BalanceReport(complete_after=timedelta(days=14), names_refunds=False, may_add_fees=True)
INFO = ProviderInfo(
    "flutterwave",
    "verif-hash",
    ("secret_key", "webhook_secret"),
    has_late_methods=True,
    pace=_PACE,
    report=_REPORT,
)

_URL = "https://api.flutterwave.com/v3"
_LONGEST_SESSION = 1440  # minutes
_OUR_COMMENT = re.compile(r"Refund ([0-9a-f-]{36})(\.\d+)?")
_UNFUNDED = re.compile(r"insufficient|not enough|low balance", re.IGNORECASE)
_OF_MONEY_BACK = re.compile(r"refund|chargeback|dispute", re.IGNORECASE)
_DISPUTE_ENDS: dict[str, ReversalStatus] = {"lost": "lost", "accepted": "lost", "won": "won", "invalid": "won"}
_GONE_BACK: dict[EntryKind, str] = {"refund": "refund", "dispute": "chargeback"}
"""The sums of a settlement of what went back, by the kind of their entry."""
_NO_TRANSACTION = re.compile(r"no (transaction|refund|chargeback)|not found", re.IGNORECASE)
_KINDS: dict[str, EventKind] = {"successful": "succeeded", "failed": "failed"}
# What Flutterwave settles at once, or within minutes. It has no list of what to leave out. It heeds this one only if
# the account's setting "Enable dashboard payment options" is off.
_IMMEDIATE_METHODS = (
    "card, account, banktransfer, ussd, mpesa, mobilemoneyghana, mobilemoneyfranco, mobilemoneyuganda, "
    "mobilemoneyrwanda, mobilemoneyzambia, mobilemoneytanzania, nqr, enaira, opay, applepay, googlepay, internetbanking"
)
_LARGEST_SETTLEMENT = 20_000_000  # bytes, for some 40,000 transactions
_MOST_PAGES = 1000
_LATE_TYPE = "ach"  # begins the type of a transaction by bank debit, which takes days


class _Refused(PaymentRefused):
    """Flutterwave answered an error. The detail is Flutterwave's own message."""


def create(payment: ProviderPayment) -> PreparedPayment:
    """See `Provider.create`. A second link for the same payment does no harm: both carry the payment's id."""
    minutes = int((payment.expires_at - datetime.now(payment.expires_at.tzinfo)).total_seconds() // 60)
    answer = _call(
        payment.merchant_id,
        "POST",
        "/payments",
        {
            "tx_ref": str(payment.id),
            "amount": _number(major(payment.amount, payment.currency)),
            "currency": payment.currency,
            "redirect_url": return_url(payment),
            "customer": {"email": payment.buyer_email, "name": payment.buyer_name},
            "session_duration": min(max(minutes, 1), _LONGEST_SESSION),
            "meta": {"order": payment.order_number},
            **({} if payment.late else {"payment_options": _IMMEDIATE_METHODS}),
        },
    )
    link = answer["link"] if isinstance(answer, dict) else None
    if not isinstance(link, str) or not link.startswith(("https://", "http://")):
        raise _nonsense("no link")
    return PreparedPayment(str(payment.id), url=link)


def fetch(payment: ProviderPayment, *, close: bool) -> Sequence[ProviderEvent]:
    """See `Provider.fetch`. We cannot close Flutterwave's page, so the buyer may still pay there later.

    Each try on the page is a transaction. If one of them is pending, the payment is still open.
    """
    transactions = _transactions(payment)
    events = [_event(each) for each in transactions]
    if any(event.payment_id != payment.id for event in events):
        raise _nonsense("another payment's transaction")
    if succeeded := [event for event in events if event.kind == "succeeded"]:
        return succeeded
    if any(event.kind == "other" for event in events):
        return [replace(event, kind="processing") for event in events if payment.late and _takes_days(event)]
    return events or ([_unpaid_event(payment)] if close else [])


def _transactions(payment: ProviderPayment) -> list[Any]:
    """Return the transactions of a payment, newest first."""
    try:
        answer = _call(payment.merchant_id, "GET", f"/transactions?tx_ref={payment.id}")
    except _Refused as error:
        if not _NO_TRANSACTION.search(error.detail):
            raise
        return []
    if not isinstance(answer, list):
        raise _nonsense("no list of transactions")
    return answer


def _takes_days(event: ProviderEvent) -> bool:
    return event.payload["status"] == "pending" and str(event.payload["method"]).startswith(_LATE_TYPE)


def refund(refund: DueRefund) -> RefundState:
    """See `Provider.refund`. Flutterwave has no idempotency keys, so we find an earlier attempt by its comment."""
    try:
        if refund.reference:
            return _state(_call(refund.merchant_id, "GET", f"/refunds/{refund.reference}"))
        earlier = _find_refund(refund) if refund.attempts > 1 else None
        return _state(earlier or _create_refund(refund))
    except _Refused as error:
        if _UNFUNDED.search(error.detail):
            return RefundState("unfunded", reason=error.detail, code="insufficient_balance")
        transaction = _call(refund.merchant_id, "GET", f"/transactions/{refund.money_reference}/verify")
        reversals = _reversals(refund.merchant_id, transaction)
        return RefundState("refused", reason=error.detail, code="refused", reversals=reversals)


def verify(merchant_id: UUID, body: bytes, signature: str | None, now: datetime) -> None:  # noqa: ARG001
    """See `Provider.verify`. The hash does not prove when the webhook was sent."""
    check_webhook_secret(merchant_id, INFO.name, signature)


def parse(merchant_id: UUID, body: bytes) -> ProviderEvent:
    """See `Provider.parse`."""
    try:
        event = json.loads(body)
        kind, data = name_of(event["event"]), event["data"]
        is_money_back = _OF_MONEY_BACK.search(kind) is not None
        transaction = _transaction_of(data) if is_money_back else _id_of(data["id"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Malformed("The event cannot be read.") from error
    if not is_money_back and not kind.startswith("charge."):
        return ProviderEvent(f"{kind}:{transaction}", "other", None, 0, "", {"event": kind})
    try:
        if is_money_back:
            return _event_of_money_back(merchant_id, kind, transaction)
        answer = _event(_call(merchant_id, "GET", f"/transactions/{transaction}/verify"))
    except _Refused as error:
        logger.warning("a transaction that Flutterwave does not know", extra={"transaction": transaction})
        return ProviderEvent(f"unknown:{transaction}", "other", None, 0, "", {"event": kind, "why": error.detail})
    if answer.money_reference != str(transaction):
        raise _nonsense("another transaction")
    return answer


def list_entries(merchant_id: UUID, since: datetime, until: datetime, page: str | None) -> ReportPage | None:
    """See `ReportingProvider.list_entries`. Flutterwave reports what it has settled, and for which payments.

    A page is named by the number of Flutterwave's page and the settlements of it that are still to be read. Without
    settlements it is that list. Else it is the first of them. One that is not completed may still change, so a later
    reading stores it.
    """
    number, _, listed = (page or "1:").partition(":")
    if listed:
        settlement, _, rest = listed.partition(",")
        entries = _entries(_call(merchant_id, "GET", f"/settlements/{settlement}", largest=_LARGEST_SETTLEMENT))
        return ReportPage(entries, f"{number}:{rest}" if rest else f"{int(number) + 1}:")
    days = f"from={since:%Y-%m-%d}&to={until + timedelta(days=1):%Y-%m-%d}"
    settlements = _list(merchant_id, f"/settlements?page={int(number)}&{days}")
    try:
        completed = [str(_id_of(each["id"])) for each in settlements if each["status"] == "completed"]
    except (KeyError, TypeError, ValueError) as error:
        raise _nonsense("no settlements") from error
    if not settlements:
        return ReportPage((), None)
    if int(number) > _MOST_PAGES:
        raise _nonsense("settlements without an end")
    return ReportPage((), f"{number}:{','.join(completed)}" if completed else f"{int(number) + 1}:")


def get_balances(merchant_id: UUID) -> dict[str, int] | None:  # noqa: ARG001
    """See `ReportingProvider.get_balances`. Flutterwave tells of its wallets only, not of what it will settle."""
    return None


def _entries(settlement: Any) -> list[ReportedEntry]:
    """Return what a settlement has added and taken: each payment, the sums of what went back, and the payout.

    Money that is settled to a wallet at Flutterwave stays in the balance. What the parts do not explain is an entry
    too, so that a person looks at it.
    """
    try:
        name, currency = str(_id_of(settlement["id"])), currency_of(settlement["currency"])
        made_at = datetime.fromisoformat(settlement["created_at"]).astimezone(UTC)

        def entry(kind: EntryKind, amount: int) -> ReportedEntry:
            return ReportedEntry(f"{name}:{kind}", kind, f"settlement:{kind}", made_at, amount, 0, currency)

        entries = [_entry_of_payment(each, made_at, currency) for each in settlement["transactions"]]
        back = {kind: _settled(settlement, field) for kind, field in _GONE_BACK.items()}
        entries += [entry(kind, -amount) for kind, amount in back.items() if amount]
        net = _settled(settlement, "net_amount")
        moved = sum(each.amount - each.fee for each in entries if each.currency == currency)
        if net != moved:
            entries.append(entry("other", net - moved))
        if settlement["destination"] == "account" and net:
            entries.append(replace(entry("payout", -net), subject=name))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _nonsense("no settlement") from error
    return entries


def _entry_of_payment(transaction: Any, made_at: datetime, settled_in: str) -> ReportedEntry:
    """Return the entry for a payment that was settled. What does not reach us of what the buyer paid is the fee.

    If it is settled in another currency, nobody can say what of the difference is a fee. The rest of the settlement is
    then looked at by a person.
    """
    number, currency = str(_id_of(transaction["id"])), currency_of(transaction["currency"])
    reaching_us = "settlement_amount" if currency == settled_in else "charged_amount"
    amount, net = (moved_amount_of(transaction[field], currency, 0) for field in ("charged_amount", reaching_us))
    return ReportedEntry(
        reference=f"transaction:{number}",
        kind="charge",
        type=text_of(transaction.get("payment_entity")) or "charge",
        made_at=made_at,
        amount=amount,
        fee=amount - net,
        currency=currency,
        subject=number,
        money_reference=number,
        payment_id=payment_id_of(transaction.get("tx_ref")),
    )


def _settled(settlement: dict[str, Any], field: str) -> int:
    return moved_amount_of(settlement[field], settlement["currency"], 0)


def _event(transaction: Any) -> ProviderEvent:
    """Return the event for a transaction as Flutterwave answers it. A pending transaction does not concern us.

    An amount counts in whole minor units. The payload keeps it as Flutterwave names it.
    """
    try:
        number, status = _id_of(transaction["id"]), name_of(transaction["status"])
        currency = currency_of(transaction["currency"])
        amount = whole_amount_of(transaction["amount"], currency)
        payment_id = payment_id_of(transaction.get("tx_ref"))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _nonsense("no transaction") from error
    return ProviderEvent(
        id=f"{number}:{status}",
        kind=_KINDS.get(status, "other") if amount else "other",
        payment_id=payment_id,
        amount=amount,
        currency=currency,
        payload={
            "transaction": number,
            "status": status,
            "amount": str(transaction["amount"]),
            "currency": currency,
            "method": text_of(transaction.get("payment_type")),
        },
        money_reference=str(number),
    )


def _transaction_of(data: dict[str, Any]) -> int:
    """Return the transaction that a webhook about a refund or a chargeback names. The webhooks spell it differently."""
    names = {name.replace("_", "").lower(): value for name, value in data.items()}
    return _id_of(names.get("transactionid") or names["txid"])


def _event_of_money_back(merchant_id: UUID, kind: str, number: int) -> ProviderEvent:
    """Return the event for a webhook about a refund or a chargeback. What it says is asked for, as for payments."""
    reversals = _reversals(merchant_id, _call(merchant_id, "GET", f"/transactions/{number}/verify"))
    states = sorted(f"{each.kind}:{each.reference}:{each.status}:{each.amount}" for each in reversals)
    digest = hashlib.sha256("\n".join(states).encode()).hexdigest()[:32]
    payload = {"event": kind, "transaction": number, "reversals": states}
    event_id = f"{number}:back:{digest}"
    return ProviderEvent(event_id, "reversal", None, 0, "", payload, reversals=reversals)


def _reversals(merchant_id: UUID, transaction: Any) -> tuple[Reversal, ...]:
    """Return what of a transaction's money went back without us: refunds on the dashboard, and chargebacks."""
    try:
        number, currency = _id_of(transaction["id"]), currency_of(transaction["currency"])
        payment_id, flw_ref = payment_id_of(transaction.get("tx_ref")), str(transaction.get("flw_ref") or "")
        refunds = _list(merchant_id, f"/refunds?id={number}")
        chargebacks = _list(merchant_id, f"/chargebacks?flw_ref={quote(flw_ref, safe='')}") if flw_ref else []
        found = [
            Reversal(
                kind="refund",
                reference=str(_id_of(refund["id"])),
                money_reference=str(number),
                amount=whole_amount_of(refund["amount_refunded"], currency),
                currency=currency,
                status="failed" if str(refund.get("status")).startswith("failed") else "made",
                reason=str(refund.get("comment") or ""),
                payment_id=payment_id,
            )
            for refund in refunds
            if not _OUR_COMMENT.fullmatch(str(refund.get("comment")))
        ]
        found += [
            Reversal(
                kind="dispute",
                reference=str(_id_of(chargeback["id"])),
                money_reference=str(number),
                amount=whole_amount_of(chargeback["amount"], currency),
                currency=currency,
                status=_DISPUTE_ENDS.get(str(chargeback.get("status")), "open"),
                reason=str(chargeback.get("comment") or ""),
                payment_id=payment_id,
            )
            for chargeback in chargebacks
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _nonsense("no refunds or chargebacks") from error
    return tuple(found)


def _list(merchant_id: UUID, path: str) -> list[Any]:
    """Return a list of Flutterwave's. It is empty if Flutterwave answers that there is nothing."""
    try:
        answers = _call(merchant_id, "GET", path)
    except _Refused as error:
        if not _NO_TRANSACTION.search(error.detail):
            raise
        return []
    if not isinstance(answers, list):
        raise _nonsense("no list")
    return answers


def _id_of(value: Any) -> int:
    if type(value) is not int or not 0 < value < 2**63:
        raise ValueError("no id")
    return value


def _unpaid_event(payment: ProviderPayment) -> ProviderEvent:
    return ProviderEvent(
        f"unpaid:{payment.id}", "failed", payment.id, payment.amount, payment.currency, {"status": "not paid"}
    )


def _create_refund(refund: DueRefund) -> Any:
    amount = _number(major(refund.amount, refund.currency))
    body = {"amount": amount, "comments": _comment(refund)}
    return _call(refund.merchant_id, "POST", f"/transactions/{refund.money_reference}/refund", body)


def _find_refund(refund: DueRefund) -> Any | None:
    """Return the refund of an earlier attempt whose answer did not reach us. None if there is none."""
    answers = _list(refund.merchant_id, f"/refunds?id={refund.money_reference}&from={refund.created_at:%Y-%m-%d}")
    return next((each for each in answers if isinstance(each, dict) and _is_attempt(each, refund)), None)


def _is_attempt(answer: dict[str, Any], refund: DueRefund) -> bool:
    """Return True if this is an earlier attempt to make the refund that has not failed."""
    ours = _OUR_COMMENT.fullmatch(str(answer.get("comment")))
    return bool(ours and ours[1] == str(refund.id) and not str(answer.get("status")).startswith("failed"))


def _comment(refund: DueRefund) -> str:
    return f"Refund {refund.key}"


def _state(answer: Any) -> RefundState:
    if not isinstance(answer, dict) or type(answer.get("id")) is not int:
        raise _nonsense("no refund")
    status = str(answer.get("status"))
    if status.startswith("completed"):
        return RefundState("succeeded", str(answer["id"]))
    if status.startswith("failed"):
        return RefundState("failed", reason=f"Flutterwave: {status}", code=status)
    return RefundState("pending", str(answer["id"]))


def _number(amount: Decimal) -> int | float:
    return int(amount) if amount == int(amount) else float(amount)


def _call(
    merchant_id: UUID,
    method: str,
    path: str,
    body: dict[str, Any] | None = None,
    *,
    largest: int = calls.LARGEST_ANSWER,
) -> Any:
    """Call Flutterwave. Return the ``data`` of its answer.

    Args:
        largest: see `calls.request`.

    Raises:
        _Refused: Flutterwave refuses the call.
        ProviderBusy: Flutterwave got more calls than it allows.
        ProviderUnavailable: Flutterwave does not answer, or we cannot understand the answer.
    """
    key = credential(merchant_id, INFO.name, "secret_key")
    url = credentials(merchant_id, INFO.name).get("url") or _URL
    headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}
    answer = calls.request(INFO.name, method, url + path, body, headers, largest)
    return _data(answer.status, answer.content)


def _data(status: int, content: bytes) -> Any:
    try:
        answer = json.loads(content, parse_float=Decimal)
        outcome, message = answer["status"], str(answer.get("message", ""))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _nonsense(f"status {status}") from error
    if outcome == "success" and status < 300:
        return answer.get("data")
    if outcome == "error":
        raise _Refused(f"Flutterwave: {text_of(message)}")
    raise _nonsense(f"status {status}")


def _nonsense(why: str) -> ProviderUnavailable:
    return calls.unavailable(INFO.name, f"nonsense: {why}")
