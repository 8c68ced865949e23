"""POST /v1/organisations/{organisation_id}/members"""

from boxoffice import db, rate_limit
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.organisations import members
from boxoffice.organisations.errors import AlreadyMember, MayNotInvite
from boxoffice.organisations.models import InvitationRequest, InvitationView

__all__ = ["handler"]


@route(
    "POST",
    "/v1/organisations/{organisation_id}/members",
    who=Who.OWNER,
    status=201,
    raises=(AlreadyMember, MayNotInvite, TooManyRequests),
)
def invite_member(organisation_id: PathId, invitation: InvitationRequest) -> InvitationView:
    """Invite somebody by email, with a role.

    The email has a link that works once, for seven days. Whoever accepts needs an account with this address. Inviting
    an address again sends a new link, with the new role, and ends the earlier one.
    """
    with db.transaction() as conn:
        invited = members.invite_member(conn, caller(), organisation_id, invitation)
        # Count only callers who may invite, so that nobody else can use up the organisation's attempts.
        rate_limit.limit_invitations(caller(), organisation_id, invitation.email)
    return invited
