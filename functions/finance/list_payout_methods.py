"""GET /v1/organisations/{organisation_id}/payout-methods"""

from boxoffice import db
from boxoffice.api import Cursor, Limit, PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.payouts import methods
from boxoffice.payouts.models import PayoutMethodPage

__all__ = ["handler"]


@route("GET", "/v1/organisations/{organisation_id}/payout-methods", who=Who.OWNER)
def list_payout_methods(organisation_id: PathId, limit: Limit = 20, cursor: Cursor = None) -> PayoutMethodPage:
    """List the payout methods of an organisation, latest first, with the ends of their numbers."""
    with db.autocommit() as conn:
        return methods.list_methods(conn, caller(), organisation_id, limit, cursor)
