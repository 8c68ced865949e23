"""What an incoming payment posts: the amounts are worked out by hand."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxoffice import money
from boxoffice.ids import new_id
from boxoffice.ledger.kinds import KINDS
from boxoffice.payments.book_rules import fee_returned_by, holder_of, shares, transfers_of
from boxoffice.payments.models import (
    PLATFORM_MERCHANT,
    BookedItem,
    BookedRefund,
    BookedReversal,
    MoneyToBook,
    ReversalStatus,
)

EVENT, OTHER_EVENT = new_id(), new_id()


def item(number: int, total: int, *, quantity: int = 1, tax: int = 0, fee: int = 0, event: Any = EVENT) -> BookedItem:
    """Make an item; its total is its price, with the tax inside."""
    charge: dict[str, Any] = {"terms_id": new_id(), "gross": total, "discount": 0, "buyer_fee": 0, "total": total}
    return BookedItem(
        **charge,
        tax=tax,
        platform_fee=fee,
        item_no=number,
        event_id=event,
        ticket_type_id=new_id(),
        quantity=quantity,
        returns_fee=True,
    )


def paid(*items: BookedItem, amount: int | None = None, **facts: Any) -> MoneyToBook:
    return MoneyToBook(
        **{
            "organisation_id": new_id(),
            "order_id": new_id(),
            "provider": "stripe",
            "merchant_id": PLATFORM_MERCHANT,
            "amount": sum(each.total for each in items) if amount is None else amount,
            "currency": "EUR",
            "items": items,
            "refunds": (),
            "reversals": (),
            **facts,
        }
    )


def refund(amount: int, *tickets: tuple[int, int, int], elsewhere: int = 0, taken: bool = True) -> BookedRefund:
    return BookedRefund(amount, elsewhere, taken, tickets)


def reversal(status: ReversalStatus, amount: int, booked: int | None = None) -> BookedReversal:
    counts = amount if status in ("made", "lost") else 0
    return BookedReversal(status, amount, counts if booked is None else booked, status == "open")


def sums(of: MoneyToBook) -> dict[str, int]:
    """Return how much each kind transfers."""
    amounts: Counter[str] = Counter()
    for transfer in transfers_of(of):
        amounts[transfer.kind] += transfer.amount
    return {kind: amount for kind, amount in amounts.items() if amount}


def balances(of: MoneyToBook) -> dict[str, int]:
    accounts: Counter[str] = Counter()
    for kind, amount in sums(of).items():
        accounts[KINDS[kind].from_account] -= amount
        accounts[KINDS[kind].to_account] += amount
    return {account: amount for account, amount in accounts.items() if amount}


def by_item(of: MoneyToBook, *kinds: str) -> list[int]:
    """Return how much some kinds transfer of each item."""
    amounts: Counter[Any] = Counter()
    for transfer in transfers_of(of):
        if transfer.kind in kinds:
            amounts[transfer.ticket_type_id] += transfer.amount
    return [amounts[each.ticket_type_id] for each in of.items]


# ------------------------------------------------------------------------------------------------------- examples


def test_the_example_of_the_documentation() -> None:
    """The same numbers stand in docs/money.md."""
    came = paid(item(1, 9000, quantity=3, tax=1437, fee=450), amount=10000, refunds=[refund(1000, taken=False)])
    assert sums(came) == {"receipt": 10000, "sale": 9000, "platform_fee": 450, "tax": 1437, "return": 1000}
    assert balances(came) == {
        "at_provider": -10000,
        "owed_to_buyers": 1000,
        "pending": 7113,
        "tax": 1437,
        "platform_income": 450,
    }
    returned = replace(came, refunds=[refund(1000)])
    assert balances(returned) == {"at_provider": -9000, "pending": 7113, "tax": 1437, "platform_income": 450}
    refunded = replace(came, refunds=[refund(1000), refund(3000, (1, 0, 1))])
    assert balances(refunded) == {"at_provider": -6000, "pending": 4742, "tax": 958, "platform_income": 300}
    disputed = replace(refunded, reversals=[reversal("open", 6000)])
    assert balances(disputed) == {
        "at_provider": -6000,
        "disputed": 6000,
        "pending": -1258,
        "tax": 958,
        "platform_income": 300,
    }
    assert balances(replace(refunded, reversals=[reversal("won", 6000)])) == balances(refunded)
    assert balances(replace(refunded, reversals=[reversal("lost", 6000)])) == {}


def test_money_that_pays_no_order_goes_back_whole() -> None:
    assert sums(paid(amount=700, refunds=[refund(700)])) == {"receipt": 700, "return": 700, "refund_sent": 700}
    elsewhere = paid(amount=700, refunds=[refund(700, elsewhere=200)], reversals=[reversal("made", 200)])
    assert sums(elsewhere) == {"receipt": 700, "return": 500, "return_elsewhere": 200, "refund_sent": 500}
    assert sums(paid(amount=700, reversals=[reversal("lost", 700)])) == {
        "receipt": 700,
        "dispute_of_return": 700,
        "dispute_lost": 700,
    }


@pytest.mark.parametrize(
    ("refunds", "back"),
    [
        # Tickets: of their own items only. Three tickets share 1000 at 333, 666 and 1000.
        ([refund(334, (1, 2, 3))], [334, 0]),
        ([refund(833, (1, 0, 1), (2, 0, 1))], [333, 500]),
        # The seller kept a half: 416 by 333 and 500, whose boundary is floor(416 · 333 / 833) = 166.
        ([refund(416, (1, 0, 1), (2, 0, 1))], [166, 250]),
        # An amount, by what is left: 600 by 1000 and 500 at floor(600 · 1000 / 1500) = 400.
        ([refund(600)], [400, 200]),
        # An amount, by what is left after a ticket: 300 by 1000 and 0.
        ([refund(500, (2, 0, 1)), refund(300)], [300, 500]),
        # A ticket after an amount: its item has 300 left, and the other one gives the rest of 500.
        ([refund(600), refund(500, (2, 0, 1))], [600, 500]),
    ],
)
def test_refunds_are_of_the_items_of_their_tickets(refunds: list[BookedRefund], back: list[int]) -> None:
    of = paid(item(1, 1000, quantity=3), item(2, 500, event=OTHER_EVENT), refunds=refunds)
    assert by_item(of, "refund") == back


def test_a_refund_that_went_back_elsewhere_counts_once() -> None:
    """Of a ticket for 500, 200 were refunded on the dashboard before the refund was sent."""
    of = paid(item(1, 1000, quantity=2), refunds=[refund(500, (1, 0, 1), elsewhere=200)])
    assert sums(replace(of, reversals=[reversal("made", 200)])) == {
        "receipt": 1000,
        "sale": 1000,
        "refund": 300,
        "refund_sent": 300,
        "refund_elsewhere": 200,
    }
    # More than that went back elsewhere, and by a dispute.
    both = sums(replace(of, reversals=[reversal("made", 250), reversal("lost", 100)]))
    assert (both["refund"], both["refund_elsewhere"], both["dispute"], both["dispute_lost"]) == (300, 250, 100, 100)
    # The provider says in the end that it was 150: the other 50 are owed again, and not sent.
    less = sums(replace(of, reversals=[reversal("made", 150, booked=200)]))
    assert (less["refund"], less["refund_sent"], less["refund_elsewhere"]) == (350, 300, 150)
    # The refund on the dashboard failed in the end: those 200 are owed again, and not sent.
    assert sums(replace(of, reversals=[reversal("failed", 200, booked=200)])) == {
        "receipt": 1000,
        "sale": 1000,
        "refund": 500,
        "refund_sent": 300,
    }


def test_an_open_dispute_is_of_what_is_left() -> None:
    of = paid(item(1, 1000), item(2, 500), refunds=[refund(600)], reversals=[reversal("open", 5000)])
    assert by_item(of, "dispute") == [600, 300]
    assert balances(of) == {"at_provider": -900, "disputed": 900}


def test_a_refund_that_is_not_taken_is_owed() -> None:
    of = paid(item(1, 1000), refunds=[refund(400, taken=False), refund(100)])
    assert balances(of) == {"at_provider": -900, "pending": 500, "owed_to_buyers": 400}


def test_fees_return_in_proportion_and_whole_at_the_end() -> None:
    """Of 1000, a third goes back three times: floor(100 · 333 / 1000) is 33, and of 666 it is 66."""
    of = paid(item(1, 1000, quantity=3, tax=160, fee=100))
    steps = [refund(333, (1, 0, 1)), refund(333, (1, 1, 2)), refund(334, (1, 2, 3))]
    given_back = [sums(replace(of, refunds=steps[:number])) for number in (1, 2, 3)]
    assert [each["platform_fee_returned"] for each in given_back] == [33, 66, 100]
    assert [each["tax_returned"] for each in given_back] == [53, 106, 160]
    kept = sums(replace(of, refunds=steps, items=[replace(each, returns_fee=False) for each in of.items]))
    assert "platform_fee_returned" not in kept
    assert kept["tax_returned"] == 160


@pytest.mark.parametrize(
    ("provider", "merchant", "holder"),
    [
        ("stripe", PLATFORM_MERCHANT, "platform"),
        ("generic", PLATFORM_MERCHANT, "platform"),
        ("stripe", new_id(), "organisation"),
        ("cash", PLATFORM_MERCHANT, "organisation"),
        ("bank_transfer", PLATFORM_MERCHANT, "organisation"),
    ],
)
def test_the_fee_is_the_platforms_whoever_has_the_money(provider: str, merchant: Any, holder: str) -> None:
    of = paid(item(1, 1000, tax=160, fee=100), provider=provider, merchant_id=merchant, refunds=[refund(1000)])
    assert holder_of(of) == holder
    for transfer in transfers_of(of):
        is_fee = transfer.kind in ("platform_fee", "platform_fee_returned")
        assert transfer.holder == ("platform" if is_fee else holder)
        assert (transfer.provider == provider) == (transfer.kind in ("receipt", "refund_sent", "dispute_lost"))


# ----------------------------------------------------------------------------------------------------- properties


@st.composite
def stories(draw: st.DrawFn) -> MoneyToBook:
    """Make money of a currency without decimals, with 2 or with 3, and what may have become of it."""
    currency = draw(st.sampled_from(["JPY", "EUR", "KWD"]))
    step = money.step(currency)
    items = []
    for number in range(draw(st.integers(0, 3))):
        total = draw(st.integers(0, 300)) * step
        quantity = draw(st.integers(1, 4))
        rates = {"tax": draw(st.integers(0, total)), "fee": draw(st.integers(0, total))}
        items.append(item(number + 1, total, quantity=quantity, **rates))
    price = sum(each.total for each in items)
    excess = draw(st.integers(0, 20)) * step
    of = paid(*items, amount=max(price + excess, step), currency=currency)
    return replace(of, **_given_back(draw, of, step))


def _given_back(draw: st.DrawFn, of: MoneyToBook, step: int) -> dict[str, Any]:
    """Divide some of the money among refunds and reversals. What refunds count as gone elsewhere is booked."""
    cuts = sorted(draw(st.integers(0, of.amount // step)) * step for _ in range(4))
    parts = [above - below for below, above in zip([0, *cuts], cuts, strict=False)]
    refunds, elsewhere = [], 0
    for amount in (part for part in parts[:2] if part):
        gone = draw(st.integers(0, amount // step)) * step
        tickets = [(each.item_no, 0, 1) for each in of.items if draw(st.booleans())]
        refunds.append(refund(amount, *tickets, elsewhere=gone, taken=draw(st.booleans()) or gone == amount))
        elsewhere += gone
    status: ReversalStatus = draw(st.sampled_from(["failed", "won"]))
    covered = draw(st.integers(0, elsewhere // step)) * step
    reversals = [
        reversal(status, covered, booked=covered),
        reversal("made", elsewhere - covered + parts[2]),
        reversal("lost", parts[3]),
        reversal("open", draw(st.integers(0, 100))),
    ]
    return {"refunds": refunds, "reversals": reversals}


@given(stories())
def test_parts_add_up_and_no_item_gives_back_more_than_it_cost(of: MoneyToBook) -> None:
    amounts = sums(of)
    assert all(transfer.amount >= 0 for transfer in transfers_of(of))
    assert by_item(of, "sale") == [each.total for each in of.items]
    owed = sum(each.amount - each.elsewhere for each in of.refunds)
    again, made, lost = (
        sum(each.booked for each in of.reversals if each.status in statuses)
        for statuses in (("failed", "won"), ("made",), ("lost",))
    )
    gone = owed + again + made + lost
    assert amounts.get("refund", 0) + amounts.get("return", 0) == owed + again
    assert amounts.get("refund_elsewhere", 0) + amounts.get("return_elsewhere", 0) == made
    disputed = min(sum(each.amount for each in of.reversals if each.status == "open"), of.amount - gone)
    assert amounts.get("dispute", 0) + amounts.get("dispute_of_return", 0) == lost + disputed
    back = by_item(of, "refund", "refund_elsewhere", "dispute")
    assert all(0 <= part <= each.total for part, each in zip(back, of.items, strict=True))
    assert all(amount >= 0 for account, amount in balances(of).items() if account not in ("at_provider", "pending"))


@given(stories())
def test_once_all_is_given_back_all_fees_and_taxes_are_back(of: MoneyToBook) -> None:
    still = of.amount - sum(each.amount for each in of.refunds)
    still -= sum(each.booked for each in of.reversals) - sum(each.elsewhere for each in of.refunds)
    closed = [each for each in of.reversals if each.status != "open"]
    ended = replace(of, refunds=[*of.refunds, refund(still)] if still else of.refunds, reversals=closed)
    left = balances(replace(ended, refunds=[replace(each, is_taken=True) for each in ended.refunds]))
    again = sum(each.booked for each in of.reversals if each.status in ("failed", "won"))
    free = [each for each in of.items if each.total == 0]
    assert free or left == ({"at_provider": -again, "owed_to_buyers": again} if again else {})


@given(st.lists(st.integers(0, 1000), max_size=6), st.data())
def test_no_share_is_more_than_its_weight(weights: list[int], data: st.DataObject) -> None:
    amount, step = data.draw(st.integers(0, sum(weights))), data.draw(st.sampled_from([1, 10]))
    parts = shares(amount, weights, step)
    assert sum(parts) == amount
    assert all(0 <= part <= weight for part, weight in zip(parts, weights, strict=True))


@given(st.lists(st.integers(0, 100), max_size=6), st.data())
def test_shares_are_multiples_of_the_price_step(hundreds: list[int], data: st.DataObject) -> None:
    weights = [10 * each for each in hundreds]
    amount = 10 * data.draw(st.integers(0, sum(hundreds)))
    assert all(part % 10 == 0 for part in shares(amount, weights, 10))


def test_another_refund_says_what_of_the_fee_it_returns() -> None:
    three = paid(item(1, 3000, quantity=3, fee=100))
    first = replace(three, refunds=[refund(1000, (1, 0, 1))])

    # A third of 1.00 is 0.33, two thirds are 0.66, and all of it is 1.00.
    assert fee_returned_by(three, 1000, [(1, 0, 1)]) == 33
    assert fee_returned_by(first, 1000, [(1, 1, 2)]) == 33
    assert fee_returned_by(first, 2000, [(1, 1, 2), (1, 2, 3)]) == 67
    assert fee_returned_by(three, 0, [(1, 0, 1)]) == 0
    kept = paid(replace(three.items[0], returns_fee=False))
    assert fee_returned_by(kept, 3000, []) == 0


def test_what_went_back_elsewhere_has_returned_its_fee_before() -> None:
    third_gone = paid(item(1, 3000, quantity=3, fee=100), reversals=[reversal("made", 1000)])

    assert sums(third_gone)["platform_fee_returned"] == 33
    # Only 20.00 is left to send of a refund of 30.00.
    assert fee_returned_by(third_gone, 3000, [(1, 0, 1), (1, 1, 2), (1, 2, 3)]) == 67
