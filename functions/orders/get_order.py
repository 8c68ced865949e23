"""GET /v1/orders/{order_id}"""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path

from boxoffice import db
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who
from boxoffice.orders import service
from boxoffice.orders.models import OrderView
from boxoffice.scopes import Scope

__all__ = ["handler"]

OrderReference = Annotated[str, Path(max_length=40, description="The order's id or its number")]


@route("GET", "/v1/orders/{order_id}", who=Who.GUEST, scope=Scope.ORDERS_READ)
def get_order(order_id: OrderReference) -> OrderView:
    """Read an order with its items, tickets and payments."""
    with db.autocommit() as conn:
        return service.get_order(conn, caller(), order_id)
