"""POST /v1/door-devices"""

from boxoffice import db
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who
from boxoffice.doors import service
from boxoffice.doors.errors import DoorPassEnded, DoorPassFull, PairingCodeInvalid
from boxoffice.doors.models import PairedDeviceView, PairingRequest
from boxoffice.errors import TooManyRequests
from boxoffice.rate_limit import limit_wrong_tokens

__all__ = ["handler"]


@route(
    "POST",
    "/v1/door-devices",
    who=Who.PUBLIC,
    status=201,
    raises=(PairingCodeInvalid, DoorPassEnded, DoorPassFull, TooManyRequests),
)
def pair_door_device(request: PairingRequest) -> PairedDeviceView:
    """Trade the code of a door pass for a token of the device's own.

    A manager shows the code as a QR. It works once: if two devices send it, one is paired, and the other needs a new
    code. With the token the device scans at the events and gates of the pass, and reads their manifests, until the pass
    ends. If the answer is lost, ask for a new code.
    """
    with limit_wrong_tokens(caller(), "pair", PairingCodeInvalid), db.transaction() as conn:
        return service.pair(conn, caller(), request)
