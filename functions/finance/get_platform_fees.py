"""GET /v1/organisations/{organisation_id}/platform-fees"""

from boxoffice import db
from boxoffice.api import PathId, caller, etag, handler, route
from boxoffice.auth import Who
from boxoffice.fees import service
from boxoffice.fees.models import PlatformFeesView
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route("GET", "/v1/organisations/{organisation_id}/platform-fees", who=Who.MANAGER, scope=Scope.MONEY_READ)
def get_platform_fees(organisation_id: PathId) -> PlatformFeesView:
    """Return what the platform keeps of each ticket that the organisation sells now, by currency.

    A ticket's fee is `basis_points` of what is paid for it, plus `fixed`. It is within the bounds, and never more than
    the ticket. Free tickets have none. The fee is taken from the organisation's money: buyers pay nothing more.
    """
    with db.autocommit() as conn:
        fees = service.get_fees(conn, caller(), organisation_id)
    etag(fees.version)
    return fees
