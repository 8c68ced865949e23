"""What a refund does to an order, and how much money it sends back."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxoffice.errors import AmountOffStep
from boxoffice.orders.models import OrderRow, OrderStatus
from boxoffice.payments.errors import RefundTooLarge
from boxoffice.pricing.models import Charge
from boxoffice.refunds import rules
from boxoffice.refunds.errors import FeeTooLarge, NothingToRefund, OrderNotRefundable, TicketNotInOrder
from boxoffice.refunds.models import PaidTicket, RefundRequest
from boxoffice.tickets.errors import TicketRefunded
from boxoffice.tickets.models import TicketStatus
from tests.helpers.factories import NOW


def tickets_of(price: int, quantity: int, discount: int = 0, *, is_group: bool = False) -> list[PaidTicket]:
    """Return the tickets of an item: one each, or one for the group."""
    charge = Charge(
        terms_id=None,
        gross=price * quantity,
        discount=discount,
        buyer_fee=None,
        tax=None,
        platform_fee=None,
        total=price * quantity - discount,
    )
    return [
        PaidTicket(
            **vars(charge),
            id=uuid4(),
            item_no=1,
            event_id=UUID(int=1),
            status="valid",
            position=position,
            group_size=quantity if is_group else 1,
            quantity=quantity,
            entries=0,
            pool_ids=[UUID(int=2)],
        )
        for position in range(1, 2 if is_group else quantity + 1)
    ]


def ticket(price: int, status: TicketStatus = "valid") -> PaidTicket:
    """Return the only ticket of an item."""
    (only,) = tickets_of(price, 1)
    return replace(only, status=status)


def order(total: int, status: OrderStatus = "paid", currency: str = "NGN") -> OrderRow:
    return OrderRow(
        id=uuid4(),
        number="K7QW3MPX",
        organisation_id=uuid4(),
        account_id=None,
        status=status,
        buyer_name="Ada",
        buyer_email="ada@example.com",
        buyer_phone=None,
        currency=currency,
        total=total,
        voucher_id=None,
        expires_at=NOW,
        created_at=NOW,
        version=1,
        email_changes=0,
    )


def request(**fields: object) -> RefundRequest:
    return RefundRequest.model_validate(fields)


def amounts_paid(tickets: Sequence[PaidTicket], step: int = 1) -> list[int]:
    return [rules.amount_paid(each, step) for each in tickets]


def refunded_in(sequence: Sequence[PaidTicket], tickets: Sequence[PaidTicket], paid: OrderRow) -> list[int]:
    """Return how much each ticket sends back if they are refunded one by one."""
    amounts: list[int] = []
    known = list(tickets)
    for each in sequence:
        amounts.append(rules.plan_ticket_refund([each], paid, known, sum(amounts)).amount)
        known = [replace(other, status="refunded") if other.id == each.id else other for other in known]
    return amounts


def test_without_a_discount_each_ticket_is_worth_its_price() -> None:
    tickets = [*tickets_of(5000, 1), *tickets_of(2500, 3, is_group=True)]

    assert amounts_paid(tickets) == [5000, 7500]


def test_a_discount_is_shared_in_whole_minor_units() -> None:
    assert amounts_paid(tickets_of(1000, 3, discount=1000)) == [666, 667, 667]
    assert amounts_paid(tickets_of(1000, 3, discount=1000), step=10) == [660, 670, 670]


def test_a_ticket_bears_only_the_discount_of_its_own_item() -> None:
    tickets = [*tickets_of(1000, 1), *tickets_of(1000, 1, discount=400)]

    assert amounts_paid(tickets) == [1000, 600]


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 6), st.booleans()), min_size=1, max_size=6), st.data())
def test_what_was_paid_for_the_tickets_is_the_total(items: list[tuple[int, int, bool]], data: st.DataObject) -> None:
    tickets = []
    for price, quantity, is_group in items:
        discount = data.draw(st.integers(0, price * quantity))
        tickets.append(tickets_of(price, quantity, discount, is_group=is_group))

    assert [sum(amounts_paid(item)) for item in tickets] == [item[0].total for item in tickets]
    assert all(0 <= rules.amount_paid(each, step=1) <= each.gross for item in tickets for each in item)


def test_refunded_one_by_one_in_any_order_the_tickets_send_back_the_total() -> None:
    tickets = [*tickets_of(333, 3, discount=500), *tickets_of(1, 1, discount=1), *tickets_of(0, 1)]
    paid = order(499)

    for sequence in permutations(tickets):
        assert sum(refunded_in(sequence, tickets, paid)) == 499


def test_in_currencies_of_three_decimals_each_refund_ends_in_zero() -> None:
    tickets = [*tickets_of(3330, 3, discount=5000), *tickets_of(10, 1, discount=10), *tickets_of(20, 1)]
    paid = order(5010, currency="KWD")

    for sequence in permutations(tickets):
        amounts = refunded_in(sequence, tickets, paid)
        assert sum(amounts) == 5010
        assert all(amount % 10 == 0 for amount in amounts)
    with pytest.raises(AmountOffStep):
        rules.plan_refund(request(amount=1005), paid, tickets, refunded=0)
    assert rules.plan_refund(request(amount=1000), paid, tickets, refunded=0).amount == 1000


def test_money_that_was_refunded_is_not_refunded_twice() -> None:
    tickets = [ticket(5000), ticket(5000)]
    paid = order(10_000)

    first = rules.plan_refund(request(ticket_ids=[str(tickets[0].id)]), paid, tickets, refunded=7000)

    assert (first.amount, first.status) == (3000, "partially_refunded")


def test_the_last_ticket_sends_back_all_that_is_left() -> None:
    tickets = [ticket(5000, status="refunded"), ticket(5000)]

    plan = rules.plan_refund(request(whole=True), order(10_000, status="partially_refunded"), tickets, refunded=6000)

    assert (plan.amount, plan.status, plan.tickets) == (4000, "refunded", [tickets[1]])


def test_a_refund_of_an_amount_leaves_the_tickets_valid() -> None:
    plan = rules.plan_refund(request(amount=10_000), order(10_000), [ticket(10_000)], refunded=0)

    assert (plan.amount, plan.status, plan.tickets) == (10_000, "partially_refunded", [])


def test_no_refund_is_more_than_what_is_left() -> None:
    with pytest.raises(RefundTooLarge):
        rules.plan_refund(request(amount=5001), order(10_000), [ticket(10_000)], refunded=5000)


@pytest.mark.parametrize("status", ["pending", "expired", "cancelled"])
def test_an_order_that_was_not_paid_is_not_refunded(status: OrderStatus) -> None:
    with pytest.raises(OrderNotRefundable):
        rules.plan_refund(request(whole=True), order(100, status=status), [], refunded=0)


def test_a_refunded_order_has_nothing_to_refund() -> None:
    with pytest.raises(NothingToRefund):
        rules.plan_refund(request(whole=True), order(100, status="refunded"), [], refunded=100)


def test_only_valid_tickets_of_the_order_are_refunded() -> None:
    mine, gone = ticket(100), ticket(100, status="refunded")

    with pytest.raises(TicketNotInOrder):
        rules.plan_refund(request(ticket_ids=[str(uuid4())]), order(200), [mine, gone], refunded=0)
    with pytest.raises(TicketRefunded):
        rules.plan_refund(request(ticket_ids=[str(gone.id)]), order(200), [mine, gone], refunded=0)


TICKETS = {"ticket_ids": [str(uuid4())]}


@pytest.mark.parametrize(
    ("body", "because"),
    [
        ({}, "must have `whole`, `ticket_ids` or an `amount` above 0"),
        ({"whole": False, "amount": 0}, "must have `whole`, `ticket_ids` or an `amount` above 0"),
        ({"whole": True, **TICKETS}, "one of `whole` and `ticket_ids`, not both"),
        ({"amount": 5, "fee": 5}, "only with `whole` or `ticket_ids`"),
        ({**TICKETS, "amount": 5, "fee": 5}, "without `amount`"),
    ],
)
def test_a_request_says_what_ends_and_what_goes_back(body: dict[str, object], because: str) -> None:
    with pytest.raises(ValueError, match=because):
        request(**body)


def test_a_fee_is_for_all_of_the_tickets_and_is_not_above_what_is_left() -> None:
    tickets = tickets_of(1000, 3, discount=1000)  # 666, 667 and 667 were paid
    chosen = {"ticket_ids": [str(each.id) for each in tickets[:2]]}

    plan = rules.plan_refund(request(**chosen, fee=333), order(2000), tickets, refunded=0)
    after = rules.plan_refund(request(**chosen, fee=333), order(2000), tickets, refunded=1600)

    assert (plan.amount, plan.kept) == (1000, 333)
    assert (after.amount, after.kept) == (67, 333)
    with pytest.raises(FeeTooLarge):
        rules.plan_refund(request(**chosen, fee=401), order(2000), tickets, refunded=1600)
