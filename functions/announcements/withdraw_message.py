"""POST /v1/events/{event_id}/messages/{message_id}/withdraw"""

from boxoffice import db
from boxoffice.announcements import service
from boxoffice.announcements.models import MessageView
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who

__all__ = ["handler"]


@route("POST", "/v1/events/{event_id}/messages/{message_id}/withdraw", who=Who.MANAGER)
def withdraw_message(event_id: PathId, message_id: PathId) -> MessageView:
    """Stop a message. Whoever has not got its email yet, gets none."""
    with db.transaction() as conn:
        return service.withdraw(conn, caller(), event_id, message_id)
