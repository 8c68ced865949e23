"""When an order can be paid, and what an event means."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pytest

from boxoffice.errors import DomainError
from boxoffice.ids import new_id
from boxoffice.orders.errors import OrderNotPending
from boxoffice.orders.models import OrderRow, OrderStatus
from boxoffice.payments import rules
from boxoffice.payments.errors import OrderExpired
from boxoffice.payments.models import Effect, PaymentRow, PaymentStatus, ProviderEvent

NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
PAYMENT = PaymentRow(new_id(), new_id(), "sandbox", "pending", 5000, "NGN", NOW, None)
PAID = ProviderEvent("evt_1", "succeeded", PAYMENT.id, 5000, "NGN", {})
DECLINED = replace(PAID, kind="failed")


def order(status: OrderStatus, expires_in: int = 60) -> OrderRow:
    """An order of which only this matters."""
    unimportant = dict.fromkeys(field.name for field in fields(OrderRow))
    return OrderRow(**{**unimportant, "status": status, "expires_at": NOW + timedelta(seconds=expires_in)})


def test_a_pending_order_can_be_paid_until_its_hold_lapses() -> None:
    rules.check_payable(order("pending", expires_in=1), NOW)


@pytest.mark.parametrize(
    ("status", "expires_in", "error"),
    [
        ("pending", 0, OrderExpired),
        ("expired", -60, OrderExpired),
        ("cancelled", 60, OrderNotPending),
        ("paid", 60, OrderNotPending),
        ("paid", -60, OrderNotPending),
        ("refunded", 60, OrderNotPending),
    ],
)
def test_any_other_cannot(status: OrderStatus, expires_in: int, error: type[DomainError]) -> None:
    with pytest.raises(error):
        rules.check_payable(order(status, expires_in), NOW)


@pytest.mark.parametrize(
    ("payment", "order_status", "effect"),
    [
        ("pending", "pending", "paid"),
        ("failed", "pending", "paid"),
        ("pending", "expired", "paid"),
        ("pending", "cancelled", "paid"),
        ("pending", "paid", "returned"),
        ("pending", "refunded", "returned"),
        ("failed", "partially_refunded", "returned"),
        ("succeeded", "paid", "returned"),
        ("succeeded", "refunded", "returned"),
        ("refunded", "expired", "returned"),
        ("refunded", "pending", "returned"),
    ],
)
def test_money_buys_what_can_be_bought_and_else_goes_back(
    payment: PaymentStatus, order_status: OrderStatus, effect: Effect
) -> None:
    assert rules.verdict_on(PAID, replace(PAYMENT, status=payment), order_status).effect == effect


@pytest.mark.parametrize(
    ("payment", "effect"),
    [("pending", "failed"), ("failed", "ignored"), ("succeeded", "ignored"), ("refunded", "ignored")],
)
def test_a_failure_ends_only_what_is_open(payment: PaymentStatus, effect: Effect) -> None:
    assert rules.verdict_on(DECLINED, replace(PAYMENT, status=payment), "pending").effect == effect


@pytest.mark.parametrize("wrong", [{"amount": 4999}, {"amount": 5001}, {"currency": "GHS"}])
@pytest.mark.parametrize("payment", ["pending", "failed", "succeeded", "refunded"])
def test_the_wrong_amount_always_goes_back(wrong: dict[str, int | str], payment: PaymentStatus) -> None:
    event = replace(PAID, **wrong)

    assert rules.verdict_on(event, replace(PAYMENT, status=payment), "pending").effect == "returned"
