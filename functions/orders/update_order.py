"""PATCH /v1/orders/{order_id}"""

from boxoffice import db, rate_limit
from boxoffice.api import IfMatch, PathId, caller, etag, expected_version, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.orders import changes
from boxoffice.orders.errors import NOT_CHANGEABLE, OrderOfAccount
from boxoffice.orders.models import OrderPatch, OrderView
from boxoffice.scopes import Scope
from boxoffice.tickets.errors import NOT_NAMEABLE

__all__ = ["handler"]


@route(
    "PATCH",
    "/v1/orders/{order_id}",
    who=Who.GUEST,
    scope=Scope.ORDERS_WRITE,
    raises=(*NOT_CHANGEABLE, OrderOfAccount, *NOT_NAMEABLE, TooManyRequests),
)
def update_order(order_id: PathId, patch: OrderPatch, if_match: IfMatch = None) -> OrderView:
    """Change who bought an order, who its tickets are for, and what they answer. What is left out stays as it is.

    A new address holds at once if a manager sets it, or if nothing about the order was written to the address before.
    Else it gets a link, and holds when `confirm_order_email` gets the link's token within 24 hours. Then the links and
    QRs of earlier emails end, and the tickets are sent anew. The address before is told. To send it again ends a change
    that waits.

    Tickets in the buyer's name follow a new name. Holders and answers change until the doors open. All `answers` of a
    ticket, or of an order for an event, are sent together. Those to questions that are asked no longer stay.
    """
    with db.transaction() as conn:
        changed = changes.update_order(conn, caller(), order_id, patch, expected_version(if_match))
        emails = (patch.buyer.email, changed.view.buyer.email) if changed.asked else ()  # the second one is told
        # Count only callers who may change it, so that nobody else can use up the order's limits.
        rate_limit.limit_order_changes(caller(), order_id, changed.acts_as, *emails)
    etag(changed.view.version)
    return changed.view
