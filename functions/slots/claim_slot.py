"""POST /v1/services/{service_id}/claims"""

from boxoffice import db
from boxoffice.api import IdempotencyKey, PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.scopes import Scope
from boxoffice.slots import service
from boxoffice.slots.errors import AccountNotFound, ClaimKeyRetired, PlaceFull
from boxoffice.slots.models import ClaimRequest, NewClaimView

__all__ = ["handler"]


@route(
    "POST",
    "/v1/services/{service_id}/claims",
    who=Who.SCANNER,
    scope=Scope.SLOTS,
    status=201,
    raises=(AccountNotFound, PlaceFull, ClaimKeyRetired),
)
def claim_slot(service_id: PathId, claim: ClaimRequest, key: IdempotencyKey) -> NewClaimView:
    """Check a customer in to the lowest free slot.

    The request names the customer by account, email or phone. Boxoffice stores a customer who is new. A customer who
    has a slot already gets another; `customer_slots` lists all. The QR is the customer's proof and holds no personal
    data.
    """
    with db.autocommit() as conn:
        return service.claim_slot(conn, caller(), service_id, claim, key)
