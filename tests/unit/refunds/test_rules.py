"""What is given back of an order, and how much."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxoffice.orders.models import OrderRow
from boxoffice.payments.errors import RefundTooLarge
from boxoffice.refunds import rules
from boxoffice.refunds.errors import NothingToRefund, OrderNotRefundable, TicketNotInOrder
from boxoffice.refunds.models import PaidTicket, RefundRequest
from boxoffice.tickets.errors import TicketRefunded
from tests.helpers.factories import NOW


def ticket(price: int, *, status: str = "valid", discounted: bool = True, admits: int = 1) -> PaidTicket:
    return PaidTicket(uuid4(), UUID(int=1), price, admits, status, discounted, [UUID(int=2)])  # type: ignore[arg-type]


def order(total: int, discount: int = 0, status: str = "paid") -> OrderRow:
    return OrderRow(
        id=uuid4(),
        number="K7QW3MPX",
        organisation_id=uuid4(),
        account_id=None,
        status=status,  # type: ignore[arg-type]
        buyer_name="Ada",
        buyer_email="ada@example.com",
        buyer_phone=None,
        currency="NGN",
        total=total,
        discount=discount,
        voucher_id=None,
        expires_at=NOW,
        created_at=NOW,
    )


def request(**fields: object) -> RefundRequest:
    return RefundRequest.model_validate(fields)


def refunded_in(sequence: Sequence[PaidTicket], tickets: Sequence[PaidTicket], paid: OrderRow) -> list[int]:
    """What each ticket brings if they are refunded one by one."""
    amounts: list[int] = []
    known = list(tickets)
    for each in sequence:
        amounts.append(rules.plan_for([each], paid, known, sum(amounts)).amount)
        known = [replace(other, status="refunded") if other.id == each.id else other for other in known]
    return amounts


def test_without_a_discount_each_ticket_is_worth_its_price() -> None:
    tickets = [ticket(5000), ticket(2500, admits=3)]

    assert list(rules.paid_for(tickets, 0).values()) == [5000, 7500]


def test_a_discount_is_spread_in_whole_minor_units() -> None:
    tickets = [ticket(1000) for _ in range(3)]

    assert list(rules.paid_for(tickets, 1000).values()) == [666, 667, 667]


def test_only_the_tickets_that_the_voucher_is_for_bear_its_discount() -> None:
    tickets = [ticket(1000, discounted=False), ticket(1000)]

    assert list(rules.paid_for(tickets, 400).values()) == [1000, 600]


def test_a_discount_larger_than_what_the_voucher_is_for_by_now_is_borne_by_all() -> None:
    tickets = [ticket(1000, discounted=False), ticket(1000)]

    assert list(rules.paid_for(tickets, 1500).values()) == [250, 250]


@given(st.lists(st.tuples(st.integers(0, 10_000), st.booleans()), min_size=1, max_size=8), st.data())
def test_what_was_paid_for_the_tickets_is_the_total(prices: list[tuple[int, bool]], data: st.DataObject) -> None:
    tickets = [ticket(price, discounted=discounted) for price, discounted in prices]
    subtotal = sum(price for price, _ in prices)
    discount = data.draw(st.integers(0, subtotal))

    paid = rules.paid_for(tickets, discount)

    assert sum(paid.values()) == subtotal - discount
    assert all(0 <= paid[each.id] <= each.price for each in tickets)


def test_one_by_one_in_any_order_the_tickets_bring_back_the_total() -> None:
    tickets = [ticket(1000), ticket(999), ticket(1), ticket(0)]
    paid = order(1333, discount=667)

    for sequence in permutations(tickets):
        assert sum(refunded_in(sequence, tickets, paid)) == 1333


def test_money_that_is_back_already_is_not_given_twice() -> None:
    tickets = [ticket(5000), ticket(5000)]
    paid = order(10_000)

    first = rules.plan_of(request(ticket_ids=[str(tickets[0].id)]), paid, tickets, returned=7000)

    assert (first.amount, first.status) == (3000, "partially_refunded")


def test_the_last_ticket_takes_what_is_left() -> None:
    tickets = [ticket(5000, status="refunded"), ticket(5000)]

    plan = rules.plan_of(request(whole=True), order(10_000, status="partially_refunded"), tickets, returned=6000)

    assert (plan.amount, plan.status, plan.tickets) == (4000, "refunded", [tickets[1]])


def test_money_alone_leaves_the_order_alive() -> None:
    plan = rules.plan_of(request(amount=10_000), order(10_000), [ticket(10_000)], returned=0)

    assert (plan.amount, plan.status, plan.tickets) == (10_000, "partially_refunded", [])


def test_more_than_was_paid_is_not_given_back() -> None:
    with pytest.raises(RefundTooLarge):
        rules.plan_of(request(amount=5001), order(10_000), [ticket(10_000)], returned=5000)


@pytest.mark.parametrize("status", ["pending", "expired", "cancelled"])
def test_what_was_not_paid_is_not_refunded(status: str) -> None:
    with pytest.raises(OrderNotRefundable):
        rules.plan_of(request(whole=True), order(100, status=status), [], returned=0)


def test_what_is_refunded_has_nothing_left() -> None:
    with pytest.raises(NothingToRefund):
        rules.plan_of(request(whole=True), order(100, status="refunded"), [], returned=100)


def test_only_valid_tickets_of_the_order_are_refunded() -> None:
    mine, gone = ticket(100), ticket(100, status="refunded")

    with pytest.raises(TicketNotInOrder):
        rules.plan_of(request(ticket_ids=[str(uuid4())]), order(200), [mine, gone], returned=0)
    with pytest.raises(TicketRefunded):
        rules.plan_of(request(ticket_ids=[str(gone.id)]), order(200), [mine, gone], returned=0)


@pytest.mark.parametrize(
    "body", [{}, {"whole": False}, {"whole": True, "amount": 1}, {"amount": 1, "ticket_ids": [str(uuid4())]}]
)
def test_a_request_names_one_of_three(body: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="name one of"):
        request(**body)
