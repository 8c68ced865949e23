"""POST /v1/organisations/{organisation_id}/webhook-endpoints/{endpoint_id}/replay"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.webhooks import service
from boxoffice.webhooks.errors import WebhookEndpointDisabled
from boxoffice.webhooks.models import ReplayRequest, ReplayView

__all__ = ["handler"]


@route(
    "POST",
    "/v1/organisations/{organisation_id}/webhook-endpoints/{endpoint_id}/replay",
    who=Who.OWNER,
    raises=(WebhookEndpointDisabled,),
)
def replay_failed_webhooks(organisation_id: PathId, endpoint_id: PathId, request: ReplayRequest) -> ReplayView:
    """Send again, under the same ids, what an endpoint was not told since a time. The oldest are first.

    One request replays 1,000 webhooks at most. If `has_more` is true, repeat it.
    """
    with db.transaction() as conn:
        return service.replay_failed(conn, caller(), organisation_id, endpoint_id, request)
