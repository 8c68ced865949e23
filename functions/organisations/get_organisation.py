"""GET /v1/organisations/{organisation_id}"""

from boxoffice import db
from boxoffice.api import PathId, caller, etag, handler, route
from boxoffice.auth import Who
from boxoffice.errors import NotFound
from boxoffice.organisations import service
from boxoffice.organisations.models import OrganisationProfile, OrganisationView
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route(
    "GET",
    "/v1/organisations/{organisation_id}",
    who=Who.PUBLIC,
    scope=Scope.EVENTS_READ,
    conditional=True,
    cache_control="public, max-age=60, stale-while-revalidate=300",
    raises=(NotFound,),
)
def get_organisation(organisation_id: PathId) -> OrganisationView | OrganisationProfile:
    """Return the public profile of an organisation that is approved.

    Members see one that is not approved too, and all of its fields. So do admins and its API keys.
    """
    with db.autocommit() as conn:
        organisation = service.get_organisation(conn, caller(), organisation_id)
    etag(organisation.version)
    return organisation
