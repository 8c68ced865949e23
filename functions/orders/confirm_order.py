"""POST /v1/order-confirmations"""

from boxoffice import db
from boxoffice.accounts.errors import LinkOver
from boxoffice.api import handler, route
from boxoffice.auth import Who
from boxoffice.orders import confirmation
from boxoffice.orders.errors import BuyerLimitReached, OrderNotPending
from boxoffice.orders.models import OrderConfirmation, PlacedOrder

__all__ = ["handler"]


@route("POST", "/v1/order-confirmations", who=Who.PUBLIC, raises=(LinkOver, OrderNotPending, BuyerLimitReached))
def confirm_order(request: OrderConfirmation) -> PlacedOrder:
    """Confirm a guest's free order, with the token of an emailed link. The order is paid, and its tickets are issued.

    Some events ask for it. Until then the order holds its stock, as long as its `expires_at` says. The link works once.
    """
    with db.transaction() as conn:
        return confirmation.confirm_order(conn, request.token)
