"""PATCH /v1/organisations/{organisation_id}"""

from boxoffice import db
from boxoffice.api import IfMatch, PathId, caller, etag, expected_version, handler, route
from boxoffice.auth import Who
from boxoffice.media.errors import PictureNotReady
from boxoffice.organisations import service
from boxoffice.organisations.errors import SlugTaken
from boxoffice.organisations.models import OrganisationPatch, OrganisationView

__all__ = ["handler"]


@route("PATCH", "/v1/organisations/{organisation_id}", who=Who.OWNER, raises=(PictureNotReady, SlugTaken))
def update_organisation(
    organisation_id: PathId, patch: OrganisationPatch, if_match: IfMatch = None
) -> OrganisationView:
    """Change some fields of an organisation's profile.

    Fields that are left out stay as they are. The former slug is free for others at once.
    """
    with db.transaction() as conn:
        organisation = service.update_organisation(conn, caller(), organisation_id, patch, expected_version(if_match))
    etag(organisation.version)
    return organisation
