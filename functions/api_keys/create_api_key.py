"""POST /v1/organisations/{organisation_id}/api-keys"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.api_keys import service
from boxoffice.api_keys.errors import TooManyKeys
from boxoffice.api_keys.models import ApiKeyRequest, NewApiKeyView
from boxoffice.auth import Who
from boxoffice.errors import EndOutOfRange, TooManyRequests
from boxoffice.rate_limit import limit_notices

__all__ = ["handler"]


@route(
    "POST",
    "/v1/organisations/{organisation_id}/api-keys",
    who=Who.OWNER,
    status=201,
    raises=(EndOutOfRange, TooManyKeys, TooManyRequests),
)
def create_api_key(organisation_id: PathId, request: ApiKeyRequest) -> NewApiKeyView:
    """Make an API key, with which a program acts for the organisation.

    The key may do what its `scopes` say, and nothing with people, keys or the organisation itself. The answer shows the
    key this once. An email tells the owners.
    """
    with db.transaction() as conn:
        key = service.create_key(conn, caller(), organisation_id, request)
        limit_notices(caller(), caller().account)
    return key
