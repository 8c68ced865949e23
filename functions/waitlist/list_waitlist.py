"""GET /v1/events/{event_id}/waitlist"""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from boxoffice import db
from boxoffice.api import Cursor, Limit, PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.scopes import Scope
from boxoffice.waitlist import entries
from boxoffice.waitlist.models import WaitlistPage
from boxoffice.waitlist.rows import EntryStatus

__all__ = ["handler"]


@route("GET", "/v1/events/{event_id}/waitlist", who=Who.MANAGER, scope=Scope.ORDERS_READ)
def list_waitlist(
    event_id: PathId, status: Annotated[EntryStatus | None, Query()] = None, limit: Limit = 20, cursor: Cursor = None
) -> WaitlistPage:
    """Return the waitlist entries of an event, in order of joining."""
    with db.autocommit() as conn:
        return entries.list_entries(conn, caller(), event_id, status, limit, cursor)
