"""POST /v1/orders/{order_id}/mark-paid"""

from boxoffice import db
from boxoffice.api import IdempotencyKey, PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.orders.models import OrderView
from boxoffice.payments import service
from boxoffice.payments.errors import NOT_PAYABLE
from boxoffice.payments.models import PaymentByHandRequest
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route("POST", "/v1/orders/{order_id}/mark-paid", who=Who.MANAGER, scope=Scope.MONEY_WRITE, raises=NOT_PAYABLE)
def mark_order_paid(order_id: PathId, payment: PaymentByHandRequest, key: IdempotencyKey) -> OrderView:
    """Mark an order as paid in full, by cash or bank transfer.

    Boxoffice issues the tickets and emails them. An order whose hold has lapsed takes its stock again if it is still
    available. If the buyer also pays at a provider, that money goes back.
    """
    with db.autocommit() as conn:
        return service.mark_order_paid(conn, caller(), order_id, payment, key)
