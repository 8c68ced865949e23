"""The charges of items, the platform's fee of them, and the shares of tickets in them."""

from dataclasses import replace
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from itertools import accumulate, pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxoffice import money
from boxoffice.ids import new_id
from boxoffice.pricing.models import Charge, FeeTerms, PricedItem
from boxoffice.pricing.rules import charges_of, platform_fee, share_of
from boxoffice.vouchers.rows import DiscountKind
from tests.unit.vouchers.test_rules import voucher

EVENT = new_id()
AMOUNTS = st.one_of(st.integers(0, 100), st.integers(0, 10**14))
STEPS = st.sampled_from([1, 10, 100])  # EUR and JPY, KWD, MGA


def item(unit_price: int, quantity: int = 1, event_id: UUID = EVENT) -> PricedItem:
    return PricedItem(event_id, new_id(), quantity, unit_price)


@st.composite
def charges(draw: st.DrawFn) -> tuple[Charge, int, int]:
    """Return a charge, the quantity of its item, and the step: with or without terms, the tax included or on top."""
    quantity, step = draw(st.integers(1, 12)), draw(STEPS)
    price = draw(AMOUNTS)
    gross = price * step * quantity
    discount = draw(st.integers(0, price * quantity)) * step
    charge = Charge(
        terms_id=None,
        gross=gross,
        discount=discount,
        buyer_fee=None,
        tax=None,
        platform_fee=None,
        total=gross - discount,
    )
    if draw(st.booleans()):
        buyer_fee, platform_fee = draw(AMOUNTS) * step, draw(AMOUNTS)
        total = charge.total + buyer_fee
        on_top = draw(st.booleans())
        tax = draw(st.integers(0, total // step)) * step if on_top else draw(st.integers(0, total))
        terms = {"terms_id": new_id(), "buyer_fee": buyer_fee, "tax": tax, "platform_fee": platform_fee}
        charge = replace(charge, **terms, total=total + (tax if on_top else 0))
    return charge, quantity, step


def shares_of(charge: Charge, groups: list[int], step: int = 1) -> list[Charge]:
    """Return the shares of groups of consecutive units."""
    return [share_of(charge, sum(groups), *ends, step) for ends in pairwise(accumulate(groups, initial=0))]


PARTS = ("gross", "discount", "buyer_fee", "tax", "platform_fee", "total")


class TestCharges:
    def test_without_a_voucher_an_item_costs_its_gross(self) -> None:
        (charge,) = charges_of([item(2500, quantity=3)], None, step=1)

        assert (charge.gross, charge.discount, charge.total) == (7500, 0, 7500)
        assert (charge.terms_id, charge.buyer_fee, charge.tax, charge.platform_fee) == (None,) * 4

    def test_a_discount_is_computed_once_and_shared_by_the_items_that_the_voucher_covers(self) -> None:
        cheap, dear, other = item(5), item(333, quantity=2), item(10_000, event_id=new_id())
        items = [cheap, other, dear]

        def discounts(**fields: object) -> list[int]:
            return [charge.discount for charge in charges_of(items, voucher(event_id=EVENT, **fields), step=1)]

        assert sum(discounts()) == 67  # a tenth of 671
        assert discounts() == [1, 0, 66]
        assert discounts(ticket_type_ids=[cheap.ticket_type_id]) == [1, 0, 0]
        assert discounts(ticket_type_ids=[dear.ticket_type_id]) == [0, 0, 67]
        assert discounts(discount_kind="fixed", discount_value=10**6) == [5, 0, 666]

    def test_items_share_a_discount_in_whole_minor_units(self) -> None:
        third = voucher(event_id=EVENT, discount_kind="fixed", discount_value=1000)

        assert [charge.total for charge in charges_of([item(1000)] * 3, third, step=1)] == [666, 667, 667]

    def test_an_item_that_costs_nothing_bears_no_discount(self) -> None:
        five_off = voucher(event_id=EVENT, discount_kind="fixed", discount_value=5)

        charges = charges_of([item(0), item(0)], five_off, step=1)

        assert [(charge.gross, charge.discount, charge.total) for charge in charges] == [(0, 0, 0)] * 2

    def test_three_decimals_end_in_a_zero(self) -> None:
        fifteen = voucher(event_id=EVENT, discount_value=15)

        # 15 % of KWD 5.120 are 0.768, which nobody can pay: 0.770 are. Of two such tickets it is 1.536, so 1.540.
        assert [charge.total for charge in charges_of([item(5120)], fifteen, step=10)] == [4350]
        assert [charge.total for charge in charges_of([item(5120), item(5120)], fifteen, step=10)] == [4350, 4350]
        assert [charge.total for charge in charges_of([item(5100), item(10)], fifteen, step=10)] == [4330, 10]
        # Half of a step is rounded up: 5 % of 0.100 are 0.005, so 0.010.
        assert charges_of([item(100)], voucher(event_id=EVENT, discount_value=5), step=10)[0].discount == 10

    def test_a_limited_voucher_covers_the_dearest_tickets(self) -> None:
        cheap, dear, other = item(1000, quantity=3), item(5000, quantity=2), item(9000, event_id=new_id())
        items = [cheap, other, dear]

        def discounts(limit: int | None, **fields: object) -> list[int]:
            limited = voucher(event_id=EVENT, max_tickets_per_redemption=limit, **fields)
            return [charge.discount for charge in charges_of(items, limited, step=1)]

        free = {"discount_kind": "free", "discount_value": None}
        assert discounts(1, **free) == [0, 0, 5000]
        assert discounts(2, **free) == [0, 0, 10_000]
        assert discounts(3, **free) == [1000, 0, 10_000]
        assert discounts(1000, **free) == discounts(None, **free) == [3000, 0, 10_000]
        assert discounts(3) == [100, 0, 1000]  # a tenth of 11,000
        assert discounts(1, discount_kind="fixed", discount_value=6000) == [0, 0, 5000]
        assert discounts(1, ticket_type_ids=[cheap.ticket_type_id], **free) == [1000, 0, 0]

    def test_among_tickets_of_one_price_those_of_the_first_item_are_covered(self) -> None:
        free = voucher(event_id=EVENT, discount_kind="free", discount_value=None, max_tickets_per_redemption=3)

        charges = charges_of([item(700, quantity=2), item(700, quantity=2), item(700)], free, step=1)

        assert [charge.discount for charge in charges] == [1400, 700, 0]

    @given(
        st.lists(st.tuples(AMOUNTS, st.integers(1, 10), st.booleans()), min_size=1, max_size=8),
        st.sampled_from(["percent", "fixed", "free"]),
        STEPS,
        st.none() | st.integers(1, 20),
        st.data(),
    )
    def test_the_charges_add_up_to_the_price_and_discount_of_the_order(
        self, wanted: list[tuple[int, int, bool]], kind: DiscountKind, step: int, limit: int | None, data: st.DataObject
    ) -> None:
        items = [item(price * step, quantity) for price, quantity, _ in wanted]
        covered = [each for each, (_, _, is_covered) in zip(items, wanted, strict=True) if is_covered]
        dearest = sorted((each.unit_price for each in covered for _ in range(each.quantity)), reverse=True)
        price = sum(dearest[:limit])
        value = data.draw(st.integers(1, 100) if kind == "percent" else st.integers(1, 2 * price // step + 1))
        each_voucher = voucher(
            event_id=EVENT,
            discount_kind=kind,
            discount_value=value * step if kind == "fixed" else value,
            ticket_type_ids=[each.ticket_type_id for each in covered],
            max_tickets_per_redemption=limit,
        )

        charged = charges_of(items, each_voucher, step)

        discount = sum(charge.discount for charge in charged)
        if kind == "percent":
            # The nearest multiple of the step, and of two equally near ones the larger.
            assert -step <= 2 * (Fraction(price * value, 100) - discount) < step
        else:
            assert discount == {"fixed": min(value * step, price), "free": price}[kind]
        for each, charge in zip(items, charged, strict=True):
            assert charge.gross == each.unit_price * each.quantity
            assert 0 <= charge.discount <= (charge.gross if each in covered else 0)
            assert charge.total == charge.gross - charge.discount
            assert charge.discount % step == charge.total % step == 0


def fee_terms(basis_points: int, fixed: int = 0, minimum: int = 0, maximum: int | None = None) -> FeeTerms:
    return FeeTerms(new_id(), basis_points, fixed, minimum, maximum)


class TestPlatformFee:
    @pytest.mark.parametrize(
        ("price", "quantity", "terms", "step", "fee"),
        [
            (4999, 3, fee_terms(250, 30), 1, 465),  # EUR: 2.5 % of 149.97 are 3.749…, so 3.75, and 3 times 0.30
            (60, 1, fee_terms(250), 1, 2),  # 2.5 % of 0.60 are a cent and a half: 2 is even
            (100, 1, fee_terms(250), 1, 2),  # of 1.00 two and a half: 2 is even
            (140, 1, fee_terms(250), 1, 4),  # of 1.40 three and a half: 4 is even
            (1010, 1, fee_terms(500, 10), 1, 60),  # JPY: 5 % of 1010 are 50.5, so 50, and 10
            (5120, 1, fee_terms(250), 10, 130),  # KWD: 2.5 % of 5.120 are 0.128, which nobody can pay: 0.130
            (1000, 1, fee_terms(250), 10, 20),  # of 1.000 two steps and a half: 2 is even
            (1400, 2, fee_terms(250, 50), 10, 170),  # of 2.800 exactly 0.070, and 2 times 0.050
            (500, 2, fee_terms(250, 0, 50, 1500), 1, 100),  # 0.25 is less than 2 times 0.50
            (100_000, 2, fee_terms(250, 30, 50, 1500), 1, 3000),  # 50.60 is more than 2 times 15.00
            (20, 3, fee_terms(250, 0, 50), 1, 60),  # never more than the tickets
            (1000, 3, fee_terms(10_000, 500), 1, 3000),
            (0, 3, fee_terms(250, 30, 50), 1, 0),  # free tickets have none
            (1000, 3, fee_terms(0), 1, 0),
        ],
    )
    def test_it_is_a_part_and_an_amount_of_each_ticket_within_bounds(
        self, price: int, quantity: int, terms: FeeTerms, step: int, fee: int
    ) -> None:
        (charge,) = charges_of([item(price, quantity)], None, step, terms)

        assert (charge.platform_fee, charge.total) == (fee, price * quantity), "the buyer pays nothing more"
        assert (charge.terms_id, charge.buyer_fee, charge.tax) == (terms.id, 0, 0)

    def test_it_is_of_what_is_paid_for_each_item(self) -> None:
        cheap, dear, elsewhere = item(1000, quantity=2), item(5000), item(3000, event_id=new_id())
        terms = fee_terms(1000, 50)

        def fees(**fields: object) -> list[int | None]:
            charged = charges_of([cheap, dear, elsewhere], voucher(event_id=EVENT, **fields), 1, terms)
            return [charge.platform_fee for charge in charged]

        # Half off: 10.00, 25.00 and, elsewhere, 30.00. A tenth, and 0.50 for each ticket.
        assert fees(discount_value=50) == [200, 300, 350]
        assert fees(discount_value=100) == [0, 0, 350]

    @given(
        st.integers(0, 10**9),
        st.integers(1, 20_000),
        st.integers(0, 10_000),
        st.integers(0, 10**6),
        st.integers(0, 10**6),
        st.none() | st.integers(0, 10**6),
        st.sampled_from([("JPY", 1), ("EUR", 1), ("KWD", 10), ("MGA", 100)]),
    )
    def test_it_is_what_decimals_come_to(
        self,
        price: int,
        quantity: int,
        basis_points: int,
        fixed: int,
        minimum: int,
        above: int | None,
        currency: tuple[str, int],
    ) -> None:
        step = money.step(currency[0])
        assert step == currency[1]
        maximum = None if above is None else (minimum + above) * step
        terms = fee_terms(basis_points, fixed * step, minimum * step, maximum)
        paid = Decimal(price * step * quantity)

        fee = platform_fee(int(paid), quantity, terms, step)

        percentage = (paid * basis_points / 10_000 / step).quantize(Decimal(1), ROUND_HALF_EVEN) * step
        bounded = max(percentage + terms.fixed * quantity, Decimal(terms.minimum * quantity))
        if maximum is not None:
            bounded = min(bounded, Decimal(maximum * quantity))
        assert fee == min(bounded, paid)
        assert 0 <= fee <= paid
        assert fee % step == 0

    @given(st.integers(0, 10**6), st.integers(1, 30), st.integers(0, 10_000), st.integers(0, 500), STEPS)
    def test_the_tickets_of_an_item_share_it(
        self, price: int, quantity: int, basis_points: int, fixed: int, step: int
    ) -> None:
        terms = fee_terms(basis_points, fixed * step)
        (charge,) = charges_of([item(price * step, quantity)], None, step, terms)

        shares = [share.platform_fee or 0 for share in shares_of(charge, [1] * quantity, step)]

        assert sum(shares) == charge.platform_fee
        assert max(shares) - min(shares) < 2 * step
        assert all(0 <= share <= price * step for share in shares)


class TestShares:
    def test_what_is_paid_is_rounded_down_at_each_boundary(self) -> None:
        charge = Charge(
            terms_id=None, gross=3000, discount=1000, buyer_fee=None, tax=None, platform_fee=None, total=2000
        )

        assert [share.total for share in shares_of(charge, [1, 1, 1])] == [666, 667, 667]
        assert [share.discount for share in shares_of(charge, [1, 1, 1])] == [334, 333, 333]
        assert [share.total for share in shares_of(charge, [2, 1])] == [1333, 667]
        # In KWD: what is paid up to a ticket is 0.660, then 1.330.
        assert [share.total for share in shares_of(charge, [1, 1, 1], step=10)] == [660, 670, 670]
        assert [share.discount for share in shares_of(charge, [1, 1, 1], step=10)] == [340, 330, 330]
        assert [share.total for share in shares_of(charge, [2, 1], step=10)] == [1330, 670]

    @pytest.mark.parametrize(("total", "on_top", "shares"), [(1100, 0, [366, 366, 368]), (1300, 200, [432, 433, 435])])
    def test_a_tax_is_included_or_on_top(self, total: int, on_top: int, shares: list[int]) -> None:
        charge = Charge(
            terms_id=new_id(), gross=1200, discount=200, buyer_fee=100, tax=200, platform_fee=50, total=total
        )

        assert charge.tax_on_top == on_top
        assert [share.tax for share in shares_of(charge, [1, 1, 1])] == [66, 67, 67]
        assert [share.platform_fee for share in shares_of(charge, [1, 1, 1])] == [16, 17, 17]
        assert [share.total for share in shares_of(charge, [1, 1, 1])] == shares

    @given(charges(), st.data())
    def test_shares_add_up_to_the_charge_part_by_part_however_units_are_grouped(
        self, charged: tuple[Charge, int, int], data: st.DataObject
    ) -> None:
        charge, quantity, step = charged
        marks = data.draw(st.sets(st.integers(1, quantity)))
        groups = [end - begin for begin, end in pairwise(sorted({0, *marks, quantity}))]

        shares = shares_of(charge, groups, step)

        for part in PARTS:
            whole = getattr(charge, part)
            parts = [getattr(share, part) for share in shares]
            assert parts == [None] * len(shares) if whole is None else sum(parts) == whole
            assert all(each is None or each >= 0 for each in parts)
        for share in shares:
            on_top = share.tax if charge.tax_on_top else 0
            assert share.total == share.gross - share.discount + (share.buyer_fee or 0) + (on_top or 0)
            assert share.discount <= share.gross
            assert share.total % step == 0
            assert share.terms_id == charge.terms_id

    @given(charges())
    def test_units_bear_nearly_the_same_and_together_the_charge(self, charged: tuple[Charge, int, int]) -> None:
        charge, quantity, step = charged

        # Less than a step off for each of discount, fee and tax.
        for share in shares_of(charge, [1] * quantity, step):
            assert abs(share.total * quantity - charge.total) < 3 * quantity * step
        assert share_of(charge, quantity, 0, quantity, step) == charge
