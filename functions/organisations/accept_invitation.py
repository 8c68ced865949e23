"""POST /v1/invitations/accept"""

from boxoffice import db
from boxoffice.accounts.models import MembershipView
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who
from boxoffice.organisations import members
from boxoffice.organisations.errors import NOT_ACCEPTED
from boxoffice.organisations.models import AcceptInvitationRequest

__all__ = ["handler"]


@route("POST", "/v1/invitations/accept", who=Who.ACCOUNT, raises=NOT_ACCEPTED)
def accept_invitation(request: AcceptInvitationRequest) -> MembershipView:
    """Become a member of an organisation, with the token in the email's link.

    The caller's account needs the address that the email came to. The link proves that address too. A member who was
    invited again keeps the higher role.
    """
    with db.transaction() as conn:
        return members.accept_invitation(conn, caller(), request.token)
