"""GET /v1/events/{event_id}/messages"""

from boxoffice import db
from boxoffice.announcements import service
from boxoffice.announcements.models import MessagePage
from boxoffice.api import Cursor, Limit, PathId, caller, handler, route
from boxoffice.auth import Who

__all__ = ["handler"]


@route("GET", "/v1/events/{event_id}/messages", who=Who.MANAGER)
def list_messages(event_id: PathId, limit: Limit = 20, cursor: Cursor = None) -> MessagePage:
    """List the messages that were sent to an event's buyers or holders, newest first.

    Each says how far it has come, and what became of its emails.
    """
    with db.autocommit() as conn:
        return service.list_messages(conn, caller(), event_id, limit, cursor)
