"""When an order can be paid, what an event decides, and when to ask or try again."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from boxoffice.errors import DomainError
from boxoffice.events.errors import EventEnded
from boxoffice.ids import new_id
from boxoffice.orders.errors import OrderNotPending, PaymentProcessing
from boxoffice.orders.models import OrderRow, OrderStatus
from boxoffice.organisations.errors import SellerSuspended
from boxoffice.payments import rules
from boxoffice.payments.errors import (
    OrderExpired,
    ProviderUnavailable,
    TooManyPayments,
)
from boxoffice.payments.models import (
    DueRefund,
    Effect,
    EventKind,
    OpenPayment,
    PaymentOfOrder,
    PaymentRow,
    PaymentStatus,
    ProviderEvent,
    RefundState,
    SaleState,
)
from boxoffice.ticket_types.errors import EventCancelled

NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
PAYMENT = PaymentRow(new_id(), new_id(), "sandbox", "pending", 5000, "NGN", NOW, None)
PAID = ProviderEvent("evt_1", "succeeded", PAYMENT.id, 5000, "NGN", {})
DECLINED = replace(PAID, kind="failed")


def order(status: OrderStatus, expires_in: int = 60) -> OrderRow:
    """Return an order with this status, whose hold lapses in so many seconds."""
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
def test_no_other_order_can_be_paid(status: OrderStatus, expires_in: int, error: type[DomainError]) -> None:
    with pytest.raises(error):
        rules.check_payable(order(status, expires_in), NOW)


@pytest.mark.parametrize(
    ("payment", "order_status", "effect"),
    [
        ("pending", "pending", "paid"),
        ("failed", "pending", "paid"),
        ("pending", "expired", "paid"),
        ("failed", "expired", "paid"),
        ("processing", "pending", "paid"),
        ("processing", "expired", "paid"),
        ("pending", "cancelled", "returned"),
        ("processing", "cancelled", "returned"),
        ("pending", "paid", "returned"),
        ("pending", "refunded", "returned"),
        ("failed", "partially_refunded", "returned"),
        ("succeeded", "paid", "returned"),
        ("succeeded", "refunded", "returned"),
        ("refunded", "expired", "returned"),
        ("refunded", "pending", "returned"),
    ],
)
def test_money_pays_an_order_that_can_be_paid_or_goes_back(
    payment: PaymentStatus, order_status: OrderStatus, effect: Effect
) -> None:
    assert rules.decide_payment(PAID, replace(PAYMENT, status=payment), order_status).effect == effect


@pytest.mark.parametrize(
    ("payment", "effect"),
    [
        ("pending", "failed"),
        ("processing", "failed"),
        ("failed", "ignored"),
        ("succeeded", "ignored"),
        ("refunded", "ignored"),
    ],
)
def test_a_failure_ends_only_a_payment_that_has_not_ended(payment: PaymentStatus, effect: Effect) -> None:
    assert rules.decide_payment(DECLINED, replace(PAYMENT, status=payment), "pending").effect == effect


@pytest.mark.parametrize(
    ("payment", "effect"),
    [
        ("pending", "held"),
        ("failed", "held"),
        ("processing", "ignored"),
        ("succeeded", "ignored"),
        ("refunded", "ignored"),
    ],
)
def test_money_under_way_holds_the_order_of_a_payment_that_can_still_succeed(
    payment: PaymentStatus, effect: Effect
) -> None:
    under_way = replace(PAID, kind="processing")

    assert rules.decide_payment(under_way, replace(PAYMENT, status=payment), "pending").effect == effect


@pytest.mark.parametrize("order_status", ["pending", "expired"])
def test_money_for_what_is_no_longer_for_sale_goes_back(order_status: OrderStatus) -> None:
    assert rules.decide_payment(PAID, PAYMENT, order_status, for_sale=False).effect == "returned"


@pytest.mark.parametrize("order_status", ["pending", "expired"])
def test_more_than_the_total_pays(order_status: OrderStatus) -> None:
    assert rules.decide_payment(replace(PAID, amount=5001), PAYMENT, order_status).effect == "paid"


@pytest.mark.parametrize(
    ("sale", "error"),
    [
        ({}, None),
        ({"ends_at": NOW}, EventEnded),
        ({"cancelled_event": new_id()}, EventCancelled),
        ({"organisation_status": "suspended"}, SellerSuspended),
        ({"organisation_status": "rejected"}, SellerSuspended),
    ],
)
def test_the_sale_ends_with_the_event_or_the_organisation(
    sale: dict[str, Any], error: type[DomainError] | None
) -> None:
    on_sale = SaleState(new_id(), "approved", NOW + timedelta(seconds=1), cancelled_event=None)

    ended = rules.end_of_sale(replace(on_sale, **sale), NOW)

    assert (ended and type(ended)) == error


def started(provider: str, status: PaymentStatus, *, is_open: bool) -> PaymentOfOrder:
    return PaymentOfOrder(**{**vars(PAYMENT), "provider": provider, "status": status, "is_open": is_open})


class TestOpenPayment:
    """Which payment of an order a client gets when it asks for one."""

    @pytest.mark.parametrize("status", ["pending", "failed"])
    def test_the_open_one_at_that_provider(self, status: PaymentStatus) -> None:
        others = [started("stripe", "failed", is_open=False), started("sandbox", "pending", is_open=True)]
        open_one = started("stripe", status, is_open=True)

        assert rules.open_payment([*others, open_one], "stripe") is open_one
        assert rules.open_payment(others, "stripe") is None

    @pytest.mark.parametrize("provider", ["stripe", "sandbox"])
    def test_none_while_money_is_under_way(self, provider: str) -> None:
        with pytest.raises(PaymentProcessing):
            rules.open_payment([started("stripe", "processing", is_open=True)], provider)

    def test_an_eleventh_is_refused_but_an_open_one_is_found(self) -> None:
        refused = [started("stripe", "failed", is_open=False)] * 9
        open_one = started("sandbox", "pending", is_open=True)

        assert rules.open_payment(refused, "stripe") is None
        assert rules.open_payment([*refused, open_one], "sandbox") is open_one
        with pytest.raises(TooManyPayments) as error:
            rules.open_payment([*refused, open_one], "stripe")
        assert error.value.facts == {"max_payments": 10}


@pytest.mark.parametrize(
    ("kinds", "unpaid"),
    [
        (["failed"], True),
        (["cancelled"], True),
        (["failed", "failed"], True),
        ([], False),
        (["succeeded"], False),
        (["processing"], False),
        (["failed", "processing"], False),
    ],
)
def test_an_order_waits_no_longer_if_all_tries_have_failed(kinds: list[EventKind], unpaid: bool) -> None:
    assert rules.brought_no_money([replace(PAID, kind=kind) for kind in kinds]) is unpaid


@pytest.mark.parametrize("wrong", [{"amount": 4999}, {"currency": "GHS"}, {"amount": 9000, "currency": "GHS"}])
@pytest.mark.parametrize("payment", ["pending", "failed", "succeeded", "refunded"])
def test_the_wrong_amount_always_goes_back(wrong: dict[str, int | str], payment: PaymentStatus) -> None:
    event = replace(PAID, **wrong)

    assert rules.decide_payment(event, replace(PAYMENT, status=payment), "pending").effect == "returned"


class TestAsking:
    """When to ask a provider about a payment."""

    def payment(self, *, age: int, hold: int, order_status: str = "pending") -> OpenPayment:
        unimportant = dict.fromkeys(field.name for field in fields(OpenPayment))
        times = {"created_at": NOW - timedelta(minutes=age), "expires_at": NOW + timedelta(minutes=hold)}
        return OpenPayment(**{**unimportant, **times, "order_status": order_status})

    def wait(self, payment: OpenPayment, *, closed: bool = False, answered: bool = True) -> float | None:
        at = rules.next_ask_at(payment, NOW, closed=closed, answered=answered)
        return None if at is None else (at - NOW) / timedelta(minutes=1)

    def test_the_first_time_is_after_two_minutes_or_at_the_end_of_the_hold(self) -> None:
        assert rules.first_ask_at(NOW + timedelta(minutes=10), NOW) == NOW + timedelta(minutes=2)
        assert rules.first_ask_at(NOW + timedelta(minutes=1), NOW) == NOW + timedelta(minutes=1)

    @pytest.mark.parametrize(("age", "hold", "wait"), [(2, 13, 2), (10, 20, 5), (13, 2, 2), (14, 1, 1), (40, 2000, 20)])
    def test_waits_grow_but_the_end_of_the_hold_comes_first(self, age: int, hold: int, wait: int) -> None:
        assert self.wait(self.payment(age=age, hold=hold)) == wait

    @pytest.mark.parametrize(("age", "wait"), [(16, 8), (60, 30), (2000, 720), (100_000, 720)])
    def test_after_the_hold_waits_grow_to_half_a_day(self, age: int, wait: int) -> None:
        assert self.wait(self.payment(age=age, hold=15 - age)) == wait

    def test_nobody_asks_about_a_failed_payment_after_three_days(self) -> None:
        assert self.wait(self.payment(age=60 * 71, hold=-100), closed=True) == 720
        assert self.wait(self.payment(age=60 * 73, hold=-100), closed=True) is None
        assert self.wait(self.payment(age=60 * 73, hold=-100)) == 720

    def test_a_provider_that_does_not_answer_is_asked_each_minute_while_the_order_waits(self) -> None:
        assert self.wait(self.payment(age=20, hold=-5), answered=False) == 1
        assert self.wait(self.payment(age=40, hold=-15), answered=False) == 20

    @pytest.mark.parametrize(
        ("hold", "status", "closes"),
        [(1, "pending", False), (0, "pending", True), (1, "cancelled", True), (1, "paid", True)],
    )
    def test_a_payment_is_closed_when_its_order_is_over(self, hold: int, status: str, closes: bool) -> None:
        assert rules.should_close(self.payment(age=5, hold=hold, order_status=status), NOW) is closes


class TestRefunds:
    """What is stored after an attempt to send a refund."""

    def refund(self, attempts: int = 1, reference: str | None = None, failures: int = 0) -> DueRefund:
        unimportant = dict.fromkeys(field.name for field in fields(DueRefund))
        ours = {"id": PAYMENT.id, "attempts": attempts, "reference": reference, "failures": failures}
        return DueRefund(**{**unimportant, **ours})

    @pytest.mark.parametrize(("attempts", "minutes"), [(1, 1), (2, 2), (3, 4), (10, 512), (11, 720), (10_000, 720)])
    def test_waits_grow_up_to_half_a_day(self, attempts: int, minutes: int) -> None:
        assert rules.next_attempt_at(attempts, NOW) == NOW + timedelta(minutes=minutes)

    @pytest.mark.parametrize(
        ("answer", "status", "again", "reference"),
        [
            (RefundState("succeeded", "re_1"), "succeeded", False, "re_1"),
            (RefundState("pending", "re_1"), "sent", True, "re_1"),
            (RefundState("failed", reason="account closed"), "failed", True, None),
            (RefundState("refused", reason="disputed", code="charge_disputed"), "failed", False, None),
            (RefundState("unfunded", reason="empty"), "owed", True, None),
            (RefundState("by_hand"), "by_hand", False, None),
            (ProviderUnavailable(), "owed", True, None),
        ],
    )
    def test_the_answer_decides_the_status_and_if_the_refund_is_tried_again(
        self, answer: RefundState | DomainError, status: str, again: bool, reference: str | None
    ) -> None:
        outcome = rules.outcome_of(self.refund(), answer, NOW)

        assert (outcome.status, outcome.due_at is not None, outcome.reference) == (status, again, reference)
        assert (outcome.error is not None) is (status in ("failed", "owed"))

    def test_a_sent_refund_stays_sent_while_the_provider_does_not_answer(self) -> None:
        assert rules.outcome_of(self.refund(reference="re_1"), ProviderUnavailable(), NOW).status == "sent"

    def test_a_failure_changes_the_idempotency_key(self) -> None:
        assert self.refund().key == str(PAYMENT.id)
        assert self.refund(failures=2).key == f"{PAYMENT.id}.2"
