"""POST /v1/admin/outbox/{message_id}/retry"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import NotFound
from boxoffice.messaging import administration
from boxoffice.messaging.errors import MessageNotFailed
from boxoffice.messaging.models import OutboxMessageView

__all__ = ["handler"]


@route("POST", "/v1/admin/outbox/{message_id}/retry", who=Who.ADMIN, raises=(NotFound, MessageNotFailed))
def retry_outbox_message(message_id: PathId) -> OutboxMessageView:
    """Try to send a message again that has failed, once what was wrong is mended.

    It is written anew, so it says what is so by then.
    """
    with db.transaction() as conn:
        return administration.retry_message(conn, caller(), message_id)
