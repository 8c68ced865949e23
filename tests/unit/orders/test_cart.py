"""What a cart takes from stock, its ticket modes, and the limits of its buyer."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from boxoffice.ids import new_id
from boxoffice.orders import rules
from boxoffice.orders.errors import BuyerLimitReached, NotOnSale, TicketModeNotOffered
from boxoffice.orders.models import BuyerLimit, Cart, CartItem, SaleTerms
from boxoffice.stock.errors import SoldOut
from boxoffice.vouchers.errors import VoucherUnlocksFewer, VoucherUsedUp
from boxoffice.vouchers.rows import Voucher
from tests.unit.vouchers.test_rules import voucher

NOW = datetime(2026, 6, 1, tzinfo=UTC)
EVENT, CAPACITY = new_id(), new_id()


def terms(**fields: Any) -> SaleTerms:
    """Return the sale terms of a ticket type, whose event has a capacity."""
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
        "ticket_mode": "separate",
        "hidden": False,
        "seated": False,
        "pool_id": new_id(),
        "pool_rows": 4,
        "capacity_pool_id": CAPACITY,
        "capacity_rows": 8,
        "seller_sells": True,
        "asks_challenge": False,
        "confirm_free_orders": False,
        "form": None,
        **dict.fromkeys(("terms_id", "fee_basis_points", "fee_fixed", "fee_minimum", "fee_maximum")),
    }
    return SaleTerms(**{**usual, **fields})


@pytest.mark.parametrize(("seconds", "is_on_sale"), [(-3601, False), (-3600, True), (-1, True), (0, False), (1, False)])
def test_a_sale_begins_at_its_start_and_is_over_at_its_end(seconds: int, is_on_sale: bool) -> None:
    each = terms(on_sale_from=NOW - timedelta(hours=1), on_sale_until=NOW)

    if is_on_sale:
        rules.check_on_sale(each, 1, NOW + timedelta(seconds=seconds))
    else:
        with pytest.raises(NotOnSale):
            rules.check_on_sale(each, 1, NOW + timedelta(seconds=seconds))


def test_ticket_types_of_an_event_take_from_its_capacity_in_one_draw() -> None:
    items = [CartItem(terms(), 2), CartItem(terms(), 3), CartItem(terms(capacity_pool_id=None), 4)]

    draws = rules.plan_draws(items, None, backend_pid=21)

    assert {draw.pool_id: draw.quantity for draw in draws} == {
        CAPACITY: 5,
        **{item.terms.pool_id: item.quantity for item in items},
    }
    assert [draw.pool_id for draw in draws] == sorted(draw.pool_id for draw in draws)
    assert {draw.start for draw in draws if draw.pool_id == CAPACITY} == {21 % 8}


def test_a_voucher_is_one_redemption_whatever_the_order_holds() -> None:
    each = voucher(event_id=EVENT)

    draws = rules.plan_draws([CartItem(terms(), 7)], each, backend_pid=1)

    assert {draw.pool_id: draw.quantity for draw in draws}[each.pool_id] == 1


@pytest.mark.parametrize(
    ("of_the_type", "of_the_buyer", "is_group"),
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
def test_the_ticket_type_or_the_buyer_chooses_the_ticket_mode(
    of_the_type: Any, of_the_buyer: Any, is_group: bool
) -> None:
    each = terms(ticket_mode=of_the_type)

    (item,) = rules.cart_items([each], {each.ticket_type_id: 3}, of_the_buyer, NOW)

    assert item.is_group is is_group


def test_a_ticket_mode_is_chosen_where_there_is_a_choice_and_refused_elsewhere() -> None:
    fixed, free = terms(), terms(ticket_mode="choice")
    quantities: dict[UUID, int] = {fixed.ticket_type_id: 1, free.ticket_type_id: 1}

    assert [item.is_group for item in rules.cart_items([fixed, free], quantities, "group", NOW)] == [False, True]
    with pytest.raises(TicketModeNotOffered):
        rules.cart_items([fixed], quantities, "group", NOW)


def test_the_limits_are_those_of_the_ticket_types_and_of_the_voucher() -> None:
    limited, free = terms(max_per_buyer=4), terms()
    each = voucher(event_id=EVENT, max_per_buyer=1)

    limits = rules.buyer_limits([CartItem(limited, 3), CartItem(free, 5)], each)

    assert limits == [
        BuyerLimit(limited.ticket_type_id, "Standing", quantity=3, max_per_buyer=4),
        BuyerLimit(each.id, "TENTH", quantity=1, max_per_buyer=1),
    ]
    rules.check_buyer_limits(limits, {limited.ticket_type_id: 1})
    for owned in ({limited.ticket_type_id: 2}, {each.id: 1}):
        with pytest.raises(BuyerLimitReached):
            rules.check_buyer_limits(limits, owned)


def test_a_voucher_unlocks_as_many_hidden_tickets_as_it_covers() -> None:
    hidden, also_hidden, public = terms(hidden=True), terms(hidden=True), terms()
    limited = voucher(event_id=EVENT, unlocks_hidden=True, max_tickets_per_redemption=3)
    unlimited = voucher(event_id=EVENT, unlocks_hidden=True)

    def redeem(each: Voucher, *quantities: int) -> Voucher | None:
        by_type = dict(zip([t.ticket_type_id for t in (hidden, also_hidden, public)], quantities, strict=True))
        return rules.redeemed_voucher([hidden, also_hidden, public], by_type, [each], each.code, NOW)

    assert redeem(limited, 1, 2, 10) is limited
    assert redeem(unlimited, 10, 10, 10) is unlimited
    with pytest.raises(VoucherUnlocksFewer) as refused:
        redeem(limited, 2, 2, 1)
    assert refused.value.facts == {"max_tickets_per_redemption": 3}


def test_a_voucher_is_used_up_only_if_nothing_else_is_short() -> None:
    item, each = CartItem(terms(), 1), voucher(event_id=EVENT)
    pool = item.terms.pool_id
    redeems, plain = (Cart([item], [], redeemed, []) for redeemed in (each, None))

    assert isinstance(rules.shortage_error(redeems, {each.pool_id: 0}), VoucherUsedUp)
    for short in ([pool], [each.pool_id, pool], [CAPACITY]):
        assert isinstance(rules.shortage_error(redeems, dict.fromkeys(short, 0)), SoldOut)
    assert isinstance(rules.shortage_error(plain, {pool: 0}), SoldOut)


def test_as_many_are_left_as_in_the_pool_that_has_the_fewest() -> None:
    standing, seated = terms(ticket_type_name="Standing"), terms(ticket_type_name="Seated")
    cart = Cart([CartItem(standing, 9), CartItem(seated, 9)], [], None, [])

    error = rules.shortage_error(cart, {standing.pool_id: 7, CAPACITY: 4})

    left = [(each["name"], each["available"]) for each in error.facts["ticket_types"]]
    assert left == [("Standing", 4), ("Seated", 4)]
    assert error.detail.startswith("Standing: 4 left. Seated: 4 left. Ask for fewer")
