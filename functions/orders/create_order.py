"""POST /v1/orders"""

from boxoffice import db
from boxoffice.api import IdempotencyKey, caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import KeyReused, TooManyRequests
from boxoffice.orders import service
from boxoffice.orders.errors import CANNOT_BE_BOUGHT, TicketTypeNotFound
from boxoffice.orders.models import OrderRequest, PlacedOrder
from boxoffice.rate_limit import limit_vouchers
from boxoffice.scopes import Scope
from boxoffice.seats.errors import CANNOT_BE_SEATED
from boxoffice.vouchers.errors import NOT_REDEEMABLE, VoucherNotFound
from boxoffice.waitlist.errors import NOT_OFFERED

__all__ = ["handler"]


@route(
    "POST",
    "/v1/orders",
    who=Who.PUBLIC,
    scope=Scope.ORDERS_WRITE,
    status=201,
    raises=(*CANNOT_BE_BOUGHT, *CANNOT_BE_SEATED, *NOT_REDEEMABLE, *NOT_OFFERED, TooManyRequests),
)
def create_order(order: OrderRequest, key: IdempotencyKey) -> PlacedOrder:
    """Hold stock and place an order.

    The order holds its stock until `expires_at`. A free order is paid at once. As a guest, keep the `access_token`: it
    lets you read the order, pay it and show its tickets. Limits per buyer count all live orders of the account and of
    the email address.

    A voucher gives a discount on the ticket types that it covers. It can also unlock hidden ones. It may be for some
    tickets of an order only: then it discounts the dearest, and unlocks so many. After ten wrong codes within 15
    minutes, a buyer has to wait.

    For a seated ticket type, name all seats, or none to get the best. The best seats are next to each other in one row,
    unless `together` is false. With a `waitlist_token`, the order takes what the waitlist offers to the buyer's email
    address.
    """
    with db.autocommit() as conn:
        if order.voucher is None:
            return service.place_order(conn, caller(), order, key)
        seller, email = service.find_seller(conn, order), order.buyer.email
        with limit_vouchers(caller(), seller, email, VoucherNotFound, TicketTypeNotFound, KeyReused):
            return service.place_order(conn, caller(), order, key)
