"""Decide if an order can be paid, what incoming money does, and when to ask or try again at a provider."""

from datetime import datetime, timedelta

from boxoffice.errors import DomainError
from boxoffice.orders.errors import OrderNotPending
from boxoffice.orders.models import OrderRow, OrderStatus
from boxoffice.orders.rules import GRACE_PERIOD
from boxoffice.payments.errors import OrderExpired, ProviderBusy
from boxoffice.payments.models import (
    DueRefund,
    OpenPayment,
    PaymentByHandRequest,
    PaymentDecision,
    PaymentRow,
    ProviderEvent,
    RefundOutcome,
    RefundState,
)

FIRST_WAIT = timedelta(minutes=2)
"""How long we wait for a webhook before we ask the provider."""

_LONGEST_WAIT = timedelta(hours=12)
_LATEST_MONEY = timedelta(days=3)  # a payment page is open for a day at the most
_LEASE = timedelta(minutes=3)  # longer than the time-outs of the functions that ask and send

_REFUNDS_OF_ONE_SENDER = 500  # of one account, that are due at once

TICKETS_GONE = PaymentDecision("returned", "the order was over and its tickets were gone")


def check_payable(order: OrderRow, now: datetime) -> None:
    """Check that a payment for the order can be started.

    Raises:
        OrderExpired: the order's hold has lapsed.
        OrderNotPending: the order is paid, as a free order always is, or was cancelled.
    """
    if order.status == "expired" or (order.status == "pending" and order.expires_at <= now):
        raise OrderExpired(expired_at=order.expires_at)
    if order.status != "pending":
        raise OrderNotPending(order_status=order.status)


def reason_by_hand(request: PaymentByHandRequest) -> str:
    """Return what the order's history says of a payment by hand."""
    method = request.method.replace("_", " ")
    return f"paid by {method}: {request.note}" if request.note else f"paid by {method}"


def decide_payment(event: ProviderEvent, payment: PaymentRow, order_status: OrderStatus) -> PaymentDecision:
    """Decide what an event does to its payment and order. Money that it tells of must not be recorded yet.

    Events come in any order. A payment that has succeeded or was refunded keeps its status, whatever comes later. A
    payment that failed may still succeed.
    """
    if event.kind != "succeeded":
        return PaymentDecision("failed" if payment.status == "pending" else "ignored")
    if not pays_in_full(event, payment):
        return PaymentDecision("returned", "it was not the amount of the order")
    if payment.status in ("succeeded", "refunded"):
        return PaymentDecision("returned", "it had been paid already")
    if order_status not in ("pending", "expired", "cancelled"):
        return PaymentDecision("returned", "the order had been paid already")
    return PaymentDecision("paid")


def pays_in_full(event: ProviderEvent, payment: PaymentRow) -> bool:
    """Return True if the event's amount and currency are those of the payment."""
    return (event.amount, event.currency) == (payment.amount, payment.currency)


def first_ask_at(expires_at: datetime, now: datetime) -> datetime:
    """Return when to ask first about a payment that starts now: at the end of the order's hold at the latest."""
    return max(now, min(now + FIRST_WAIT, expires_at))


def should_close(payment: OpenPayment, now: datetime) -> bool:
    """Return True if nobody should pay the payment any more: its order is not pending, or the hold has lapsed."""
    return payment.order_status != "pending" or payment.expires_at <= now


def next_ask_at(payment: OpenPayment, now: datetime, *, closed: bool, answered: bool) -> datetime | None:
    """Return when to ask again: after growing waits, and when the hold ends. None if no money can come any more.

    Args:
        closed: True if the payment has failed, though money may still come for it.
        answered: True if the provider has answered this time. If not, we ask again soon, while the order waits for it.
    """
    age = now - payment.created_at
    if closed and age > _LATEST_MONEY:
        return None
    if not answered and now < payment.expires_at + GRACE_PERIOD:
        return now + timedelta(minutes=1)
    later = now + min(max(age / 2, FIRST_WAIT), _LONGEST_WAIT)
    return later if should_close(payment, now) else min(later, payment.expires_at)


def lease_end(now: datetime) -> datetime:
    """Return when the lease ends that a worker takes now on a payment or refund."""
    return now + _LEASE


def senders_for(due: int) -> int:
    """Return how many workers send the refunds of an account at once. Three keep the pace of any provider we know."""
    return min(1 + due // _REFUNDS_OF_ONE_SENDER, 3)


def next_attempt_at(attempts: int, now: datetime) -> datetime:
    """Return when to try a refund again, or ask about it: after 1, 2, 4 … minutes, and half a day at the most."""
    return now + min(timedelta(minutes=2 ** min(attempts - 1, 12)), _LONGEST_WAIT)


def outcome_of(refund: DueRefund, answer: RefundState | DomainError, now: datetime) -> RefundOutcome:
    """Return what to store after a provider was asked to make a refund, or how it stands.

    A refund that failed is made anew later, without its reference. One that the provider can never make waits for a
    person. If the provider did not answer, the refund may be made or not, and is asked about again. If it had too many
    calls, nothing went wrong: the refund waits for another turn.

    Args:
        answer: the provider's answer, or the error instead of it.
    """
    again_at = next_attempt_at(refund.attempts, now)
    if isinstance(answer, ProviderBusy):
        again_at = now + timedelta(seconds=answer.retry_after)
        return RefundOutcome("sent" if refund.reference else "owed", again_at, refund.reference)
    if isinstance(answer, DomainError):
        return RefundOutcome("sent" if refund.reference else "owed", again_at, refund.reference, answer.detail)
    reason = answer.reason or "the provider gives no reason"
    match answer.kind:
        case "succeeded":
            return RefundOutcome("succeeded", None, answer.reference)
        case "pending":
            return RefundOutcome("sent", again_at, answer.reference)
        case "failed":
            return RefundOutcome("failed", again_at, None, reason, new_failures=1)
        case "impossible":
            return RefundOutcome("failed", None, None, reason)
