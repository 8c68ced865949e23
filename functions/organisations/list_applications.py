"""GET /v1/admin/organisations"""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from boxoffice import db
from boxoffice.api import Cursor, Limit, caller, handler, route
from boxoffice.auth import Who
from boxoffice.models import ShortText
from boxoffice.organisations import service
from boxoffice.organisations.models import ApplicationPage, OrganisationStatus

__all__ = ["handler"]


@route("GET", "/v1/admin/organisations", who=Who.ADMIN)
def list_applications(
    status: Annotated[OrganisationStatus | None, Query(description="`pending` for those that wait")] = None,
    q: Annotated[ShortText | None, Query(description="Words of the name or the slug")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> ApplicationPage:
    """List organisations with their owners, newest first."""
    with db.autocommit() as conn:
        return service.list_applications(conn, caller(), limit, cursor, status=status, search=q)
