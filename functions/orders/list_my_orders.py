"""GET /v1/me/orders"""

from boxoffice import db
from boxoffice.api import Cursor, Limit, caller, handler, route
from boxoffice.auth import Who
from boxoffice.orders import service
from boxoffice.orders.models import OrderPage

__all__ = ["handler"]


@route("GET", "/v1/me/orders", who=Who.ACCOUNT)
def list_my_orders(limit: Limit = 20, cursor: Cursor = None) -> OrderPage:
    """List the orders of the caller's account, newest first."""
    with db.autocommit() as conn:
        return service.list_my_orders(conn, caller(), limit, cursor)
