"""POST /v1/newsletter/issues/{issue_id}/withdraw"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.newsletter import issues
from boxoffice.newsletter.models import NewsletterView

__all__ = ["handler"]


@route("POST", "/v1/newsletter/issues/{issue_id}/withdraw", who=Who.OWNER)
def withdraw_newsletter(issue_id: PathId) -> NewsletterView:
    """Stop an issue of a newsletter. Whoever has not got it yet, gets none."""
    with db.transaction() as conn:
        return issues.withdraw(conn, caller(), issue_id)
