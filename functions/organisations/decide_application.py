"""POST /v1/admin/organisations/{organisation_id}/decision"""

from boxoffice import db
from boxoffice.api import IfMatch, PathId, caller, etag, expected_version, handler, route
from boxoffice.auth import Who
from boxoffice.errors import NotFound
from boxoffice.organisations import service
from boxoffice.organisations.errors import DecisionNotPossible
from boxoffice.organisations.models import ApplicationView, DecisionRequest

__all__ = ["handler"]


@route(
    "POST",
    "/v1/admin/organisations/{organisation_id}/decision",
    who=Who.ADMIN,
    raises=(NotFound, DecisionNotPossible),
)
def decide_application(organisation_id: PathId, decision: DecisionRequest, if_match: IfMatch = None) -> ApplicationView:
    """Approve, reject or suspend an organisation, and write to its owners.

    A pending one is approved or rejected. An approved one can be suspended, and sells nothing until it is approved
    again. A rejected one can be approved later. To repeat a decision changes nothing.
    """
    with db.transaction() as conn:
        expected = expected_version(if_match)
        organisation = service.decide_application(conn, caller(), organisation_id, decision, expected)
    etag(organisation.version)
    return organisation
