"""Which voucher counts, what it covers, and what it takes off."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from boxoffice.ids import new_id
from boxoffice.vouchers import rules
from boxoffice.vouchers.errors import VoucherExpired
from boxoffice.vouchers.rows import Voucher

NOW = datetime(2026, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def voucher(**fields: Any) -> Voucher:
    """Return a voucher for 10 %, with these fields."""
    usual = {
        "id": new_id(),
        "event_id": new_id(),
        "pool_id": new_id(),
        "pool_rows": 1,
        "code": "TENTH",
        "discount_kind": "percent",
        "discount_value": 10,
        "valid_from": None,
        "valid_until": None,
        "max_per_buyer": None,
        "max_tickets_per_redemption": None,
        "unlocks_hidden": False,
        "ticket_type_ids": None,
    }
    return Voucher(**{**usual, **fields})


@pytest.mark.parametrize(
    ("percent", "price", "discount"),
    [
        (10, 5000, 500),
        (33, 100, 33),
        (50, 1, 1),  # halves up
        (50, 3, 2),
        (25, 2, 1),
        (10, 4, 0),
        (10, 5, 1),
        (33, 50, 17),
        (100, 4999, 4999),
        (99, 1, 1),
        (1, 0, 0),
        (33, 10**14 + 1, 33 * 10**12),
    ],
)
def test_a_percentage_is_rounded_to_the_minor_unit(percent: int, price: int, discount: int) -> None:
    assert rules.discount_on(voucher(discount_value=percent), price, step=1) == discount


@pytest.mark.parametrize(
    ("percent", "price", "discount"),
    [
        (15, 5120, 770),  # 768
        (15, 5130, 770),  # 769.5
        (25, 5100, 1280),  # 1275: halves up
        (5, 100, 10),  # 5: halves up
        (4, 100, 0),
        (33, 10, 0),
        (50, 10, 10),
        (100, 5120, 5120),
    ],
)
def test_in_currencies_of_three_decimals_a_percentage_ends_in_zero(percent: int, price: int, discount: int) -> None:
    assert rules.discount_on(voucher(discount_value=percent), price, step=10) == discount


@pytest.mark.parametrize("percent", range(1, 101))
def test_no_percentage_takes_off_more_than_the_price(percent: int) -> None:
    each = voucher(discount_value=percent)
    for step in (1, 10):
        assert all(0 <= rules.discount_on(each, price, step) <= price for price in range(0, 200 * step, step))


@pytest.mark.parametrize(("price", "discount"), [(0, 0), (299, 299), (300, 300), (1000, 300)])
def test_an_amount_takes_off_the_price_at_the_most(price: int, discount: int) -> None:
    assert rules.discount_on(voucher(discount_kind="fixed", discount_value=300), price, step=1) == discount


def test_a_free_voucher_takes_off_everything_and_one_that_only_unlocks_nothing() -> None:
    assert rules.discount_on(voucher(discount_kind="free", discount_value=None), 700, step=1) == 700
    assert rules.discount_on(voucher(discount_kind=None, discount_value=None), 700, step=1) == 0


def test_a_voucher_covers_its_whole_event_or_the_ticket_types_that_it_names() -> None:
    covered, other = new_id(), new_id()
    any_type = voucher()
    one_type = voucher(ticket_type_ids=[covered])

    assert rules.covers(any_type, any_type.event_id, other)
    assert not rules.covers(any_type, new_id(), other)
    assert rules.covers(one_type, one_type.event_id, covered)
    assert not rules.covers(one_type, one_type.event_id, other)
    assert not rules.covers(one_type, new_id(), covered)


def test_a_voucher_counts_from_valid_from_until_valid_until() -> None:
    each = voucher(valid_from=NOW, valid_until=NOW + HOUR)
    events = [each.event_id]

    assert rules.choose_voucher([each], events, NOW - timedelta(seconds=1)) is None
    assert rules.choose_voucher([each], events, NOW) is each
    with pytest.raises(VoucherExpired):
        rules.choose_voucher([each], events, NOW + HOUR)


def test_of_two_events_with_the_same_code_the_first_counts() -> None:
    first, second = voucher(), voucher()

    assert rules.choose_voucher([second, first], [first.event_id, second.event_id], NOW) is first
    assert rules.choose_voucher([first, second], [second.event_id, first.event_id], NOW) is second


def test_a_discount_is_stored_as_its_kind_and_value() -> None:
    assert rules.columns_of({"code": "X"}) == {"code": "X"}
    for discount, kind, value in (
        ({"kind": "percent", "percent": 5}, "percent", 5),
        ({"kind": "fixed", "amount": 700}, "fixed", 700),
        ({"kind": "free"}, "free", None),
        (None, None, None),
    ):
        assert rules.columns_of({"discount": discount}) == {"discount_kind": kind, "discount_value": value}
