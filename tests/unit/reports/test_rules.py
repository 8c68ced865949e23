"""Figures count each kind of transfer once, and a month is closed an hour after its end."""

from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from boxoffice.ledger.kinds import KINDS
from boxoffice.reports import rules
from boxoffice.reports.figures import HELD, figures_of, held_of, net_of
from boxoffice.reports.models import Period, Posting, Turnover

JUNE = Period(date(2026, 6, 1), date(2026, 6, 30))


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_platform_holds_changes_by_the_net_less_the_payouts(kind: str) -> None:
    """Whatever kind of transfer there will be: one that changes it counts in a figure, and no other does."""
    moved = [(kind, 100)]
    figures = figures_of(moved)

    accounts = (KINDS[kind].from_account, KINDS[kind].to_account)
    changes = (accounts[1] in HELD) - (accounts[0] in HELD)
    assert net_of(figures) - figures["payouts"] == 100 * changes
    assert sum(held_of(moved).values()) == 100 * changes


@pytest.mark.parametrize(
    ("now", "closed"),
    [
        (datetime(2026, 6, 30, 23, 59, 59, tzinfo=UTC), False),
        (datetime(2026, 7, 1, 0, 59, 59, tzinfo=UTC), False),
        (datetime(2026, 7, 1, 1, tzinfo=UTC), True),
    ],
)
def test_a_month_is_closed_an_hour_after_its_end(now: datetime, closed: bool) -> None:
    assert rules.is_closed(JUNE, now) is closed


def test_the_year_ends_after_december() -> None:
    december = rules.month_of("2026-12", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 12, 31, tzinfo=UTC))

    assert december == Period(date(2026, 12, 1), date(2026, 12, 31))
    assert rules.bounds_of(december) == (datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


def moved(kind: str, amount: int, event: int | None = None) -> Turnover:
    of_event = (UUID(int=event), "Jazz", date(2026, 6, 27)) if event else (None, None, None)
    return Turnover(False, "EUR", "platform", kind, *of_event, amount)


@pytest.mark.parametrize(
    ("turnover", "postings", "wrong"),
    [
        ([moved("payout_sent", 100)], [], "the payouts"),
        ([moved("correction", 100)], [], "the corrections"),
        ([moved("correction", 100)], [Posting(JUNE.since, "EUR", "correction", 99, None)], "the corrections"),
        ([moved("sale", 100)], [], "the events"),
    ],
)
def test_a_statement_that_does_not_add_up_is_not_printed(
    turnover: list[Turnover], postings: list[Posting], wrong: str
) -> None:
    with pytest.raises(AssertionError, match=wrong):
        rules.sections_of(turnover, postings)


def test_a_statement_leaves_out_a_currency_in_which_nothing_was_moved_or_is_held() -> None:
    moved_and_back = [moved("receipt", 100), moved("refund_sent", 100)]

    assert rules.sections_of(moved_and_back, []) == []
