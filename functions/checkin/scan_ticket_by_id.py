"""POST /v1/tickets/{ticket_id}/scans"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Devices, Who
from boxoffice.checkin import service
from boxoffice.checkin.errors import REFUSALS_BY_LIST, UnknownGate
from boxoffice.checkin.models import GuestListScanRequest, ScanView
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route(
    "POST",
    "/v1/tickets/{ticket_id}/scans",
    who=Who.SCANNER,
    scope=Scope.SCAN,
    devices=Devices.DURING_PASS,
    raises=(UnknownGate, *REFUSALS_BY_LIST),
)
def scan_ticket_by_id(ticket_id: PathId, scan: GuestListScanRequest) -> ScanView:
    """Admit a ticket's holder by the guest list.

    Like a scan of the ticket's QR, for a holder who does not have it with them.
    """
    with db.autocommit() as conn:
        return service.scan_ticket_by_id(conn, caller(), ticket_id, scan)
