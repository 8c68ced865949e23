"""POST /v1/orders"""

from boxoffice import db
from boxoffice.api import IdempotencyKey, caller, handler, route
from boxoffice.auth import Who
from boxoffice.orders import service
from boxoffice.orders.errors import (
    BuyerLimitReached,
    IssueNotOffered,
    MixedOrder,
    NotOnSale,
    QuantityNotAllowed,
    TicketTypeNotFound,
)
from boxoffice.orders.models import OrderRequest, PlacedOrder
from boxoffice.stock.errors import SoldOut
from boxoffice.vouchers.errors import VoucherExpired, VoucherNotApplicable, VoucherNotFound, VoucherUsedUp

__all__ = ["handler"]


@route(
    "POST",
    "/v1/orders",
    who=Who.PUBLIC,
    status=201,
    raises=(
        SoldOut,
        NotOnSale,
        TicketTypeNotFound,
        QuantityNotAllowed,
        IssueNotOffered,
        MixedOrder,
        BuyerLimitReached,
        VoucherNotFound,
        VoucherExpired,
        VoucherNotApplicable,
        VoucherUsedUp,
    ),
)
def create_order(order: OrderRequest, key: IdempotencyKey) -> PlacedOrder:
    """Hold stock and open an order.

    The stock is held until `expires_at`. A free order is paid at once. As a guest, keep the `access_token`: it reads
    the order, pays it and shows its tickets. A voucher takes its discount off the ticket types it is for, and unlocks
    hidden ones if it does that. What one buyer may have is counted over the live orders of the account and of the
    email address.
    """
    with db.autocommit() as conn:
        return service.place_order(conn, caller(), order, key)
