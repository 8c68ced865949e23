"""POST /v1/events/{event_id}/views"""

from boxoffice import db
from boxoffice.analytics import service
from boxoffice.analytics.models import ViewRequest
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import NotFound, TooManyRequests
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route(
    "POST",
    "/v1/events/{event_id}/views",
    who=Who.PUBLIC,
    scope=Scope.EVENTS_READ,
    status=204,
    raises=(NotFound, TooManyRequests),
)
def record_view(event_id: PathId, view: ViewRequest) -> None:
    """Count that somebody looks at an event.

    Nothing is kept of who looks. A page calls this once each time that it is opened. Of one network, 100 views an hour
    and 500 a day count. Views count until the event is over.
    """
    with db.autocommit() as conn:
        service.record_view(conn, caller(), event_id, view)
