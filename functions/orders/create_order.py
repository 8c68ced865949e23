"""POST /v1/orders"""

from boxoffice import db
from boxoffice.api import IdempotencyKey, caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.orders import service
from boxoffice.orders.errors import CANNOT_BE_BOUGHT, TicketTypeNotFound
from boxoffice.orders.models import OrderRequest, PlacedOrder
from boxoffice.rate_limit import limit_guesses
from boxoffice.seats.errors import CANNOT_BE_SEATED
from boxoffice.vouchers.errors import NOT_REDEEMABLE, VoucherNotFound
from boxoffice.waitlist.errors import NOT_OFFERED

__all__ = ["handler"]


@route(
    "POST",
    "/v1/orders",
    who=Who.PUBLIC,
    status=201,
    raises=(*CANNOT_BE_BOUGHT, *CANNOT_BE_SEATED, *NOT_REDEEMABLE, *NOT_OFFERED, TooManyRequests),
)
def create_order(order: OrderRequest, key: IdempotencyKey) -> PlacedOrder:
    """Hold stock and open an order.

    The stock is held until `expires_at`. A free order is paid at once. As a guest, keep the `access_token`: it reads
    the order, pays it and shows its tickets. A voucher takes its discount off the ticket types it is for, and unlocks
    hidden ones if it does that; after ten wrong codes in a quarter of an hour, an address has to wait. What one
    buyer may have is counted over the live orders of the account and of the email address.

    Of a seated ticket type an order takes the seats it names, all or none, or else the best: together in one row,
    unless `together` is false. With a `waitlist_token` it takes what the waitlist holds for the buyer's email address.
    """
    with limit_guesses(order.voucher, VoucherNotFound, TicketTypeNotFound), db.autocommit() as conn:
        return service.place_order(conn, caller(), order, key)
