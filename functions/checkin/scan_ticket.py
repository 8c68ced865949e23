"""POST /v1/scans"""

from boxoffice import db
from boxoffice.api import caller, handler, route
from boxoffice.auth import Devices, Who
from boxoffice.checkin import service
from boxoffice.checkin.errors import REFUSALS, Transferred, UnknownGate
from boxoffice.checkin.models import ScanRequest, ScanView
from boxoffice.scopes import Scope
from boxoffice.tickets.errors import Forged

__all__ = ["handler"]


@route(
    "POST",
    "/v1/scans",
    who=Who.SCANNER,
    scope=Scope.SCAN,
    devices=Devices.DURING_PASS,
    raises=(Forged, UnknownGate, Transferred, *REFUSALS),
)
def scan_ticket(scan: ScanRequest) -> ScanView:
    """Admit a ticket's holder by the QR.

    200 admits. Anything else does not, and its `code` is the reason. For a used ticket, `first_scan_at` and
    `first_scan_gate` say when and where it was first used. If the answer is lost, repeat the request with the same
    `device_id` and `sequence`: it counts once, and gets the same answer.
    """
    with db.autocommit() as conn:
        return service.scan_ticket(conn, caller(), scan)
