"""When an order can be paid, and what money does that came for it."""

from datetime import datetime

from boxoffice.orders.errors import OrderNotPending
from boxoffice.orders.models import OrderRow, OrderStatus
from boxoffice.payments.errors import OrderExpired
from boxoffice.payments.models import PaymentRow, ProviderEvent, Verdict


def check_payable(order: OrderRow, now: datetime) -> None:
    """Whether a payment for the order may be started.

    Raises:
        OrderExpired: its hold has lapsed.
        OrderNotPending: it is paid (as a free one always is) or was cancelled.
    """
    if order.status == "expired" or (order.status == "pending" and order.expires_at <= now):
        raise OrderExpired
    if order.status != "pending":
        raise OrderNotPending


def verdict_on(event: ProviderEvent, payment: PaymentRow, order: OrderStatus) -> Verdict:
    """What an event means for its payment and order.

    A payment that has succeeded, or was returned, stays so, whatever comes later: providers repeat themselves and do
    not keep to an order. One that failed may still succeed.
    """
    if event.kind == "failed":
        return Verdict("failed" if payment.status == "pending" else "ignored")
    if (event.amount, event.currency) != (payment.amount, payment.currency):
        return Verdict("returned", "it was not the amount of the order")
    if payment.status in ("succeeded", "refunded"):
        return Verdict("ignored")
    if order not in ("pending", "expired", "cancelled"):
        return Verdict("returned", "the order had been paid already")
    return Verdict("paid")
