"""DELETE /v1/organisations/{organisation_id}/door-passes/{pass_id}/devices/{device_id}"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.doors import service

__all__ = ["handler"]


@route(
    "DELETE",
    "/v1/organisations/{organisation_id}/door-passes/{pass_id}/devices/{device_id}",
    who=Who.MANAGER,
    status=204,
)
def revoke_door_device(organisation_id: PathId, pass_id: PathId, device_id: PathId) -> None:
    """Revoke one device of a door pass, such as a phone that was lost.

    It ends within half a minute. The other devices of the pass go on, and another may be paired in its place.
    """
    with db.transaction() as conn:
        service.revoke_device(conn, caller(), organisation_id, pass_id, device_id)
