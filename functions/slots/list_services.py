"""GET /v1/services"""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from boxoffice import db
from boxoffice.api import Cursor, Limit, caller, handler, route
from boxoffice.auth import Who
from boxoffice.models import Id
from boxoffice.scopes import Scope
from boxoffice.slots import service
from boxoffice.slots.models import PlacePage

__all__ = ["handler"]


@route("GET", "/v1/services", who=Who.SCANNER, scope=Scope.SLOTS)
def list_services(
    organisation_id: Annotated[Id, Query()],
    event_id: Annotated[Id | None, Query(description="Only the places for this event")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> PlacePage:
    """List the places of an organisation, oldest first."""
    with db.autocommit() as conn:
        return service.list_places(conn, caller(), organisation_id, event_id, limit, cursor)
