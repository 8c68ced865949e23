"""POST /v1/orders/{order_id}/cancel"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.orders import service
from boxoffice.orders.errors import OrderNotPending
from boxoffice.orders.models import OrderView

__all__ = ["handler"]


@route("POST", "/v1/orders/{order_id}/cancel", who=Who.GUEST, raises=(OrderNotPending,))
def cancel_order(order_id: PathId) -> OrderView:
    """Cancel a pending order.

    Its stock is on sale again at once. To cancel a cancelled order changes nothing.
    """
    with db.transaction() as conn:
        return service.cancel_order(conn, caller(), order_id)
