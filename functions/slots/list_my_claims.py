"""GET /v1/me/claims"""

from boxoffice import db
from boxoffice.api import Cursor, Limit, caller, handler, route
from boxoffice.auth import Who
from boxoffice.slots import service
from boxoffice.slots.models import MyClaimPage

__all__ = ["handler"]


@route("GET", "/v1/me/claims", who=Who.ACCOUNT)
def list_my_claims(limit: Limit = 20, cursor: Cursor = None) -> MyClaimPage:
    """List the caller's claims on slots of services, newest first.

    These are the claims of the account, of its email address once that is verified, and of its phone once that is
    confirmed. A phone counts for 180 days after it was last confirmed or logged in with.
    """
    with db.autocommit() as conn:
        return service.list_my_claims(conn, caller(), limit, cursor)
