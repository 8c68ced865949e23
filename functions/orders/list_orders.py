"""GET /v1/organisations/{organisation_id}/orders"""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from boxoffice import db
from boxoffice.api import Cursor, Limit, PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.models import Email, Id, Moment
from boxoffice.orders import service
from boxoffice.orders.models import OrderFilters, OrderPage, OrderStatus
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route("GET", "/v1/organisations/{organisation_id}/orders", who=Who.MANAGER, scope=Scope.ORDERS_READ)
def list_orders(
    organisation_id: PathId,
    event_id: Annotated[Id | None, Query()] = None,
    status: Annotated[OrderStatus | None, Query()] = None,
    email: Annotated[Email | None, Query(description="The buyer's email address")] = None,
    placed_from: Annotated[Moment | None, Query(alias="from", description="Placed at or after")] = None,
    placed_before: Annotated[Moment | None, Query(alias="to", description="Placed before")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> OrderPage:
    """List the orders of an organisation, newest first."""
    filters = OrderFilters(event_id, status, email, placed_from, placed_before)
    with db.autocommit() as conn:
        return service.list_orders(conn, caller(), organisation_id, filters, limit, cursor)
