"""POST /v1/events/{event_id}/messages/preview"""

from boxoffice import db, rate_limit
from boxoffice.accounts.errors import EmailNotVerified, NoEmail
from boxoffice.announcements import service
from boxoffice.announcements.models import MessagePreview, MessagePreviewRequest
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.organisations.errors import SellerSuspended

__all__ = ["handler"]


@route(
    "POST",
    "/v1/events/{event_id}/messages/preview",
    who=Who.MANAGER,
    raises=(SellerSuspended, NoEmail, EmailNotVerified, TooManyRequests),
)
def preview_message(event_id: PathId, message: MessagePreviewRequest) -> MessagePreview:
    """Show how many a message would reach and how it looks, or send it to your own address.

    Nobody else gets anything. Your account must have proven that you read the address.
    """
    rate_limit.limit_message_previews(caller().account)
    with db.transaction() as conn:
        return service.preview(conn, caller(), event_id, message)
