"""POST /v1/order-emails/confirm"""

from boxoffice import db, rate_limit
from boxoffice.accounts.errors import LinkOver
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.orders import changes
from boxoffice.orders.errors import BuyerLimitReached, OrderEnded
from boxoffice.orders.models import ConfirmedOrderEmail, OrderEmailConfirmation

__all__ = ["handler"]


@route(
    "POST",
    "/v1/order-emails/confirm",
    who=Who.PUBLIC,
    raises=(LinkOver, OrderEnded, BuyerLimitReached, TooManyRequests),
)
def confirm_order_email(request: OrderEmailConfirmation) -> ConfirmedOrderEmail:
    """Give an order to the address that `update_order` has asked, with the token in the email's link.

    The links and QRs of earlier emails end. The tickets come by email again, and the `access_token` shows them. The
    address before is told.
    """
    with rate_limit.limit_wrong_tokens(caller(), "order email", LinkOver), db.transaction() as conn:
        return changes.confirm_email(conn, caller(), request)
