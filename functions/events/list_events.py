"""GET /v1/events"""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from boxoffice import db
from boxoffice.api import Cursor, Limit, caller, handler, route
from boxoffice.auth import Who
from boxoffice.events import service
from boxoffice.events.models import Category, EventFilters, EventPage
from boxoffice.models import Id, Moment, ShortText
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route(
    "GET",
    "/v1/events",
    who=Who.PUBLIC,
    scope=Scope.EVENTS_READ,
    cache_control="public, max-age=10, stale-while-revalidate=60",
)
def list_events(
    q: Annotated[
        ShortText | None, Query(description='Words to find, or how they begin, such as `jazz -free "open air"`')
    ] = None,
    category: Annotated[Category | None, Query()] = None,
    city: Annotated[ShortText | None, Query()] = None,
    organisation_id: Annotated[
        Id | None, Query(description="The organisation of the events. Its members see drafts too")
    ] = None,
    series_id: Annotated[Id | None, Query(description="An event and its copies at other times")] = None,
    since: Annotated[
        Moment | None, Query(alias="from", description="The events end after this time; now if left out")
    ] = None,
    until: Annotated[Moment | None, Query(alias="to", description="The events begin before this time")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> EventPage:
    """Return the published events that are not over, earliest first.

    Each says how its sale stands, and the lowest price for which anybody can buy a ticket now.
    """
    filters = EventFilters(q, category, city, organisation_id, series_id, since, until)
    with db.autocommit() as conn:
        return service.list_events(conn, caller(), filters, limit, cursor)
