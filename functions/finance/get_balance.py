"""GET /v1/organisations/{organisation_id}/balance"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.ledger import reading
from boxoffice.ledger.models import BalancesView
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route("GET", "/v1/organisations/{organisation_id}/balance", who=Who.OWNER, scope=Scope.MONEY_READ)
def get_balance(organisation_id: PathId) -> BalancesView:
    """Show what an organisation has, by currency: what it may be paid out, what is still to come, and what was kept.

    Only money that came through the platform's own accounts at providers is paid out.
    """
    with db.autocommit() as conn:
        return reading.get_balance(conn, caller(), organisation_id)
