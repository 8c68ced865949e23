"""What is released of an event's earnings, and what an organisation may be paid out."""

from typing import Any

import pytest

from boxoffice.ids import new_id
from boxoffice.ledger import rules
from boxoffice.ledger.models import EventFunds


def funds(pending: int, released: int = 0, tax: int = 0, **overrides: Any) -> EventFunds:
    facts = {"tax_released": 0, "is_due": True, "keeps_reserve": False, **overrides}
    return EventFunds(new_id(), new_id(), "EUR", pending=pending, tax=tax, released=released, **facts)


@pytest.mark.parametrize(
    ("held", "released", "amount"),
    [
        (1000, 0, 1000),
        (30, 1000, 30),  # a late sale
        (-30, 1000, -30),  # a late refund
        (-30, 0, -30),  # fees on money that the organisation took itself
        (0, 1000, 0),
    ],
)
def test_what_is_due_goes_and_what_is_missing_comes_back(held: int, released: int, amount: int) -> None:
    assert rules.to_release(funds(held, released), 0) == (amount, 0)


@pytest.mark.parametrize(
    ("held", "released", "amount"),
    [
        (1000, 0, 900),  # 10 % of 1000
        (1001, 0, 900),  # 10 % of 1001 is 100.1, and a reserve is rounded up to 101
        (100, 900, 0),
        (60, 900, 0),  # the reserve bears a refund of 40
        (-20, 900, -20),  # a refund of 120: 100 of the reserve, and what is missing
        (200, 900, 90),  # a late sale of 100: 10 % of 1100 stays
        (-50, 0, -50),
    ],
)
def test_a_reserve_stays_and_bears_refunds_first(held: int, released: int, amount: int) -> None:
    assert rules.to_release(funds(held, released, keeps_reserve=True), 10) == (amount, 0)


def test_a_reserve_is_kept_of_the_tax_too_and_ends() -> None:
    kept = funds(1000, tax=190, keeps_reserve=True)
    assert rules.to_release(kept, 10) == (900, 171)
    assert rules.reserve_of(kept, 10) == 100 + 19
    assert rules.to_release(funds(100, 900, tax=19, tax_released=171), 10) == (100, 19)
    assert rules.reserve_of(funds(1000, tax=190, keeps_reserve=True, is_due=False), 10) == 0


@pytest.mark.parametrize(
    ("held", "released", "amount"),
    [
        (500, 1000, 0),  # new sales of an event that has moved wait for its new end
        (-300, 1000, -300),  # refunds of it take back what was released
        (-300, 200, -200),  # and no more than that
        (-300, 0, 0),
    ],
)
def test_an_event_that_is_not_due_gives_back_what_was_released(held: int, released: int, amount: int) -> None:
    assert rules.to_release(funds(held, released, is_due=False), 0) == (amount, 0)


@pytest.mark.parametrize(
    ("available", "of_events", "amount"),
    [
        (1000, [], 1000),
        (1000, [(500, 0), (0, 20)], 1000),  # what events have earned is not payable before it is released
        (1000, [(500, 0), (-30, 10)], 980),  # what an event owes, since its fees are more than its sales
        (1000, [(-700, 0), (-700, 0)], 0),
        (-1, [(5000, 0)], 0),
    ],
)
def test_what_is_payable_is_never_more_than_available(
    available: int, of_events: list[tuple[int, int]], amount: int
) -> None:
    assert rules.payable(available, [funds(pending, tax=tax) for pending, tax in of_events]) == amount
