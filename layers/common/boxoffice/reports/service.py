"""Show the revenue of some days."""

from datetime import UTC, date
from uuid import UUID

from boxoffice import db, sql
from boxoffice.auth import Caller, require_role
from boxoffice.reports import rules
from boxoffice.reports.errors import ReportTooLong
from boxoffice.reports.figures import FIGURES
from boxoffice.reports.models import Grouping, Interval, RevenueReportView, RevenueSum

SQL = sql.queries("reports")


def get_revenue(
    conn: db.Connection,
    caller: Caller,
    organisation_id: UUID,
    since: date | None,
    until: date | None,
    interval: Interval,
    group_by: Grouping,
) -> RevenueReportView:
    """Return what an organisation has earned in some days.

    Raises:
        NotFound, Forbidden: the organisation is not the caller's, or the role is too low.
        Invalid: the days are not in order, or too many.
        ReportTooLong: it has too many rows.
    """
    require_role(conn, caller, organisation_id)
    now = db.get(conn, dict, SQL.get_organisation, organisation_id=organisation_id)["now"]
    period = rules.period_of(since, until, interval, now.astimezone(UTC).date())
    sums = db.search(
        conn,
        RevenueSum,
        SQL.list_revenue,
        organisation_id=organisation_id,
        interval=interval,
        group_by=group_by,
        kinds=[*FIGURES],
        figures=[figure for figure, _ in FIGURES.values()],
        signs=[sign for _, sign in FIGURES.values()],
        most=rules.MOST_ROWS + 1,
        **vars(period),
    )
    if len(sums) > rules.MOST_ROWS:
        raise ReportTooLong(most_rows=rules.MOST_ROWS)
    return RevenueReportView(
        organisation_id=organisation_id,
        since=period.since,
        until=period.until,
        interval=interval,
        group_by=group_by,
        totals=rules.totals_of(sums),
        rows=rules.rows_of(sums, period, interval),
    )
