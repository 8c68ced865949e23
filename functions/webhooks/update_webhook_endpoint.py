"""PATCH /v1/organisations/{organisation_id}/webhook-endpoints/{endpoint_id}"""

from boxoffice import db
from boxoffice.api import IfMatch, PathId, caller, etag, expected_version, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.rate_limit import limit_notices
from boxoffice.webhooks import service
from boxoffice.webhooks.models import WebhookEndpointPatch, WebhookEndpointView

__all__ = ["handler"]


@route(
    "PATCH",
    "/v1/organisations/{organisation_id}/webhook-endpoints/{endpoint_id}",
    who=Who.OWNER,
    raises=(TooManyRequests,),
)
def update_webhook_endpoint(
    organisation_id: PathId, endpoint_id: PathId, patch: WebhookEndpointPatch, if_match: IfMatch = None
) -> WebhookEndpointView:
    """Change some of a webhook endpoint's fields.

    Fields that you leave out do not change. With `enabled` false nothing is owed to it any more, and what waits fails.
    With `enabled` true it is told of what changes from then on. To send again what has failed, replay it.
    """
    with db.transaction() as conn:
        endpoint = service.update_endpoint(
            conn, caller(), organisation_id, endpoint_id, patch, expected_version(if_match)
        )
        if patch.enabled:
            limit_notices(caller(), caller().account)  # one follows if the endpoint fails again
    etag(endpoint.version)
    return endpoint
