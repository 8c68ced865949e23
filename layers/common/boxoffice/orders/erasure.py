"""Erase who placed orders: the law keeps the books, not the names in them.

An order that is pending, or whose payment is open, is left until it has ended. Its buyer still waits for the tickets.
"""

from collections.abc import Collection, Sequence
from uuid import UUID

from boxoffice import db, erased, sql

SQL = sql.queries("orders")

_BATCH = 1000


def erase_buyers(conn: db.Connection, order_ids: Sequence[UUID], also_known_as: Sequence[str] = ()) -> list[UUID]:
    """Erase the name and contact of those who placed some orders, where nothing is under way for these.

    A limit per buyer goes on counting the orders of future events, if the address comes again (`erased.mac_of`).

    Args:
        also_known_as: addresses of the person beside those in the orders.

    Returns:
        The orders whose buyers were erased. The transaction has them locked.
    """
    orders = db.many(conn, dict, SQL.take_ended_orders, ids=list(order_ids))
    buyers = [(address, order["id"]) for order in orders for address in {order["buyer_email"], *also_known_as}]
    known = [(erased.mac_of(address), order_id) for address, order_id in buyers if not erased.is_erased(address)]
    ids = [order["id"] for order in orders]
    if known:
        macs, order_ids = zip(*known, strict=True)
        db.run(conn, SQL.insert_erased_buyers, address_macs=list(macs), order_ids=list(order_ids))
    if ids:
        db.run(conn, SQL.erase_buyers, ids=ids, **erased.PARAMS)
    return ids


def list_forgotten(conn: db.Connection, leave_out: Collection[UUID] = ()) -> list[UUID]:
    """Return a batch of orders whose erased buyers no limit needs any more, since their events are over."""
    rows = db.many(conn, dict, SQL.list_forgotten_buyers, leave_out=list(leave_out), batch=_BATCH)
    return list(dict.fromkeys(row["id"] for row in rows))


def forget(conn: db.Connection, order_ids: Sequence[UUID]) -> int:
    """Delete what limits knew of the erased buyers of some orders. Return the number of orders."""
    db.run(conn, SQL.delete_forgotten_buyers, ids=list(order_ids))
    return len(order_ids)
