"""GET /v1/organisations/{organisation_id}/door-passes"""

from boxoffice import db
from boxoffice.api import Cursor, Limit, PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.doors import service
from boxoffice.doors.models import DoorPassPage

__all__ = ["handler"]


@route("GET", "/v1/organisations/{organisation_id}/door-passes", who=Who.MANAGER)
def list_door_passes(organisation_id: PathId, limit: Limit = 20, cursor: Cursor = None) -> DoorPassPage:
    """List the door passes of an organisation, latest first, each with its devices and when they were last seen.

    Passes that have ended are in it too.
    """
    with db.autocommit() as conn:
        return service.list_passes(conn, caller(), organisation_id, limit, cursor)
