"""POST /v1/organisations/{organisation_id}/door-passes"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.doors import service
from boxoffice.doors.errors import INVALID_PASS
from boxoffice.doors.models import DoorPassRequest, NewDoorPassView
from boxoffice.errors import EndOutOfRange

__all__ = ["handler"]


@route(
    "POST",
    "/v1/organisations/{organisation_id}/door-passes",
    who=Who.MANAGER,
    status=201,
    raises=(EndOutOfRange, *INVALID_PASS),
)
def create_door_pass(organisation_id: PathId, request: DoorPassRequest) -> NewDoorPassView:
    """Make a door pass, with which people scan who have no account.

    Its devices may scan at these events and gates until then. Show the code in `pairing_code` to the first device, as a
    QR. For each further device, show a new code.
    """
    with db.transaction() as conn:
        return service.create_pass(conn, caller(), organisation_id, request)
