"""DELETE /v1/organisations/{organisation_id}/api-keys/{key_id}"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.api_keys import service
from boxoffice.auth import Who

__all__ = ["handler"]


@route("DELETE", "/v1/organisations/{organisation_id}/api-keys/{key_id}", who=Who.OWNER, status=204)
def revoke_api_key(organisation_id: PathId, key_id: PathId) -> None:
    """Revoke an API key.

    It ends within half a minute. It stays in the list, so that you see when it was last used. To revoke it again
    changes nothing.
    """
    with db.transaction() as conn:
        service.revoke_key(conn, caller(), organisation_id, key_id)
