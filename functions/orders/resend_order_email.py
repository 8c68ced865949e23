"""POST /v1/orders/{order_id}/resend-email"""

from boxoffice import db, rate_limit
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.orders import service
from boxoffice.orders.errors import AddressSuppressed
from boxoffice.scopes import Scope
from boxoffice.tickets.errors import OrderNotPaid

__all__ = ["handler"]


@route(
    "POST",
    "/v1/orders/{order_id}/resend-email",
    who=Who.GUEST,
    scope=Scope.ORDERS_WRITE,
    status=202,
    raises=(OrderNotPaid, AddressSuppressed, TooManyRequests),
)
def resend_order_email(order_id: PathId) -> None:
    """Send the confirmation of a paid order again, with its tickets, to the buyer's email address."""
    with db.transaction() as conn:
        email = service.resend_order_email(conn, caller(), order_id)
        # Count only callers who may send it, so that nobody else can use up the order's limit.
        rate_limit.limit_resends(caller(), order_id, email)
