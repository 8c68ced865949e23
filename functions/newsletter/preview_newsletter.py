"""POST /v1/newsletter/issues/preview"""

from boxoffice import db, rate_limit
from boxoffice.accounts.errors import EmailNotVerified, NoEmail
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.newsletter import issues
from boxoffice.newsletter.errors import NOT_SENDABLE
from boxoffice.newsletter.models import NewsletterPreview, NewsletterPreviewRequest

__all__ = ["handler"]


@route(
    "POST",
    "/v1/newsletter/issues/preview",
    who=Who.OWNER,
    raises=(*NOT_SENDABLE, NoEmail, EmailNotVerified, TooManyRequests),
)
def preview_newsletter(newsletter: NewsletterPreviewRequest) -> NewsletterPreview:
    """Show how many an issue would reach and how it looks, or send it to your own address.

    Nobody else gets anything. Your account must have proven that you read the address.
    """
    rate_limit.limit_message_previews(caller().account)
    with db.transaction() as conn:
        return issues.preview(conn, caller(), newsletter)
