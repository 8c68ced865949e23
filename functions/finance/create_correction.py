"""POST /v1/admin/organisations/{organisation_id}/corrections"""

from boxoffice import db
from boxoffice.api import IdempotencyKey, PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import NotFound
from boxoffice.ledger import corrections
from boxoffice.ledger.models import CorrectionRequest, CorrectionView

__all__ = ["handler"]


@route(
    "POST",
    "/v1/admin/organisations/{organisation_id}/corrections",
    who=Who.ADMIN,
    status=201,
    raises=(NotFound,),
)
def create_correction(organisation_id: PathId, correction: CorrectionRequest, key: IdempotencyKey) -> CorrectionView:
    """Give an amount to an organisation, or take it from there, with a reason that it reads.

    The amount moves between the platform's income and what the organisation has available, which may become negative.
    """
    with db.autocommit() as conn:
        return corrections.create_correction(conn, caller(), organisation_id, correction, key)
