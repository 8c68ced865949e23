"""GET /v1/events/{event_id}/scans"""

from typing import Annotated, Literal

from aws_lambda_powertools.event_handler.openapi.params import Query

from boxoffice import db
from boxoffice.api import Cursor, Limit, PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.checkin import service
from boxoffice.checkin.models import ScanFilters, ScanPage
from boxoffice.models import Id, ShortText
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route("GET", "/v1/events/{event_id}/scans", who=Who.MANAGER, scope=Scope.SCAN)
def list_scans(
    event_id: PathId,
    only: Annotated[Literal["conflicts"] | None, Query(description="List the conflicts alone")] = None,
    gate: Annotated[ShortText | None, Query()] = None,
    ticket_id: Annotated[Id | None, Query()] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> ScanPage:
    """List the scans of an event, latest first: entries, refusals and conflicts."""
    filters = ScanFilters(only_conflicts=only == "conflicts", gate=gate, ticket_id=ticket_id)
    with db.autocommit() as conn:
        return service.list_scans(conn, caller(), event_id, filters, limit, cursor)
