"""POST /v1/scans/{scan_id}/undo"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.checkin import service
from boxoffice.checkin.errors import NotAdmitted
from boxoffice.checkin.models import ScanRecordView
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route("POST", "/v1/scans/{scan_id}/undo", who=Who.MANAGER, scope=Scope.SCAN, raises=(NotAdmitted,))
def undo_scan(scan_id: PathId) -> ScanRecordView:
    """Undo an entry.

    The ticket has one more entry left. If it has a conflict, that entry counts instead. The scan stays on record as
    `undone`. To undo it again changes nothing.
    """
    with db.transaction() as conn:
        return service.undo_scan(conn, caller(), scan_id)
