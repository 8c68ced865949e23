"""GET /v1/services/{service_id}/slots"""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from boxoffice import db
from boxoffice.api import Cursor, Limit, PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.scopes import Scope
from boxoffice.slots import service
from boxoffice.slots.models import SlotPage, SlotState

__all__ = ["handler"]


@route("GET", "/v1/services/{service_id}/slots", who=Who.SCANNER, scope=Scope.SLOTS)
def list_slots(
    service_id: PathId, state: Annotated[SlotState | None, Query()] = None, limit: Limit = 20, cursor: Cursor = None
) -> SlotPage:
    """List the slots of a place by number, with the customers who have them.

    If the capacity shrinks below a taken slot, that slot stays in the list until it is released.
    """
    with db.autocommit() as conn:
        return service.list_slots(conn, caller(), service_id, state, limit, cursor)
