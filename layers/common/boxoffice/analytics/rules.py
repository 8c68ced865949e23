"""Decide which days an answer covers, where a view came from, and how sums become an answer."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from pydantic_core import Url, ValidationError

from boxoffice.analytics.models import (
    MOST_DAYS,
    DayAnalytics,
    EventAnalyticsView,
    EventOnSale,
    Period,
    SalesSum,
    SourceAnalytics,
    TypeAnalytics,
    ViewRequest,
    ViewsSum,
)
from boxoffice.errors import Invalid

OTHER = "other"
_LONGEST_SOURCE = 60
_MOST_SOURCES = 50
_SUMS = [each.name for each in fields(SalesSum) if each.type in (int, "int")]


def period_of(since: date | None, until: date | None, today: date, default_days: int) -> Period:
    """Return the days that a request asks for. It may leave out either end.

    Args:
        default_days: how many days it is if the request does not say since when.

    Raises:
        Invalid: the days are not in order, or too many.
    """
    last = until or (today if since is None else max(since, min(today, since + timedelta(days=MOST_DAYS - 1))))
    first = since or last - timedelta(days=default_days - 1)
    if first > last:
        raise Invalid.at("query", "until", because="must not be before `since`")
    if (last - first).days >= MOST_DAYS:
        raise Invalid.at("query", "since", because=f"must be at most {MOST_DAYS} days before `until`")
    return Period(first, last)


def source_of(request: ViewRequest, own_url: str) -> str | None:
    """Return where a view came from, in small letters: the campaign, or the host of the page that led here.

    Args:
        own_url: the shop's address. Whoever comes from there has come from nowhere else.
    """
    if request.source is not None:
        return request.source.casefold()[:_LONGEST_SOURCE]
    host = _host_of(request.referrer) if request.referrer else None
    return None if host in (None, _host_of(own_url)) else host


def _host_of(url: str) -> str | None:
    """Return the host of a page in ASCII. Return None for what is no page on the web, such as an app."""
    try:
        page = Url(url)
    except ValidationError:
        return None
    if page.scheme not in ("https", "http") or page.host is None:
        return None
    return page.host.strip("[]").removeprefix("www.")[:_LONGEST_SOURCE]


def analytics_of(
    event_id: UUID, event: EventOnSale, period: Period, sales: Sequence[SalesSum], views: Sequence[ViewsSum]
) -> EventAnalyticsView:
    """Return the analytics of an event, made of the sums of its days, ticket types and sources."""
    sales_of = {row.day: row for row in sales if row.day is not None}
    views_of = {row.day: row.views for row in views if row.day is not None}
    days = [_day(day, sales_of.get(day), views_of.get(day, 0)) for day in sorted({*sales_of, *views_of})]
    totals = {name: sum(getattr(day, name) for day in days) for name in ["views", *_SUMS]}
    return EventAnalyticsView(
        event_id=event_id,
        currency=event.currency,
        since=period.since,
        until=period.until,
        as_of=event.as_of,
        conversion=round(totals["orders"] / totals["views"], 4) if totals["views"] else None,
        days=days,
        ticket_types=[TypeAnalytics.model_validate(row) for row in sales if row.ticket_type_id is not None],
        sources=[SourceAnalytics.model_validate(row) for row in views if row.is_source][:_MOST_SOURCES],
        **totals,
    )


def _day(day: date, sales: SalesSum | None, views: int) -> DayAnalytics:
    sums: dict[str, Any] = {name: getattr(sales, name) if sales else 0 for name in _SUMS}
    return DayAnalytics(day=day, views=views, **sums)
