"""POST /v1/events/{event_id}/scan-sync"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.checkin import service
from boxoffice.checkin.models import SyncRequest, SyncView

__all__ = ["handler"]


@route("POST", "/v1/events/{event_id}/scan-sync", who=Who.SCANNER)
def sync_scans(event_id: PathId, sync: SyncRequest) -> SyncView:
    """Report what a device has let in offline.

    Of each ticket the earliest entries count, by the devices' clocks as corrected to ours; every later one is a
    conflict, and told with the entry that counts. A scan is known by device and sequence: repeat the request until it
    is answered.
    """
    with db.transaction() as conn:
        return service.sync_scans(conn, caller(), event_id, sync)
