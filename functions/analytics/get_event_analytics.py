"""GET /v1/events/{event_id}/analytics"""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from boxoffice import db
from boxoffice.analytics import service
from boxoffice.analytics.models import EventAnalyticsView
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.models import Day
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route("GET", "/v1/events/{event_id}/analytics", who=Who.MANAGER, scope=Scope.ORDERS_READ)
def get_event_analytics(
    event_id: PathId,
    since: Annotated[
        Day | None, Query(description="The first day, at the venue. By default a year before the last")
    ] = None,
    until: Annotated[
        Day | None, Query(description="The last day, at the venue. By default today, or a year after `since`")
    ] = None,
) -> EventAnalyticsView:
    """Show how an event sells: views, orders, conversion and revenue, by day, by ticket type and by source.

    Days are those at the venue. A sale counts on the day when it was paid, and a refund on its own day. A job counts
    both within a minute: `as_of` says up to when.
    """
    with db.autocommit() as conn:
        return service.get_event_analytics(conn, caller(), event_id, since, until)
