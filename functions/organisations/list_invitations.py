"""GET /v1/organisations/{organisation_id}/invitations"""

from boxoffice import db
from boxoffice.api import Cursor, Limit, PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.organisations import members
from boxoffice.organisations.models import InvitationPage

__all__ = ["handler"]


@route("GET", "/v1/organisations/{organisation_id}/invitations", who=Who.MANAGER)
def list_invitations(organisation_id: PathId, limit: Limit = 20, cursor: Cursor = None) -> InvitationPage:
    """List the invitations of an organisation that can still be accepted, newest first."""
    with db.autocommit() as conn:
        return members.list_invitations(conn, caller(), organisation_id, limit, cursor)
