"""GET /v1/organisations/{organisation_id}/webhook-endpoints"""

from boxoffice import db
from boxoffice.api import Cursor, Limit, PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.webhooks import service
from boxoffice.webhooks.models import WebhookEndpointPage

__all__ = ["handler"]


@route("GET", "/v1/organisations/{organisation_id}/webhook-endpoints", who=Who.OWNER)
def list_webhook_endpoints(organisation_id: PathId, limit: Limit = 20, cursor: Cursor = None) -> WebhookEndpointPage:
    """List where an organisation listens to webhooks, latest first.

    The secrets are not in it.
    """
    with db.autocommit() as conn:
        return service.list_endpoints(conn, caller(), organisation_id, limit, cursor)
