"""When an order can be paid, what money does that came for it, and when a provider is asked again."""

from datetime import datetime, timedelta

from boxoffice.errors import DomainError
from boxoffice.orders.errors import OrderNotPending
from boxoffice.orders.models import OrderRow, OrderStatus
from boxoffice.payments.errors import OrderExpired
from boxoffice.payments.models import (
    DueRefund,
    OpenBill,
    Outcome,
    PaymentByHandRequest,
    PaymentRow,
    ProviderEvent,
    RefundState,
    Verdict,
)

FIRST_ASK = timedelta(minutes=2)
"""How long a webhook may take before the provider is asked."""

PATIENCE = timedelta(minutes=15)
"""How long an order with an open payment keeps its stock beyond its hold; see `lock_and_expire_orders`."""

_LONGEST_WAIT = timedelta(hours=12)
_MONEY_COMES_FOR = timedelta(days=3)  # a payment page is open for a day at the most
TICKETS_GONE = Verdict("returned", "the order was over and its tickets were gone")

_LEASE = timedelta(minutes=2)  # longer than the time-out of the function that asks and sends


def check_payable(order: OrderRow, now: datetime) -> None:
    """Whether a payment for the order may be started.

    Raises:
        OrderExpired: its hold has lapsed.
        OrderNotPending: it is paid (as a free one always is) or was cancelled.
    """
    if order.status == "expired" or (order.status == "pending" and order.expires_at <= now):
        raise OrderExpired(expired_at=order.expires_at)
    if order.status != "pending":
        raise OrderNotPending(order_status=order.status)


def reason_by_hand(request: PaymentByHandRequest) -> str:
    """What the history says of an order that was paid without a provider."""
    paid = f"paid by {request.method.replace('_', ' ')}"
    return f"{paid}: {request.note}" if request.note else paid


def verdict_on(event: ProviderEvent, payment: PaymentRow, order: OrderStatus) -> Verdict:
    """What an event means for its payment and order; if money came, it is money that we did not know of yet.

    A payment that has succeeded, or was returned, stays so, whatever comes later: providers do not keep to an order.
    One that failed may still succeed.
    """
    if event.kind != "succeeded":
        return Verdict("failed" if payment.status == "pending" else "ignored")
    if not is_right(event, payment):
        return Verdict("returned", "it was not the amount of the order")
    if payment.status in ("succeeded", "refunded"):
        return Verdict("returned", "it had been paid already")
    if order not in ("pending", "expired", "cancelled"):
        return Verdict("returned", "the order had been paid already")
    return Verdict("paid")


def is_right(event: ProviderEvent, payment: PaymentRow) -> bool:
    """Whether what came is what was asked for."""
    return (event.amount, event.currency) == (payment.amount, payment.currency)


def first_ask(expires_at: datetime, now: datetime) -> datetime:
    """When the provider is first asked about a payment that was started now: at the end of the hold at the latest."""
    return max(now, min(now + FIRST_ASK, expires_at))


def is_over(bill: OpenBill, now: datetime) -> bool:
    """Whether a payment can no longer pay its order in time, so that it had better end."""
    return bill.order_status != "pending" or bill.expires_at <= now


def next_ask(bill: OpenBill, now: datetime, *, closed: bool, answered: bool) -> datetime | None:
    """When to ask again, longer and longer, but once at the end of the hold; None when nothing can come any more.

    Args:
        closed: whether the payment has failed, so that only money that comes all the same is of interest.
        answered: whether the provider has answered this time; while the order may wait for it, it is soon asked again.
    """
    age = now - bill.created_at
    if closed and age > _MONEY_COMES_FOR:
        return None
    if not answered and now < bill.expires_at + PATIENCE:
        return now + timedelta(minutes=1)
    later = now + min(max(age / 2, FIRST_ASK), _LONGEST_WAIT)
    return later if is_over(bill, now) else min(later, bill.expires_at)


def leased_until(now: datetime) -> datetime:
    """Until when a payment or refund is its worker's alone."""
    return now + _LEASE


def next_attempt(attempts: int, now: datetime) -> datetime:
    """When a refund is tried, or asked about, after so many times: 1, 2, 4 … minutes later, at the most half a day."""
    return now + min(timedelta(minutes=2 ** min(attempts - 1, 12)), _LONGEST_WAIT)


def outcome_of(refund: DueRefund, answer: RefundState | DomainError, now: datetime) -> Outcome:
    """What an attempt to send a refund has come to. One that failed is tried again, unless only people can make it."""
    again_at = next_attempt(refund.attempts, now)
    if isinstance(answer, DomainError):
        return Outcome("sent" if refund.reference else "owed", again_at, refund.reference, answer.detail)
    reason = answer.reason or "the provider gives no reason"
    match answer.kind:
        case "succeeded":
            return Outcome("succeeded", None, answer.reference)
        case "pending":
            return Outcome("sent", again_at, answer.reference)
        case "failed":
            return Outcome("failed", again_at, None, reason, failed=1)
        case "impossible":
            return Outcome("failed", None, None, reason)
