"""GET /v1/organisations/{organisation_id}/members"""

from boxoffice import db
from boxoffice.api import Cursor, Limit, PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.organisations import members
from boxoffice.organisations.models import MemberPage

__all__ = ["handler"]


@route("GET", "/v1/organisations/{organisation_id}/members", who=Who.MANAGER)
def list_members(organisation_id: PathId, limit: Limit = 20, cursor: Cursor = None) -> MemberPage:
    """List the members of an organisation, the oldest account first."""
    with db.autocommit() as conn:
        return members.list_members(conn, caller(), organisation_id, limit, cursor)
