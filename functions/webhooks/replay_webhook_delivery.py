"""POST /v1/organisations/{organisation_id}/webhook-deliveries/{delivery_id}/replay"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.webhooks import service
from boxoffice.webhooks.errors import WebhookEndpointDisabled
from boxoffice.webhooks.models import WebhookDeliveryView

__all__ = ["handler"]


@route(
    "POST",
    "/v1/organisations/{organisation_id}/webhook-deliveries/{delivery_id}/replay",
    who=Who.OWNER,
    raises=(WebhookEndpointDisabled,),
)
def replay_webhook_delivery(organisation_id: PathId, delivery_id: PathId) -> WebhookDeliveryView:
    """Send a webhook again, under the same id, whether it came through or not.

    One that waits for its next attempt is sent at once. One that is being sent stays as it is.
    """
    with db.transaction() as conn:
        return service.replay_delivery(conn, caller(), organisation_id, delivery_id)
