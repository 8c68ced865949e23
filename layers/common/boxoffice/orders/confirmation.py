"""Free orders of guests that wait for their buyer to confirm them, by the link of an email."""

from uuid import UUID

from boxoffice import db, one_time
from boxoffice.accounts.errors import LinkOver
from boxoffice.one_time import Purpose
from boxoffice.orders import guests, rules, service
from boxoffice.orders.errors import OrderNotPending
from boxoffice.orders.models import PlacedOrder


def confirm_order(conn: db.Connection, token: str) -> PlacedOrder:
    """Give a guest the tickets of a free order, since the link proves that they read the mailbox.

    The limits per buyer count what is proven alone, as of now. A job that expires the order meanwhile waits for this,
    or this finds the order expired.

    Raises:
        LinkOver: the link was used, or is over.
        OrderNotPending: the order was cancelled or has expired.
        BuyerLimitReached: the buyer has got others in the meantime.
    """
    payload = one_time.redeem(conn, Purpose.CONFIRM_ORDER, token)
    if payload is None:
        raise LinkOver
    order = service.lock_order(conn, UUID(payload["order_id"]))
    if order.status != "pending":
        raise OrderNotPending(order_status=order.status)
    service.check_buyer_limits(conn, order)
    guests.keep_for_a_day(conn, order.id)
    service.pay(conn, order, reason=rules.CONFIRMED)
    return service.read_confirmed_order(conn, order.id)
