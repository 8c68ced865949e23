"""POST /v1/events/{event_id}/scan-sync"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Devices, Who
from boxoffice.checkin import service
from boxoffice.checkin.models import SyncRequest, SyncView
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route("POST", "/v1/events/{event_id}/scan-sync", who=Who.SCANNER, scope=Scope.SCAN, devices=Devices.AND_AFTER)
def sync_scans(event_id: PathId, sync: SyncRequest) -> SyncView:
    """Report the scans that a device has made offline.

    The earliest entries of each ticket count, by the devices' clocks as the server corrects them. Every later entry is
    a conflict, and the answer shows it beside the entry that counts. Repeat the request until you get an answer:
    device and sequence identify a scan, so it counts once.
    """
    with db.transaction() as conn:
        return service.sync_scans(conn, caller(), event_id, sync)
