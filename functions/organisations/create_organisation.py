"""POST /v1/organisations"""

from boxoffice import db, rate_limit
from boxoffice.api import caller, etag, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.organisations import service
from boxoffice.organisations.errors import AccountGone
from boxoffice.organisations.models import OrganisationRequest, OrganisationView

__all__ = ["handler"]


@route("POST", "/v1/organisations", who=Who.ACCOUNT, status=201, raises=(AccountGone, TooManyRequests))
def create_organisation(request: OrganisationRequest) -> OrganisationView:
    """Apply as a seller.

    The caller becomes the owner. The organisation is `pending` until an admin approves it. A deployment can be set to
    approve each at once.
    """
    rate_limit.limit_applications(caller().account)
    with db.transaction() as conn:
        organisation = service.create_organisation(conn, caller(), request.name)
    etag(organisation.version)
    return organisation
