"""GET /v1/organisations/{organisation_id}/webhook-deliveries"""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from boxoffice import db
from boxoffice.api import Cursor, Limit, PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.models import Id
from boxoffice.webhooks import service
from boxoffice.webhooks.models import DeliveryStatus, WebhookDeliveryPage

__all__ = ["handler"]


@route("GET", "/v1/organisations/{organisation_id}/webhook-deliveries", who=Who.OWNER)
def list_webhook_deliveries(
    organisation_id: PathId,
    endpoint_id: Annotated[Id | None, Query(description="Only to this endpoint")] = None,
    status: Annotated[DeliveryStatus | None, Query()] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> WebhookDeliveryPage:
    """List what an organisation's webhook endpoints were told, or are about to be, latest first.

    Each says how the last attempt went. What has ended is deleted after a while (`message_days` of the settings).
    """
    with db.autocommit() as conn:
        return service.list_deliveries(
            conn, caller(), organisation_id, limit, cursor, endpoint_id=endpoint_id, status=status
        )
