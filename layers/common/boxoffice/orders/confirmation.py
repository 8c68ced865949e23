"""Free orders of guests that wait for their buyer to confirm them, by the link of an email."""

from boxoffice import db
from boxoffice.one_time import Purpose
from boxoffice.orders import guests, links, rules, service
from boxoffice.orders.errors import OrderNotPending
from boxoffice.orders.models import PlacedOrder


def confirm_order(conn: db.Connection, token: str) -> PlacedOrder:
    """Give a guest the tickets of a free order, since the link proves that they read the mailbox.

    The limits per buyer count what is proven alone, as of now. A job that expires the order meanwhile waits for this,
    or this finds the order expired.

    Raises:
        LinkOver: the link was used, or is over. Or the order has another address now.
        OrderNotPending: the order was cancelled or has expired.
        BuyerLimitReached: the buyer has got others in the meantime.
    """
    order, _ = links.redeem(conn, Purpose.CONFIRM_ORDER, token)
    if order.status != "pending":
        raise OrderNotPending(order_status=order.status)
    service.check_limits(conn, order, is_proven=True)
    guests.keep_for_a_day(conn, order.id)
    service.pay(conn, order, reason=rules.CONFIRMED)
    return service.read_confirmed_order(conn, order)
