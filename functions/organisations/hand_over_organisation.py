"""PUT /v1/organisations/{organisation_id}/owner"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.organisations import members
from boxoffice.organisations.models import HandOverRequest, MemberView
from boxoffice.rate_limit import limit_notices

__all__ = ["handler"]


@route("PUT", "/v1/organisations/{organisation_id}/owner", who=Who.OWNER, raises=(TooManyRequests,))
def hand_over_organisation(organisation_id: PathId, request: HandOverRequest) -> MemberView:
    """Make another member the owner in your place. You stay as a manager, and both are written to.

    Admins can call this too: they make an account the owner, and every other owner becomes a manager. So an
    organisation that was handed over against its owner's will comes back.
    """
    with db.transaction() as conn:
        member = members.hand_over(conn, caller(), organisation_id, request.account_id)
        limit_notices(caller(), caller().account, request.account_id)
    return member
