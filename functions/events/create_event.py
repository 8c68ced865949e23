"""POST /v1/events"""

from boxoffice import db
from boxoffice.api import caller, etag, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.events import service
from boxoffice.events.errors import INVALID_EVENT, EventSlugTaken
from boxoffice.events.models import EventRequest, EventView
from boxoffice.media.errors import PictureNotReady
from boxoffice.scopes import Scope
from boxoffice.ticket_types.errors import INVALID_TICKET_TYPE

__all__ = ["handler"]


@route(
    "POST",
    "/v1/events",
    who=Who.MANAGER,
    scope=Scope.EVENTS_WRITE,
    status=201,
    raises=(*INVALID_EVENT, *INVALID_TICKET_TYPE, EventSlugTaken, PictureNotReady, TooManyRequests),
)
def create_event(event: EventRequest) -> EventView:
    """Draft an event, with its ticket types.

    Only members of the organisation see it until it is published. An organisation that waits for approval can draft
    events too.
    """
    with db.transaction() as conn:
        created = service.create_event(conn, caller(), event)
    etag(created.version)
    return created
