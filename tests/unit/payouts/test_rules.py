"""How much is paid out, and what a payout posts."""

from typing import Any, get_args

import pytest

from boxoffice.errors import DomainError
from boxoffice.ledger.kinds import KINDS
from boxoffice.payouts import rules
from boxoffice.payouts.models import Decision, PayoutStatus


@pytest.mark.parametrize(
    ("asked", "payable", "minimums", "amount"),
    [(None, 100, {}, 100), (100, 100, {}, 100), (1, 100, {"NGN": 50}, 1), (50, 100, {"EUR": 50}, 50)],
)
def test_an_amount_is_all_or_what_is_asked(
    asked: int | None, payable: int, minimums: dict[str, int], amount: int
) -> None:
    assert rules.amount_of(asked, payable, "EUR", minimums) == amount


@pytest.mark.parametrize(
    ("asked", "payable", "minimums", "code", "facts"),
    [
        (101, 100, {}, "balance_too_low", {"payable": 100}),
        (None, 0, {}, "balance_too_low", {"payable": 0}),
        (49, 100, {"EUR": 50}, "payout_too_small", {"minimum": 50}),
        (None, 49, {"EUR": 50}, "payout_too_small", {"minimum": 50}),
        (49, 10, {"EUR": 50}, "balance_too_low", {"payable": 10}),
    ],
)
def test_an_amount_that_cannot_be_paid_is_refused(
    asked: int | None, payable: int, minimums: dict[str, int], code: str, facts: dict[str, Any]
) -> None:
    with pytest.raises(DomainError) as refusal:
        rules.amount_of(asked, payable, "EUR", minimums)
    assert refusal.value.code == code
    assert refusal.value.facts == {**facts, "currency": "EUR", "currency_exponent": 2}


# By hand: what an admin can decide in each status, and what follows.
FOLLOWS: dict[tuple[str, str], str] = {
    ("requested", "approve"): "approved",
    ("requested", "reject"): "rejected",
    ("approved", "mark_sent"): "sent",
    ("approved", "reject"): "rejected",
    ("sent", "return"): "returned",
}


@pytest.mark.parametrize("status", get_args(PayoutStatus.__value__))
@pytest.mark.parametrize("decision", get_args(Decision.__value__))
def test_each_status_allows_some_decisions(status: PayoutStatus, decision: Decision) -> None:
    if follows := FOLLOWS.get((status, decision)):
        assert rules.status_after(status, decision) == follows
        return
    with pytest.raises(DomainError) as refusal:
        rules.status_after(status, decision)
    possible = [other for before, other in FOLLOWS if before == status]
    assert sorted(refusal.value.facts["decisions"]) == sorted(possible)


@pytest.mark.parametrize(
    ("status", "left"),
    [
        ("requested", {"available": -70, "in_payout": 70}),
        ("approved", {"available": -70, "in_payout": 70}),
        ("rejected", {}),
        ("sent", {"available": -70, "bank": 70}),
        ("returned", {}),
    ],
)
def test_a_payout_posts_where_its_money_is(status: PayoutStatus, left: dict[str, int]) -> None:
    accounts: dict[str, int] = {}
    for transfer in rules.transfers_of(status, 70):
        kind = KINDS[transfer.kind]
        accounts[kind.from_account] = accounts.get(kind.from_account, 0) - transfer.amount
        accounts[kind.to_account] = accounts.get(kind.to_account, 0) + transfer.amount
    assert {account: amount for account, amount in accounts.items() if amount} == left
