"""GET /v1/events/{event_id}"""

from boxoffice import db
from boxoffice.api import PathId, caller, etag, handler, route
from boxoffice.auth import Devices, Who
from boxoffice.errors import NotFound
from boxoffice.events import service
from boxoffice.events.models import EventView
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route(
    "GET",
    "/v1/events/{event_id}",
    who=Who.PUBLIC,
    scope=Scope.EVENTS_READ,
    devices=Devices.DURING_PASS,
    conditional=True,
    cache_control="public, max-age=5, stale-while-revalidate=30",
    raises=(NotFound,),
)
def get_event(event_id: PathId) -> EventView:
    """Return an event, with its ticket types and how many tickets are available.

    Members of the organisation see drafts and hidden ticket types too.
    """
    with db.autocommit() as conn:
        event = service.get_event(conn, caller(), event_id)
    etag(event.version)
    return event
