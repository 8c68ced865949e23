"""PUT /v1/admin/organisations/{organisation_id}/platform-fees"""

from boxoffice import db
from boxoffice.api import IfMatch, PathId, caller, etag, expected_version, handler, route
from boxoffice.auth import Who
from boxoffice.errors import NotFound
from boxoffice.fees import service
from boxoffice.fees.models import PlatformFeesRequest, PlatformFeesView

__all__ = ["handler"]


@route("PUT", "/v1/admin/organisations/{organisation_id}/platform-fees", who=Who.ADMIN, raises=(NotFound,))
def set_platform_fees(
    organisation_id: PathId, request: PlatformFeesRequest, if_match: IfMatch = None
) -> PlatformFeesView:
    """Replace an organisation's own terms of the platform's fee.

    They hold for orders that are placed from now on, and an order placed before keeps its own. In a currency that is
    left out, the default of the setting `platform_fees` holds. To exempt an organisation in a currency, set a fee of 0.
    """
    with db.transaction() as conn:
        fees = service.set_fees(conn, caller(), organisation_id, request, expected_version(if_match))
    etag(fees.version)
    return fees
