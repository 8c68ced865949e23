"""POST /v1/order-links"""

from boxoffice import db
from boxoffice.accounts.models import EmailSentView
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.orders import service
from boxoffice.orders.models import OrderLinksRequest
from boxoffice.rate_limit import limit_links_to

__all__ = ["handler"]


@route("POST", "/v1/order-links", who=Who.PUBLIC, status=202, raises=(TooManyRequests,))
def send_order_links(request: OrderLinksRequest) -> EmailSentView:
    """Send the links to the orders and tickets of an address to that address.

    The answer is the same if it has none. Then no email is sent.
    """
    limit_links_to(caller(), request.email, "orders")
    with db.transaction() as conn:
        service.send_order_links(conn, request.email)
    return EmailSentView(detail="If the address has orders or tickets, we have sent their links to it.")
