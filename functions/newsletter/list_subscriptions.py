"""GET /v1/admin/newsletter/subscriptions"""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from boxoffice import db
from boxoffice.api import Cursor, Limit, caller, handler, route
from boxoffice.auth import Who
from boxoffice.models import Id
from boxoffice.newsletter import subscriptions
from boxoffice.newsletter.models import SubscriptionPage, SubscriptionStatus

__all__ = ["handler"]

Whose = Annotated[Id | None, Query(description="Whose newsletter. Without it the platform's own, for admins")]


@route("GET", "/v1/admin/newsletter/subscriptions", who=Who.OWNER)
def list_subscriptions(
    organisation_id: Whose = None,
    status: Annotated[SubscriptionStatus, Query()] = "subscribed",
    limit: Limit = 20,
    cursor: Cursor = None,
) -> SubscriptionPage:
    """List who has subscribed to a newsletter or has left it, newest first.

    Owners get all who have subscribed to theirs in one file by `create_export`, as CSV or XLSX.
    """
    with db.autocommit() as conn:
        return subscriptions.list_readers(conn, caller(), organisation_id, status, limit, cursor)
