"""POST /v1/claims/scan"""

from boxoffice import db
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who
from boxoffice.scopes import Scope
from boxoffice.slots import service
from boxoffice.slots.errors import ClaimKeyRetired, WrongPlace
from boxoffice.slots.models import ClaimScanRequest, ClaimView
from boxoffice.tickets.errors import Forged

__all__ = ["handler"]


@route("POST", "/v1/claims/scan", who=Who.SCANNER, scope=Scope.SLOTS, raises=(Forged, WrongPlace, ClaimKeyRetired))
def scan_claim(scan: ClaimScanRequest) -> ClaimView:
    """Verify a claim by its QR.

    `status` says if the customer still has the slot (`open`) or has given it back (`released`, at `released_at`). A
    scan changes nothing: release the claim when the customer has got everything back.
    """
    with db.autocommit() as conn:
        return service.scan_claim(conn, caller(), scan)
