"""GET /v1/me/events"""

from boxoffice import db
from boxoffice.api import Cursor, Limit, caller, handler, route
from boxoffice.auth import Who
from boxoffice.events import service
from boxoffice.events.models import EventPage

__all__ = ["handler"]


@route("GET", "/v1/me/events", who=Who.ACCOUNT)
def list_my_events(limit: Limit = 20, cursor: Cursor = None) -> EventPage:
    """List the events of all organisations that the caller's account belongs to, the latest start first.

    Drafts, cancelled events and events that are over are among them.
    """
    with db.autocommit() as conn:
        return service.list_my_events(conn, caller(), limit, cursor)
