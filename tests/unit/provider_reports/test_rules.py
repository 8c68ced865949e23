"""What explains an entry, and what it posts. The figures are worked out by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from boxoffice.payments.providers import BalanceReport
from boxoffice.provider_reports import rules
from boxoffice.provider_reports.models import Booked, EntryRow, Money

NOW = datetime(2030, 2, 20, 12, tzinfo=UTC)
A, B, C = (UUID(int=number) for number in (1, 2, 3))
ORDER, ORGANISATION, NOBODY = UUID(int=10), UUID(int=11), UUID(int=0)


def entry(**values: Any) -> EntryRow:
    facts: dict[str, Any] = {"kind": "charge", "amount": 10_000, "fee": 175, "currency": "EUR", "subject": "pi_1"}
    facts |= {"charged_amount": None, "charged_currency": None, "money_reference": "pi_1", "payment_id": None}
    facts |= {"id": UUID(int=20), "provider": "stripe", "reference": "txn_1", "type": "charge", "made_at": NOW}
    return EntryRow(**{**facts, "difference": None, **values})


def money(currency: str = "EUR", **totals: int) -> Money:
    events = {"a": A, "b": B, "c": C}
    of_events = totals or {"a": 10_000}
    ids = [events[name] for name in of_events]
    return Money(UUID(int=21), UUID(int=22), ORDER, ORGANISATION, 10_000, currency, ids, [*of_events.values()])


def shown(*posted: Any) -> list[tuple[Any, ...]]:
    return [
        (posting.organisation_id, posting.currency, transfer.kind, transfer.event_id, transfer.amount)
        for posting in posted
        for transfer in posting.transfers
    ]


@pytest.mark.parametrize(
    ("amount", "totals", "parts"),
    [
        (175, {A: 10_000}, {A: 175}),
        (100, {A: 1, B: 1, C: 1}, {A: 34, B: 33, C: 33}),
        (-100, {A: 1, B: 1, C: 1}, {A: -33, B: -33, C: -34}),
        (10, {A: 2, B: 1}, {A: 7, B: 3}),  # 6.67 and 3.33
        (1, {A: 1, B: 0}, {A: 1, B: 0}),
        (0, {A: 1, B: 2}, {A: 0, B: 0}),
        (5000, {A: 1, B: 99}, {A: 50, B: 4950}),  # more than the order cost
    ],
)
def test_a_fee_is_split_by_events_to_the_last_unit(
    amount: int, totals: dict[UUID, int], parts: dict[UUID, int]
) -> None:
    found = rules.split(amount, totals)
    assert sum(found.values()) == amount
    if amount >= 0:
        assert found == parts
    else:
        assert sorted(found.values()) == sorted(parts.values())


def test_a_fee_is_the_organisations() -> None:
    assert shown(*rules.postings(entry(), money(a=2, b=1))) == [
        (ORGANISATION, "EUR", "provider_fee", A, 117),
        (ORGANISATION, "EUR", "provider_fee", B, 58),
    ]
    assert rules.postings(entry(), None) == []


def test_what_is_converted_goes_through_the_exchange() -> None:
    """EUR 100.00 became USD 109.00 less 3.50. So the fee is 350 · 10,000 / 10,900 = 321.1 in cents of a euro."""
    converted = entry(amount=10_900, fee=350, currency="USD", charged_amount=10_000, charged_currency="EUR")
    assert shown(*rules.postings(converted, money())) == [
        (ORGANISATION, "EUR", "provider_fee", A, 321),
        (NOBODY, "EUR", "exchange", None, 9_679),
        (NOBODY, "USD", "exchange", None, -10_550),
    ]


def test_a_refund_of_what_is_converted_goes_back_through_the_exchange() -> None:
    refund = entry(kind="refund", amount=-11_000, fee=0, currency="USD", charged_amount=-10_000, charged_currency="EUR")
    assert [each for each in shown(*rules.postings(refund, money())) if each[4]] == [
        (NOBODY, "EUR", "exchange", None, -10_000),
        (NOBODY, "USD", "exchange", None, 11_000),
    ]


def test_nobody_earns_by_a_charge() -> None:
    assert rules.postings(entry(fee=-500_000), money()) == []
    taken_back = entry(amount=-10_000, fee=-175)
    assert shown(*rules.postings(taken_back, money())) == [(ORGANISATION, "EUR", "provider_fee", A, -175)]


def test_half_a_cent_is_rounded_to_even() -> None:
    for fee, expected in ((5, 2), (15, 8)):  # 2.5 and 7.5
        half = entry(amount=200, fee=fee, currency="USD", charged_amount=100, charged_currency="EUR")
        assert shown(*rules.postings(half, money()))[0][4] == expected


def test_what_concerns_no_buyer_is_the_platforms() -> None:
    fee = entry(kind="fee", amount=-200, fee=0, subject=None)
    assert shown(*rules.postings(fee, None)) == [(NOBODY, "EUR", "platform_cost", None, 200)]
    payout = entry(kind="payout", amount=-9_000, fee=45, subject="po_1")
    assert shown(*rules.postings(payout, None)) == [
        (NOBODY, "EUR", "settlement", None, 9_000),
        (NOBODY, "EUR", "platform_cost", None, 45),
    ]
    for kind in ("hold", "other"):
        assert rules.postings(entry(kind=kind), money()) == []


def test_a_fee_that_the_buyer_has_paid_is_nobodys() -> None:
    """Asked for 100.00, the buyer paid 101.75, of which the provider kept 1.75."""
    report = BalanceReport(timedelta(1), may_add_fees=True)
    paid, booked = entry(amount=10_175), Booked(UUID(int=21), 10_000, "EUR")
    buyers = rules.buyers_share(paid, 10_175, booked, report)
    assert buyers == 175
    assert rules.difference_of(paid, 10_175, booked, buyers) is None
    assert shown(*rules.postings(paid, money(), buyers)) == [(ORGANISATION, "EUR", "provider_fee", A, 0)]
    assert rules.buyers_share(paid, 10_176, booked, report) == 0
    assert rules.buyers_share(paid, 10_175, booked, BalanceReport(timedelta(1))) == 0


@pytest.mark.parametrize(
    ("values", "reported", "booked", "difference"),
    [
        ({}, 10_000, (10_000, "EUR"), None),
        ({}, 10_000, None, "missing_here"),
        ({}, 0, None, None),  # it was taken back
        ({}, 9_999, (10_000, "EUR"), "other_amount"),
        ({}, 10_000, (10_000, "USD"), "other_currency"),
        ({"charged_amount": 10_000, "charged_currency": "USD"}, 10_000, (10_000, "USD"), None),
        ({"kind": "refund", "subject": None}, 0, None, None),  # only a sum
        ({"kind": "fee"}, 0, None, None),
        ({"kind": "hold"}, 0, None, None),
        ({"kind": "other"}, 0, None, "not_understood"),
        ({"fee": -1}, 10_000, (10_000, "EUR"), "not_understood"),
        ({"amount": -10_000, "fee": -175}, 0, (10_000, "EUR"), "other_amount"),  # taken back, with its fee
    ],
)
def test_what_explains_an_entry(
    values: dict[str, Any], reported: int, booked: tuple[int, str] | None, difference: str | None
) -> None:
    known = Booked(UUID(int=21), *booked) if booked else None
    assert rules.difference_of(entry(**values), reported, known, 0) == difference


def test_when_an_entry_is_looked_at_again() -> None:
    ages = {timedelta(hours=1): timedelta(hours=1), timedelta(days=3): timedelta(hours=12), timedelta(days=31): None}
    for age, wait in ages.items():
        assert rules.next_try(NOW - age, NOW) == (wait and NOW + wait)


def test_a_reading_begins_at_night() -> None:
    assert rules.next_night(datetime(2030, 2, 20, 1, 59, tzinfo=UTC)) == datetime(2030, 2, 20, 2, tzinfo=UTC)
    assert rules.next_night(datetime(2030, 2, 20, 2, tzinfo=UTC)) == datetime(2030, 2, 21, 2, tzinfo=UTC)
