"""Use cases of analytics: count a view, and show what sells."""

import secrets
from datetime import date
from uuid import UUID

from boxoffice import db, rate_limit, sql
from boxoffice.analytics import rules
from boxoffice.analytics.models import (
    EventAnalyticsView,
    EventCounts,
    EventOnSale,
    OrganisationCounts,
    OutboxHealth,
    RevenueOfDay,
    SalesSum,
    StatsView,
    ViewRequest,
    ViewsSum,
)
from boxoffice.auth import Caller, require_admin, require_own, require_role
from boxoffice.config import settings

SQL = sql.queries("analytics")

_ROWS = 8  # in which the views of a source lie
_DAYS_OF_EVENT, _DAYS_OF_STATS = 366, 30


def record_view(conn: db.Connection, caller: Caller, event_id: UUID, request: ViewRequest) -> None:
    """Count a view of a published event, until the event is over. Runs in autocommit.

    Raises:
        NotFound: there is no such event for the public.
        TooManyRequests: the caller's network has looked at it too often.
    """
    event = db.get(conn, dict, SQL.get_viewed_event, event_id=event_id)
    require_own(caller, event["organisation_id"])
    rate_limit.limit_views(caller, event_id)
    if not event["is_over"]:
        source = rules.source_of(request, settings().public_url)
        db.run(conn, SQL.count_view, event_id=event_id, source=source, row_no=secrets.randbelow(_ROWS))


def get_event_analytics(
    conn: db.Connection, caller: Caller, event_id: UUID, since: date | None, until: date | None
) -> EventAnalyticsView:
    """Return how an event sells, by day, by ticket type, and by the sources of its views.

    Raises:
        NotFound, Forbidden: the event is not the caller's, or the role is too low.
        Invalid: the days are not in order, or too many.
    """
    event = db.get(conn, EventOnSale, SQL.get_event, event_id=event_id)
    require_role(conn, caller, event.organisation_id)
    period = rules.period_of(since, until, event.today, _DAYS_OF_EVENT)
    sales = db.many(conn, SalesSum, SQL.list_sales, event_id=event_id, **vars(period))
    views = db.many(conn, ViewsSum, SQL.list_views, event_id=event_id, other=rules.OTHER, **vars(period))
    return rules.analytics_of(event_id, event, period, sales, views)


def get_stats(conn: db.Connection, caller: Caller, since: date | None, until: date | None) -> StatsView:
    """Return how the platform does.

    Raises:
        Forbidden: the caller is no admin.
        Invalid: the days are not in order, or too many.
    """
    require_admin(conn, caller)
    now = db.exactly_one(conn, dict, SQL.get_stats)
    period = rules.period_of(since, until, now["today"], _DAYS_OF_STATS)
    revenue = [RevenueOfDay(**row) for row in db.many(conn, dict, SQL.list_revenue, **vars(period))]
    return StatsView(
        since=period.since,
        until=period.until,
        as_of=now["as_of"],
        organisations=OrganisationCounts(**_counts(OrganisationCounts, now["organisations"])),
        events=EventCounts(**_counts(EventCounts, now["events"])),
        accounts=now["accounts"],
        orders=sum(day.orders for day in revenue),
        tickets=sum(day.tickets for day in revenue),
        revenue=revenue,
        outbox=OutboxHealth(**{name: now[name] for name in OutboxHealth.model_fields}),
    )


def _counts(view: type[OrganisationCounts | EventCounts], found: dict[str, int] | None) -> dict[str, int]:
    """Return how many there are of each state, in all of which there may be none."""
    return dict.fromkeys(view.model_fields, 0) | (found or {})
