"""POST /v1/organisations/{organisation_id}/webhook-endpoints"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.rate_limit import limit_notices
from boxoffice.webhooks import service
from boxoffice.webhooks.errors import TooManyWebhookEndpoints
from boxoffice.webhooks.models import NewWebhookEndpointView, WebhookEndpointRequest

__all__ = ["handler"]


@route(
    "POST",
    "/v1/organisations/{organisation_id}/webhook-endpoints",
    who=Who.OWNER,
    status=201,
    raises=(TooManyWebhookEndpoints, TooManyRequests),
)
def create_webhook_endpoint(organisation_id: PathId, request: WebhookEndpointRequest) -> NewWebhookEndpointView:
    """Have a URL told of what changes, by webhooks that are signed as Standard Webhooks says.

    The types of webhooks stand under `webhooks` in this document, each with an example. The answer shows the secret
    this once. Verify each webhook with it, by one of the libraries at https://www.standardwebhooks.com.

    A webhook may come twice, or after a later one: `webhook-id` tells repeats apart. Answer with a status of 2xx within
    10 seconds. Otherwise the webhook comes again, up to 10 times in 3 days. Redirects are not followed.
    """
    with db.transaction() as conn:
        endpoint = service.create_endpoint(conn, caller(), organisation_id, request)
        limit_notices(caller(), caller().account)  # one follows if the endpoint fails
    return endpoint
