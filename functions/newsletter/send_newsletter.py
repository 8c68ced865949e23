"""POST /v1/newsletter/issues"""

from boxoffice import db
from boxoffice.api import IdempotencyKey, caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.newsletter import issues
from boxoffice.newsletter.errors import NOT_SENDABLE, NoSubscribers
from boxoffice.newsletter.models import NewsletterRequest, NewsletterView

__all__ = ["handler"]


@route(
    "POST",
    "/v1/newsletter/issues",
    who=Who.OWNER,
    status=201,
    raises=(*NOT_SENDABLE, NoSubscribers, TooManyRequests),
)
def send_newsletter(newsletter: NewsletterRequest, key: IdempotencyKey) -> NewsletterView:
    """Send an issue of a newsletter to all who have subscribed by now.

    A job writes the emails within ten minutes. Each says why it came and where its sender is, and has a link to
    unsubscribe. Who unsubscribes before theirs is sent gets none.
    """
    with db.autocommit() as conn:
        return issues.send(conn, caller(), newsletter, key)
