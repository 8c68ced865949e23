"""GET /v1/organisations/{organisation_id}/api-keys"""

from boxoffice import db
from boxoffice.api import Cursor, Limit, PathId, caller, handler, route
from boxoffice.api_keys import service
from boxoffice.api_keys.models import ApiKeyPage
from boxoffice.auth import Who

__all__ = ["handler"]


@route("GET", "/v1/organisations/{organisation_id}/api-keys", who=Who.OWNER)
def list_api_keys(organisation_id: PathId, limit: Limit = 20, cursor: Cursor = None) -> ApiKeyPage:
    """List the API keys of an organisation, latest first, those that have ended too.

    The keys themselves are not in it.
    """
    with db.transaction() as conn:
        return service.list_keys(conn, caller(), organisation_id, limit, cursor)
