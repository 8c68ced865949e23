"""POST /v1/organisations/{organisation_id}/application"""

from boxoffice import db
from boxoffice.api import PathId, caller, etag, handler, route
from boxoffice.auth import Who
from boxoffice.organisations import service
from boxoffice.organisations.errors import ApplicationNotPossible
from boxoffice.organisations.models import OrganisationView

__all__ = ["handler"]


@route("POST", "/v1/organisations/{organisation_id}/application", who=Who.OWNER, raises=(ApplicationNotPossible,))
def apply_again(organisation_id: PathId) -> OrganisationView:
    """Apply again as a seller, after a rejection.

    The organisation is `pending` then, and keeps the reason of the rejection until an admin decides again. To repeat
    this changes nothing.
    """
    with db.transaction() as conn:
        organisation = service.apply_again(conn, caller(), organisation_id)
    etag(organisation.version)
    return organisation
