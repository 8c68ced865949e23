"""GET /v1/event-facets"""

from boxoffice import db
from boxoffice.api import handler, route
from boxoffice.auth import Who
from boxoffice.events import service
from boxoffice.events.models import FacetsView
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route(
    "GET",
    "/v1/event-facets",
    who=Who.PUBLIC,
    scope=Scope.EVENTS_READ,
    cache_control="public, max-age=60, stale-while-revalidate=300",
)
def get_event_facets() -> FacetsView:
    """Return the categories and cities of published events that are not over, and how many events each has.

    The counts are some minutes old. To list the events, filter by the `value`.
    """
    with db.autocommit() as conn:
        return service.get_facets(conn)
