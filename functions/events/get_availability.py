"""GET /v1/events/{event_id}/availability"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import NotFound
from boxoffice.events import service
from boxoffice.events.models import AvailabilityView
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route(
    "GET",
    "/v1/events/{event_id}/availability",
    who=Who.PUBLIC,
    scope=Scope.EVENTS_READ,
    raises=(NotFound,),
    cache_control="public, max-age=1, stale-while-revalidate=2",
)
def get_availability(event_id: PathId) -> AvailabilityView:
    """Return how many tickets of each ticket type are available, held and sold.

    The three counts are of one moment. They add up to the ticket type's quantity, unless the event's own capacity
    leaves fewer available.
    """
    with db.autocommit() as conn:
        return service.get_availability(conn, caller(), event_id)
