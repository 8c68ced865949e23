"""POST /v1/claims/{claim_id}/release"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.scopes import Scope
from boxoffice.slots import service
from boxoffice.slots.models import ClaimView

__all__ = ["handler"]


@route("POST", "/v1/claims/{claim_id}/release", who=Who.SCANNER, scope=Scope.SLOTS)
def release_claim(claim_id: PathId) -> ClaimView:
    """Release a claim, so that its slot is free again.

    To release a claim again changes nothing.
    """
    with db.transaction() as conn:
        return service.release_claim(conn, caller(), claim_id)
