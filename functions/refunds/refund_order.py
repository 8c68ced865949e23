"""POST /v1/orders/{order_id}/refunds"""

from boxoffice import db
from boxoffice.api import IdempotencyKey, PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.refunds import service
from boxoffice.refunds.errors import NOT_REFUNDABLE
from boxoffice.refunds.models import RefundRequest, RefundView
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route(
    "POST", "/v1/orders/{order_id}/refunds", who=Who.MANAGER, scope=Scope.MONEY_WRITE, status=201, raises=NOT_REFUNDABLE
)
def refund_order(order_id: PathId, refund: RefundRequest, key: IdempotencyKey) -> RefundView:
    """Refund an order: all that is left of it (`whole`), some tickets (`ticket_ids`), or an `amount`.

    Refunded tickets are no longer valid, and their stock is on sale again. The refund of a ticket is what was paid for
    it: its share of the charge that the order stored for its item. The money goes back the way it came. If the order
    was paid by hand, you send the money back by hand.
    """
    with db.autocommit() as conn:
        return service.refund_order(conn, caller(), order_id, refund, key)
