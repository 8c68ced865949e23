"""POST /v1/organisations/{organisation_id}/door-passes/{pass_id}/codes"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.doors import service
from boxoffice.doors.errors import DoorPassEnded, DoorPassFull
from boxoffice.doors.models import PairingCodeView

__all__ = ["handler"]


@route(
    "POST",
    "/v1/organisations/{organisation_id}/door-passes/{pass_id}/codes",
    who=Who.MANAGER,
    status=201,
    raises=(DoorPassEnded, DoorPassFull),
)
def create_pairing_code(organisation_id: PathId, pass_id: PathId) -> PairingCodeView:
    """Make a code that pairs one more device with a door pass.

    It works once, within 15 minutes. Codes that were made before stay as they are.
    """
    with db.transaction() as conn:
        return service.create_code(conn, caller(), organisation_id, pass_id)
