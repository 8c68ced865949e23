"""POST /v1/orders/{order_id}/mark-paid"""

from boxoffice import db
from boxoffice.api import IdempotencyKey, PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.orders.models import OrderView
from boxoffice.payments import service
from boxoffice.payments.errors import NOT_PAYABLE
from boxoffice.payments.models import PaymentByHandRequest

__all__ = ["handler"]


@route("POST", "/v1/orders/{order_id}/mark-paid", who=Who.MANAGER, raises=NOT_PAYABLE)
def mark_order_paid(order_id: PathId, payment: PaymentByHandRequest, key: IdempotencyKey) -> OrderView:
    """Take an order for paid, by cash or bank transfer, in full.

    Its tickets are issued and sent. An order whose hold has lapsed takes its stock again, if there is any. Should the
    buyer pay at a provider as well, that money goes back.
    """
    with db.autocommit() as conn:
        return service.mark_order_paid(conn, caller(), order_id, payment, key)
