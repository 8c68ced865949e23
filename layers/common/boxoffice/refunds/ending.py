"""End the orders whose money went back without us: a refund of all that was left, or a dispute that was lost.

`payments` marks such an order. A webhook ends it right after, and the job `reconcile_payments` ends what is left.
"""

from collections.abc import Collection
from uuid import UUID

from boxoffice import db, outbox, sql
from boxoffice.ids import new_id
from boxoffice.observability import count, logger
from boxoffice.orders import service as orders
from boxoffice.payments import sending
from boxoffice.refunds import rules, service

SQL = sql.queries("refunds")


def list_marked_orders(conn: db.Connection, leave_out: Collection[UUID] = ()) -> list[UUID]:
    """Return a batch of the orders that are to be ended.

    Args:
        leave_out: the ids of orders to leave out.
    """
    return sending.list_orders_to_end(conn, leave_out)


def end_marked_orders(conn: db.Connection) -> None:
    """End the orders that are marked now, in autocommit. If that fails, the job does it."""
    for order_id in list_marked_orders(conn):
        try:
            with conn.transaction():
                end_order(conn, order_id)
        except Exception:
            if conn.closed:
                raise
            logger.exception("order not ended; the job will do it", extra={"order": str(order_id)})


def end_order(conn: db.Connection, order_id: UUID) -> int:
    """End the tickets of an order, used or not, and give back their stock. Tell the buyer and the holders.

    What went back without us counts as the refund. Nothing more is sent: after a dispute, the seller keeps the rest.
    An order that somebody else has locked has to wait for the next run.

    Returns:
        1 if the order is not marked any more, else 0.
    """
    order = orders.take_order(conn, order_id)
    if order is None:
        return 0
    gone = sending.clear_end_of_order(conn, order_id)
    bought, refunded = service.read_bought(conn, order)
    valid = [ticket for ticket in bought if ticket.status == "valid"]
    if gone is None or not valid:
        return 1
    plan = rules.plan_end(valid, order, refunded, gone.elsewhere)
    order_refund_id = new_id()
    ended, _ = service.carry_out(conn, order, plan, order_refund_id, gone.reason, None, force=True)
    outbox.owe_email(conn, "order_refunded", order.buyer_email, {"order_refund_id": str(order_refund_id)})
    service.owe_withdrawals(conn, ended)
    count("OrdersEndedElsewhere")
    return 1
