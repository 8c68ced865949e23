"""GET /v1/newsletter/issues"""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from boxoffice import db
from boxoffice.api import Cursor, Limit, caller, handler, route
from boxoffice.auth import Who
from boxoffice.models import Id
from boxoffice.newsletter import issues
from boxoffice.newsletter.models import NewsletterPage

__all__ = ["handler"]

Whose = Annotated[Id | None, Query(description="Whose newsletter. Without it the platform's own, for admins")]


@route("GET", "/v1/newsletter/issues", who=Who.OWNER)
def list_newsletters(organisation_id: Whose = None, limit: Limit = 20, cursor: Cursor = None) -> NewsletterPage:
    """List the issues of a newsletter, newest first.

    Each says how far it has come, and what became of its emails.
    """
    with db.autocommit() as conn:
        return issues.list_issues(conn, caller(), organisation_id, limit, cursor)
