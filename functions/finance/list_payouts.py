"""GET /v1/organisations/{organisation_id}/payouts"""

from boxoffice import db
from boxoffice.api import Cursor, Limit, PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.payouts import service
from boxoffice.payouts.models import PayoutPage
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route("GET", "/v1/organisations/{organisation_id}/payouts", who=Who.OWNER, scope=Scope.MONEY_READ)
def list_payouts(organisation_id: PathId, limit: Limit = 20, cursor: Cursor = None) -> PayoutPage:
    """List the payouts of an organisation, newest first."""
    with db.autocommit() as conn:
        return service.list_payouts(conn, caller(), organisation_id, limit, cursor)
