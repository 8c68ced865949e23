"""GET /v1/galleries"""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from boxoffice import db
from boxoffice.api import Cursor, Limit, caller, handler, route
from boxoffice.auth import Who
from boxoffice.media import galleries
from boxoffice.media.models import GalleryPage
from boxoffice.models import Id
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route("GET", "/v1/galleries", who=Who.PUBLIC, scope=Scope.EVENTS_READ)
def list_galleries(
    organisation_id: Annotated[
        Id | None, Query(description="The organisation of the galleries. Its members see unpublished ones too")
    ] = None,
    event_id: Annotated[Id | None, Query(description="The event of the galleries")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> GalleryPage:
    """List the published galleries, newest first, each with its first image."""
    with db.autocommit() as conn:
        return galleries.list_galleries(conn, caller(), organisation_id, event_id, limit, cursor)
