"""POST /v1/organisations/{organisation_id}/webhook-endpoints/{endpoint_id}/rotate-secret"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.webhooks import service
from boxoffice.webhooks.errors import TooManyWebhookSecrets
from boxoffice.webhooks.models import RotateSecretRequest, WebhookSecretView

__all__ = ["handler"]


@route(
    "POST",
    "/v1/organisations/{organisation_id}/webhook-endpoints/{endpoint_id}/rotate-secret",
    who=Who.OWNER,
    raises=(TooManyWebhookSecrets,),
)
def rotate_webhook_secret(
    organisation_id: PathId, endpoint_id: PathId, request: RotateSecretRequest
) -> WebhookSecretView:
    """Give a webhook endpoint a new secret, which the answer shows this once.

    Until the former secret ends, each webhook has a signature by both. So you can change it without losing any.
    """
    with db.transaction() as conn:
        return service.rotate_secret(conn, caller(), organisation_id, endpoint_id, request)
