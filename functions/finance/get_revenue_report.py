"""GET /v1/organisations/{organisation_id}/reports/revenue"""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from boxoffice import db
from boxoffice.answer import set_header
from boxoffice.api import PathId, binary, caller, handler, route
from boxoffice.auth import Who
from boxoffice.models import Day
from boxoffice.reports import files, service
from boxoffice.reports.errors import ReportTooLong
from boxoffice.reports.models import Grouping, Interval, ReportFormat, RevenueReportView
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route(
    "GET",
    "/v1/organisations/{organisation_id}/reports/revenue",
    who=Who.OWNER,
    scope=Scope.MONEY_READ,
    raises=(ReportTooLong,),
    produces=("application/json", *files.MEDIA_TYPES.values()),
    bodies={200: RevenueReportView},
)
def get_revenue_report(
    organisation_id: PathId,
    since: Annotated[
        Day | None, Query(description="The first day, in UTC. By default the first one of the month of `until`")
    ] = None,
    until: Annotated[Day | None, Query(description="The last day, in UTC. By default today")] = None,
    interval: Annotated[Interval, Query(description="What a row covers: a day, an ISO week or a month")] = "day",
    group_by: Annotated[Grouping, Query(description="Rows for each event or ticket type")] = "nothing",
    format: Annotated[ReportFormat, Query(description="JSON, or a file of CSV or XLSX")] = "json",  # noqa: A002
) -> Response[RevenueReportView | str]:
    """Show what an organisation has earned, by day, week or month.

    Gross, refunds, disputes, fees and corrections make the net. Taxes are a part of it, and payouts stand apart.

    The books are the source, so the report agrees with the balance at any moment. Each amount counts on the day on
    which it was booked, in UTC, as in statements. Amounts of several currencies are never added up.

    A report covers 366 days, 53 weeks or 36 months at the most, in 5,000 rows. JSON counts the minor unit, and files
    count the major one. A file for all that was booked, line by line, is made by `create_export`.
    """
    with db.autocommit() as conn:
        report = service.get_revenue(conn, caller(), organisation_id, since, until, interval, group_by)
    if format == "json":
        return Response(200, "application/json", report)
    set_header("Content-Disposition", f'attachment; filename="revenue-{report.since}-{report.until}.{format}"')
    return binary(files.write(report, format), files.MEDIA_TYPES[format])
