"""DELETE /v1/organisations/{organisation_id}/invitations/{invitation_id}"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.organisations import members

__all__ = ["handler"]


@route("DELETE", "/v1/organisations/{organisation_id}/invitations/{invitation_id}", who=Who.OWNER, status=204)
def revoke_invitation(organisation_id: PathId, invitation_id: PathId) -> None:
    """Withdraw an invitation, so that nobody can accept it any more."""
    with db.transaction() as conn:
        members.revoke_invitation(conn, caller(), organisation_id, invitation_id)
