"""What an order draws, costs and may hold."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from boxoffice.ids import new_id
from boxoffice.orders import rules
from boxoffice.orders.errors import BuyerLimitReached, IssueNotOffered
from boxoffice.orders.models import BuyerLimit, Offer, OrderLine, Terms
from boxoffice.stock.errors import SoldOut
from boxoffice.vouchers.errors import VoucherUsedUp
from boxoffice.vouchers.models import Voucher
from tests.unit.vouchers.test_rules import voucher

NOW = datetime(2026, 6, 1, tzinfo=UTC)
EVENT, CAPACITY = new_id(), new_id()


def offer(**fields: Any) -> Offer:
    """A ticket type of an event with a capacity."""
    usual = {
        "ticket_type_id": new_id(),
        "ticket_type_name": "Standing",
        "event_id": EVENT,
        "event_title": "Jazz",
        "organisation_id": EVENT,
        "currency": "NGN",
        "unit_price": 1000,
        "on_sale_from": None,
        "on_sale_until": NOW + timedelta(days=1),
        "min_per_order": 1,
        "max_per_order": 10,
        "max_per_buyer": None,
        "issue": "separate",
        "hidden": False,
        "seated": False,
        "pool_id": new_id(),
        "pool_rows": 4,
        "capacity_pool_id": CAPACITY,
        "capacity_rows": 8,
    }
    return Offer(**{**usual, **fields})


def terms(lines: list[OrderLine], voucher: Voucher | None = None) -> Terms:
    """Terms of an order without seats."""
    return Terms(lines, voucher, [])


def test_what_an_event_sells_is_drawn_from_its_capacity_in_one() -> None:
    lines = [OrderLine(offer(), 2), OrderLine(offer(), 3), OrderLine(offer(capacity_pool_id=None), 4)]

    draws = rules.draws_of(terms(lines), backend_pid=21)

    assert {draw.pool_id: draw.quantity for draw in draws} == {
        CAPACITY: 5,
        **{line.offer.pool_id: line.quantity for line in lines},
    }
    assert [draw.pool_id for draw in draws] == sorted(draw.pool_id for draw in draws)
    assert {draw.home for draw in draws if draw.pool_id == CAPACITY} == {21 % 8}


def test_a_voucher_is_one_draw_whatever_the_order_holds() -> None:
    each = voucher(event_id=EVENT)

    draws = rules.draws_of(terms([OrderLine(offer(), 7)], each), backend_pid=1)

    assert {draw.pool_id: draw.quantity for draw in draws}[each.pool_id] == 1


def test_a_discount_is_off_what_the_voucher_is_for_together() -> None:
    cheap, dear, other = offer(unit_price=5), offer(unit_price=333), offer(event_id=new_id(), unit_price=10_000)
    lines = [OrderLine(cheap, 1), OrderLine(dear, 2), OrderLine(other, 1)]

    assert rules.subtotal_of(lines) == 10_671
    assert rules.discount_of(terms(lines)) == 0
    assert rules.discount_of(terms(lines, voucher(event_id=EVENT))) == 67  # of 671
    assert rules.discount_of(terms(lines, voucher(event_id=EVENT, ticket_type_ids=[cheap.ticket_type_id]))) == 1


@pytest.mark.parametrize(
    ("of_the_type", "of_the_buyer", "grouped"),
    [
        ("separate", None, False),
        ("group", None, True),
        ("choice", None, False),
        ("choice", "separate", False),
        ("choice", "group", True),
        ("group", "group", True),
        ("separate", "separate", False),
    ],
)
def test_a_ticket_type_or_its_buyer_decides_on_one_ticket_for_all(
    of_the_type: Any, of_the_buyer: Any, grouped: bool
) -> None:
    each = offer(issue=of_the_type)

    (line,) = rules.lines_of([each], {each.ticket_type_id: 3}, of_the_buyer, NOW)

    assert line.grouped is grouped


def test_a_choice_counts_where_there_is_one_and_is_refused_where_there_is_none() -> None:
    fixed, free = offer(), offer(issue="choice")
    wanted: dict[UUID, int] = {fixed.ticket_type_id: 1, free.ticket_type_id: 1}

    assert [line.grouped for line in rules.lines_of([fixed, free], wanted, "group", NOW)] == [False, True]
    with pytest.raises(IssueNotOffered):
        rules.lines_of([fixed], wanted, "group", NOW)


def test_limits_are_those_of_the_ticket_types_and_of_the_voucher() -> None:
    limited, free = offer(max_per_buyer=4), offer()
    each = voucher(event_id=EVENT, max_per_buyer=1)

    limits = rules.limits_of(terms([OrderLine(limited, 3), OrderLine(free, 5)], each))

    assert limits == [
        BuyerLimit(limited.ticket_type_id, "Standing", wanted=3, most=4),
        BuyerLimit(each.id, "TENTH", wanted=1, most=1),
    ]
    rules.check_limits(limits, {limited.ticket_type_id: 1})
    for taken in ({limited.ticket_type_id: 2}, {each.id: 1}):
        with pytest.raises(BuyerLimitReached):
            rules.check_limits(limits, taken)


def test_a_voucher_is_used_up_only_if_nothing_else_is_short() -> None:
    line, each = OrderLine(offer(), 1), voucher(event_id=EVENT)

    assert isinstance(rules.lack_of(terms([line], each), [each.pool_id]), VoucherUsedUp)
    for short in ([line.offer.pool_id], [each.pool_id, line.offer.pool_id], [CAPACITY]):
        assert isinstance(rules.lack_of(terms([line], each), short), SoldOut)
    assert isinstance(rules.lack_of(terms([line]), [line.offer.pool_id]), SoldOut)
