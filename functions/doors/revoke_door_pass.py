"""DELETE /v1/organisations/{organisation_id}/door-passes/{pass_id}"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.doors import service

__all__ = ["handler"]


@route("DELETE", "/v1/organisations/{organisation_id}/door-passes/{pass_id}", who=Who.MANAGER, status=204)
def revoke_door_pass(organisation_id: PathId, pass_id: PathId) -> None:
    """Revoke a door pass.

    All its devices end within half a minute. What they have not reported yet is refused. To revoke it again changes
    nothing.
    """
    with db.transaction() as conn:
        service.revoke_pass(conn, caller(), organisation_id, pass_id)
