"""POST /v1/orders/{order_id}/refunds"""

from aws_lambda_powertools.event_handler import Response

from boxoffice import db
from boxoffice.api import IdempotencyKey, PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.refunds import service
from boxoffice.refunds.errors import NOT_REFUNDABLE
from boxoffice.refunds.models import RefundPreview, RefundRequest, RefundView
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route(
    "POST",
    "/v1/orders/{order_id}/refunds",
    who=Who.MANAGER,
    scope=Scope.MONEY_WRITE,
    status=201,
    raises=NOT_REFUNDABLE,
    bodies={200: RefundPreview, 201: RefundView},
)
def refund_order(order_id: PathId, refund: RefundRequest, key: IdempotencyKey) -> Response[RefundPreview | RefundView]:
    """Refund an order: all valid tickets (`whole`), some tickets (`ticket_ids`), or an `amount` alone.

    Refunded tickets are no longer valid, and their stock is on sale again. The refund of a ticket is what was paid for
    it: its share of the charge that the order stored for its item. The seller may keep a `fee`, or send back another
    `amount` for the tickets, which may be 0. What was kept can go back later, as an amount alone.

    The money goes back the way it came. If the order was paid by hand, you send the money back by hand. A `preview`
    says what would happen, and does nothing.
    """
    with db.autocommit() as conn:
        if refund.preview:
            return Response(200, "application/json", service.preview_refund(conn, caller(), order_id, refund))
        return Response(201, "application/json", service.refund_order(conn, caller(), order_id, refund, key))
