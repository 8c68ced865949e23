"""GET /v1/admin/stats"""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from boxoffice import db
from boxoffice.analytics import service
from boxoffice.analytics.models import StatsView
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who
from boxoffice.models import Day

__all__ = ["handler"]


@route("GET", "/v1/admin/stats", who=Who.ADMIN)
def get_stats(
    since: Annotated[Day | None, Query(description="The first day. By default 29 days before the last")] = None,
    until: Annotated[Day | None, Query(description="The last day. By default today in UTC")] = None,
) -> StatsView:
    """Show how the platform does: who uses it, what it sells by day and currency, and if its messages go out.

    Each sale counts on the day at its venue.
    """
    with db.autocommit() as conn:
        return service.get_stats(conn, caller(), since, until)
