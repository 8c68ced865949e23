"""DELETE /v1/organisations/{organisation_id}/members/{account_id}"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.organisations import members
from boxoffice.organisations.errors import LastOwner

__all__ = ["handler"]


@route(
    "DELETE",
    "/v1/organisations/{organisation_id}/members/{account_id}",
    who=Who.OWNER,
    status=204,
    raises=(LastOwner,),
)
def remove_member(organisation_id: PathId, account_id: PathId) -> None:
    """Remove a member, from their next request on. The last owner stays.

    Members of any role can leave: they remove themselves.
    """
    with db.transaction() as conn:
        members.remove_member(conn, caller(), organisation_id, account_id)
