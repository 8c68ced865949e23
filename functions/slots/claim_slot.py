"""POST /v1/services/{service_id}/claims"""

from boxoffice import db
from boxoffice.api import IdempotencyKey, PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.slots import service
from boxoffice.slots.errors import AccountNotFound, ClaimKeyRetired, ServiceFull
from boxoffice.slots.models import ClaimedSlot, ClaimRequest

__all__ = ["handler"]


@route(
    "POST",
    "/v1/services/{service_id}/claims",
    who=Who.SCANNER,
    status=201,
    raises=(AccountNotFound, ServiceFull, ClaimKeyRetired),
)
def claim_slot(service_id: PathId, claim: ClaimRequest, key: IdempotencyKey) -> ClaimedSlot:
    """Check a customer in to the lowest free slot.

    The customer is found by account, email or phone, and written down when new. One who holds a slot already gets
    another: `customer_slots` tells. The QR is the customer's proof; it holds no personal data.
    """
    with db.autocommit() as conn:
        return service.claim_slot(conn, caller(), service_id, claim, key)
