"""PATCH /v1/organisations/{organisation_id}/members/{account_id}"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.organisations import members
from boxoffice.organisations.errors import LastOwner
from boxoffice.organisations.models import MemberView, RoleChange

__all__ = ["handler"]


@route("PATCH", "/v1/organisations/{organisation_id}/members/{account_id}", who=Who.OWNER, raises=(LastOwner,))
def change_member_role(organisation_id: PathId, account_id: PathId, change: RoleChange) -> MemberView:
    """Give a member another role, from their next request on. The last owner stays one."""
    with db.transaction() as conn:
        return members.change_member_role(conn, caller(), organisation_id, account_id, change.role)
