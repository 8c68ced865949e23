"""POST /v1/orders/{order_id}/cancel"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.orders import service
from boxoffice.orders.errors import OrderNotPending, PaymentProcessing
from boxoffice.orders.models import OrderView
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route(
    "POST",
    "/v1/orders/{order_id}/cancel",
    who=Who.GUEST,
    scope=Scope.ORDERS_WRITE,
    raises=(OrderNotPending, PaymentProcessing),
)
def cancel_order(order_id: PathId) -> OrderView:
    """Cancel a pending order.

    Its stock is on sale again at once, and money that still comes for it goes back. To cancel a cancelled order changes
    nothing. While money is under way that takes days, only a manager can cancel an order.
    """
    with db.transaction() as conn:
        return service.cancel_order(conn, caller(), order_id)
