"""GET /v1/organisations/{organisation_id}"""

from boxoffice import db
from boxoffice.api import PathId, caller, etag, handler, route
from boxoffice.auth import Who
from boxoffice.organisations import service
from boxoffice.organisations.models import OrganisationView

__all__ = ["handler"]


@route("GET", "/v1/organisations/{organisation_id}", who=Who.SCANNER, conditional=True)
def get_organisation(organisation_id: PathId) -> OrganisationView:
    """Return an organisation to its members."""
    with db.autocommit() as conn:
        organisation = service.get_organisation(conn, caller(), organisation_id)
    etag(organisation.version)
    return organisation
