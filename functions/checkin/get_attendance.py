"""GET /v1/events/{event_id}/attendance"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Devices, Who
from boxoffice.checkin import service
from boxoffice.checkin.models import AttendanceView
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route("GET", "/v1/events/{event_id}/attendance", who=Who.SCANNER, scope=Scope.SCAN, devices=Devices.DURING_PASS)
def get_attendance(event_id: PathId) -> AttendanceView:
    """Count the tickets and people that have entered, by ticket type, by gate and by minute."""
    with db.autocommit() as conn:
        return service.get_attendance(conn, caller(), event_id)
