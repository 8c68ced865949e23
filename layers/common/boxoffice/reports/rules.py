"""Decide which days a report covers, and work out what reports and statements say."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from uuid import UUID

from boxoffice.errors import Invalid
from boxoffice.exports.files import Cell
from boxoffice.ledger.kinds import Holder
from boxoffice.ledger.rules import LONGEST_POSTING
from boxoffice.money import major
from boxoffice.reports.figures import IN_NET, NAMES, Figure, figures_of, held_of, net_of
from boxoffice.reports.models import (
    EventLine,
    Interval,
    Period,
    Posting,
    RevenueRow,
    RevenueSum,
    RevenueTotal,
    Section,
    Turnover,
)

MOST: dict[Interval, int] = {"day": 366, "week": 53, "month": 36}
"""How many days, weeks or months a report covers."""

MOST_ROWS = 5000


def period_of(since: date | None, until: date | None, interval: Interval, today: date) -> Period:
    """Return the days that a report covers. By default the last one is today, and the first one begins its month.

    Raises:
        Invalid: the days are not in order, or too many.
    """
    last = until or max(today, since or today)
    first = since or last.replace(day=1)
    if first > last:
        raise Invalid.at("query", "until", because="must not be before `since`")
    if _count(first, last, interval) > MOST[interval]:
        raise Invalid.at("query", "since", because=f"must not leave more than {MOST[interval]} {interval}s to `until`")
    return Period(first, last)


def _count(first: date, last: date, interval: Interval) -> int:
    """Return in how many days, weeks or months some days lie."""
    match interval:
        case "day":
            return (last - first).days + 1
        case "week":
            return ((last - timedelta(last.weekday())) - (first - timedelta(first.weekday()))).days // 7 + 1
        case "month":
            return (last.year - first.year) * 12 + last.month - first.month + 1


def _end_of(day: date, interval: Interval) -> date:
    """Return the last day of the day, ISO week or month in which a day lies."""
    match interval:
        case "day":
            return day
        case "week":
            return day + timedelta(6 - day.weekday())
        case "month":
            return _next_month(day) - timedelta(1)


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(31)).replace(day=1)


def rows_of(sums: Iterable[RevenueSum], period: Period, interval: Interval) -> list[RevenueRow]:
    """Return the rows of a report."""
    return [
        RevenueRow(
            since=each.since,
            until=min(_end_of(each.since, interval), period.until),
            currency=each.currency,
            holder=each.holder,
            event_id=each.event_id,
            event_title=each.event_title,
            ticket_type_id=each.ticket_type_id,
            ticket_type_name=each.ticket_type_name,
            **_with_net(each.figures),
        )
        for each in sums
    ]


def totals_of(sums: Iterable[RevenueSum]) -> list[RevenueTotal]:
    """Return the totals of a report, by currency and holder. Nothing is added up across currencies."""
    totals: dict[tuple[str, Holder], dict[Figure, int]] = defaultdict(lambda: dict.fromkeys(NAMES, 0))
    for each in sums:
        total = totals[each.currency, each.holder]
        for figure, amount in each.figures.items():
            total[figure] += amount
    in_order = sorted(totals, key=lambda key: (key[0], key[1] != "platform"))
    return [
        RevenueTotal(currency=currency, holder=holder, **_with_net(totals[currency, holder]))
        for currency, holder in in_order
    ]


def _with_net(found: dict[Figure, int]) -> dict[str, int]:
    figures = dict.fromkeys(NAMES, 0) | found
    return {"net": net_of(figures), **{str(name): amount for name, amount in figures.items()}}


COLUMNS = ("since", "until", "currency", "holder", "event", "ticket_type")
AMOUNTS = (*IN_NET, "net", "taxes", "payouts")


def cells_of(row: RevenueRow) -> list[Cell]:
    """Return a row of a report as files show it: amounts count the major unit."""
    texts = (row.since.isoformat(), row.until.isoformat(), row.currency, row.holder)
    amounts = (major(getattr(row, name), row.currency) for name in AMOUNTS)
    return [*texts, row.event_title, row.ticket_type_name, *amounts]


def month_of(text: str, since: datetime, now: datetime) -> Period:
    """Return the days of the month that a request names, like ``2026-06``.

    Args:
        since: when the organisation was made.

    Raises:
        Invalid: it lies in the future, or before the organisation was made.
    """
    first = date.fromisoformat(f"{text}-01")
    if first > now.astimezone(UTC).date():
        raise Invalid.at("path", "month", because=f"must not lie in the future: {now:%Y-%m} is the last one")
    if first < since.astimezone(UTC).date().replace(day=1):
        raise Invalid.at("path", "month", because=f"must be {since:%Y-%m} or later, since the organisation is so young")
    return Period(first, _end_of(first, "month"))


def bounds_of(period: Period) -> tuple[datetime, datetime]:
    """Return from when on and before when days last."""
    return _start_of(period.since), _start_of(period.until + timedelta(1))


def _start_of(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def is_closed(month: Period, now: datetime) -> bool:
    """Return True if nothing will be posted in a month any more."""
    return now >= bounds_of(month)[1] + LONGEST_POSTING


def number_of(organisation_id: UUID, month: Period) -> str:
    """Return the number of a statement: its month, and random digits of the organisation's id."""
    return f"{month.since:%Y%m}-{organisation_id.hex[-8:].upper()}"


def sections_of(turnover: Sequence[Turnover], postings: Sequence[Posting]) -> list[Section]:
    """Return what a statement says, a section for each currency in which something was moved or is held."""
    by_currency = groupby(turnover, key=lambda each: each.currency)
    sections = [_section(currency, [*moved], postings) for currency, moved in by_currency]
    return [each for each in sections if each is not None]


def _section(currency: str, moved: Sequence[Turnover], postings: Sequence[Posting]) -> Section | None:
    platform = [each for each in moved if each.holder == "platform"]
    before, within = ([each for each in platform if each.is_before is is_before] for is_before in (True, False))
    own = figures_of(_moves(each for each in moved if each.holder == "organisation" and not each.is_before))
    opening = sum(held_of(_moves(before)).values())
    figures, held = figures_of(_moves(within)), held_of(_moves(platform))
    if not (opening or any(held.values()) or any(figures.values()) or any(own.values())):
        return None
    of_currency = [each for each in postings if each.currency == currency]
    section = Section(
        currency=currency,
        opening=opening,
        figures=figures,
        closing=sum(held.values()),
        held=held,
        events=_events(within),
        payouts=[each for each in of_currency if each.kind != "correction"],
        corrections=[each for each in of_currency if each.kind == "correction"],
        own=own if any(own.values()) else None,
    )
    _check(section)
    return section


def _moves(turnover: Iterable[Turnover]) -> Iterator[tuple[str, int]]:
    return ((each.kind, each.amount) for each in turnover)


def _events(turnover: Iterable[Turnover]) -> list[EventLine]:
    """Return what each event has come to. Turnover is in the order of events."""
    lines = []
    for event_id, moved in groupby(turnover, key=lambda each: each.event_id):
        of_event = [*moved]
        figures, first = figures_of(_moves(of_event)), of_event[0]
        if event_id is None or not any(figures.values()):
            continue
        assert first.event_title is not None
        assert first.event_day is not None
        lines.append(EventLine(first.event_title, first.event_day, figures, net_of(figures)))
    return lines


def _check(section: Section) -> None:
    """Check that the lines lead from the opening to the closing balance, and that details add up to their lines."""
    figures = section.figures
    assert section.opening + net_of(figures) - figures["payouts"] == section.closing, "the closing balance"
    assert sum(each.amount for each in section.payouts) == -figures["payouts"], "the payouts"
    assert sum(each.amount for each in section.corrections) == figures["corrections"], "the corrections"
    assert sum(each.net for each in section.events) + figures["corrections"] == net_of(figures), "the events"
