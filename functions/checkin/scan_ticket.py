"""POST /v1/scans"""

from boxoffice import db
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who
from boxoffice.checkin import service
from boxoffice.checkin.errors import REFUSALS, Transferred
from boxoffice.checkin.models import ScanRequest, ScanView
from boxoffice.tickets.errors import Forged

__all__ = ["handler"]


@route("POST", "/v1/scans", who=Who.SCANNER, raises=(Forged, Transferred, *REFUSALS))
def scan_ticket(scan: ScanRequest) -> ScanView:
    """Admit a ticket's holder.

    200 admits. Anything else does not, and its `code` is the reason; of a ticket that was used before, the answer says
    when (`first_scan_at`) and where (`first_scan_gate`). With a `device_id` and a `sequence` the request can be
    repeated when its answer was lost: it counts once, and is answered alike.
    """
    with db.autocommit() as conn:
        return service.scan_ticket(conn, caller(), scan)
