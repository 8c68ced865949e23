"""GET /v1/events/{event_id}/vouchers"""

from boxoffice import db
from boxoffice.api import Cursor, Limit, PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.scopes import Scope
from boxoffice.vouchers import service
from boxoffice.vouchers.models import VoucherPage

__all__ = ["handler"]


@route("GET", "/v1/events/{event_id}/vouchers", who=Who.MANAGER, scope=Scope.EVENTS_READ)
def list_vouchers(event_id: PathId, limit: Limit = 20, cursor: Cursor = None) -> VoucherPage:
    """List an event's vouchers, newest first, each with the number of its redemptions."""
    with db.autocommit() as conn:
        return service.list_vouchers(conn, caller(), event_id, limit, cursor)
