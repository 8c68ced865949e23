"""When an order can be paid, what incoming money does, and when a provider is asked again."""

from datetime import datetime, timedelta

from boxoffice.errors import DomainError
from boxoffice.orders.errors import OrderNotPending
from boxoffice.orders.models import OrderRow, OrderStatus
from boxoffice.orders.rules import GRACE_PERIOD
from boxoffice.payments.errors import OrderExpired
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

FIRST_ASK = timedelta(minutes=2)
"""How long we wait for a webhook before we ask the provider."""

_LONGEST_WAIT = timedelta(hours=12)
_MONEY_COMES_FOR = timedelta(days=3)  # a payment page is open for a day at the most
TICKETS_GONE = PaymentDecision("returned", "the order was over and its tickets were gone")

_LEASE = timedelta(minutes=2)  # longer than the time-out of the function that asks and sends


def check_payable(order: OrderRow, now: datetime) -> None:
    """Make sure that a payment for the order can be started.

    Raises:
        OrderExpired: its hold has lapsed.
        OrderNotPending: it is paid (as a free order always is) or was cancelled.
    """
    if order.status == "expired" or (order.status == "pending" and order.expires_at <= now):
        raise OrderExpired(expired_at=order.expires_at)
    if order.status != "pending":
        raise OrderNotPending(order_status=order.status)


def reason_by_hand(request: PaymentByHandRequest) -> str:
    """What the order's history says if it was paid by hand."""
    paid = f"paid by {request.method.replace('_', ' ')}"
    return f"{paid}: {request.note}" if request.note else paid


def decide_payment(event: ProviderEvent, payment: PaymentRow, order_status: OrderStatus) -> PaymentDecision:
    """Decide what an event does to its payment and order. Call it only for money that is not recorded yet.

    A payment that has succeeded, or was returned, stays so, whatever comes later: events come in any order. A payment
    that failed may still succeed.
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
    """Return True if the amount and currency that came are those that were asked for."""
    return (event.amount, event.currency) == (payment.amount, payment.currency)


def first_ask(expires_at: datetime, now: datetime) -> datetime:
    """When we first ask about a payment that starts now: at the end of the order's hold at the latest."""
    return max(now, min(now + FIRST_ASK, expires_at))


def is_over(payment: OpenPayment, now: datetime) -> bool:
    """Return True if the payment can no longer pay its order in time, so that it should end."""
    return payment.order_status != "pending" or payment.expires_at <= now


def next_ask(payment: OpenPayment, now: datetime, *, closed: bool, answered: bool) -> datetime | None:
    """When to ask again: after growing waits, and at the end of the hold. None once no money can come any more.

    Args:
        closed: the payment has failed. Money may still come for it.
        answered: the provider has answered this time. If not, we ask soon again while the order waits for it.
    """
    age = now - payment.created_at
    if closed and age > _MONEY_COMES_FOR:
        return None
    if not answered and now < payment.expires_at + GRACE_PERIOD:
        return now + timedelta(minutes=1)
    later = now + min(max(age / 2, FIRST_ASK), _LONGEST_WAIT)
    return later if is_over(payment, now) else min(later, payment.expires_at)


def leased_until(now: datetime) -> datetime:
    """Until when a payment or refund belongs to the worker that took it."""
    return now + _LEASE


def next_attempt(attempts: int, now: datetime) -> datetime:
    """When to try a refund, or ask about it, again: after 1, 2, 4 … minutes, and half a day at the most."""
    return now + min(timedelta(minutes=2 ** min(attempts - 1, 12)), _LONGEST_WAIT)


def outcome_of(refund: DueRefund, answer: RefundState | DomainError, now: datetime) -> RefundOutcome:
    """What to store of an attempt to send a refund. A failed one is tried again, unless only people can make it."""
    again_at = next_attempt(refund.attempts, now)
    if isinstance(answer, DomainError):
        return RefundOutcome("sent" if refund.reference else "owed", again_at, refund.reference, answer.detail)
    reason = answer.reason or "the provider gives no reason"
    match answer.kind:
        case "succeeded":
            return RefundOutcome("succeeded", None, answer.reference)
        case "pending":
            return RefundOutcome("sent", again_at, answer.reference)
        case "failed":
            return RefundOutcome("failed", again_at, None, reason, failed=1)
        case "impossible":
            return RefundOutcome("failed", None, None, reason)
