"""POST /v1/events/{event_id}/messages"""

from boxoffice import db
from boxoffice.announcements import service
from boxoffice.announcements.errors import NOT_SENDABLE
from boxoffice.announcements.models import MessageRequest, MessageView
from boxoffice.api import IdempotencyKey, PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests

__all__ = ["handler"]


@route(
    "POST",
    "/v1/events/{event_id}/messages",
    who=Who.MANAGER,
    status=201,
    raises=(*NOT_SENDABLE, TooManyRequests),
)
def send_message(event_id: PathId, message: MessageRequest, key: IdempotencyKey) -> MessageView:
    """Write an email to the buyers or holders of an event.

    Each mailbox gets one, however many tickets it has. Who has no ticket yet gets none. Answers go to the seller's
    contact. It is about the event, so nobody can unsubscribe from it. The emails are sent within minutes.
    """
    with db.autocommit() as conn:
        return service.send(conn, caller(), event_id, message, key)
