"""DELETE /v1/organisations/{organisation_id}/webhook-endpoints/{endpoint_id}"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.webhooks import service

__all__ = ["handler"]


@route("DELETE", "/v1/organisations/{organisation_id}/webhook-endpoints/{endpoint_id}", who=Who.OWNER, status=204)
def delete_webhook_endpoint(organisation_id: PathId, endpoint_id: PathId) -> None:
    """Delete a webhook endpoint and its secrets.

    What it was not told yet, it is not told any more. Its deliveries stay in the list for a while.
    """
    with db.transaction() as conn:
        service.delete_endpoint(conn, caller(), organisation_id, endpoint_id)
