"""Erase who placed orders: the law keeps the books, not the names in them.

An order that is pending, or whose payment is open, is left until it has ended. Its buyer still waits for the tickets.
"""

from collections.abc import Collection, Sequence
from uuid import UUID

from boxoffice import db, erased, one_time, sql
from boxoffice.one_time import Purpose
from boxoffice.orders.models import ErasedBuyer

SQL = sql.queries("orders")

_BATCH = 1000


def erase_buyers(
    conn: db.Connection, order_ids: Sequence[UUID], also_known_as: Collection[str] = ()
) -> list[ErasedBuyer]:
    """Erase the name and contact of those who placed some orders, where nothing is under way for these.

    A limit per buyer goes on counting the orders of future events, if the address comes again (`erased.mac_of`).

    Args:
        also_known_as: addresses of the person beside those in the orders.

    Returns:
        The buyers as they were. The transaction has their orders locked.
    """
    buyers = db.many(conn, ErasedBuyer, SQL.take_ended_orders, ids=list(order_ids), at_erased=erased.AT_DOMAIN)
    if buyers:
        _remember(conn, buyers, also_known_as)
        ids = [buyer.order_id for buyer in buyers]
        db.run(conn, SQL.erase_buyers, ids=ids, **erased.PARAMS)
        one_time.revoke_of_orders(conn, Purpose.CHANGE_ORDER_EMAIL, ids)
    return buyers


def _remember(conn: db.Connection, buyers: Sequence[ErasedBuyer], also_known_as: Collection[str]) -> None:
    """Let limits know the orders by their buyers' addresses, as long as that matters."""
    known = {(address, buyer.order_id) for buyer in buyers for address in (buyer.email, *also_known_as)}
    db.run(
        conn,
        SQL.insert_erased_buyers,
        address_macs=[erased.mac_of(address) for address, _ in known],
        order_ids=[order_id for _, order_id in known],
    )


def list_forgotten(conn: db.Connection, leave_out: Collection[UUID] = ()) -> list[UUID]:
    """Return a batch of orders whose erased buyers no limit needs any more, since their events are over."""
    ids = db.values(conn, SQL.list_forgotten_buyers, leave_out=list(leave_out), batch=_BATCH)
    return list(dict.fromkeys(ids))


def forget(conn: db.Connection, order_ids: Sequence[UUID]) -> int:
    """Delete what limits knew of the erased buyers of some orders. Return the number of orders."""
    db.run(conn, SQL.delete_forgotten_buyers, ids=list(order_ids))
    return len(order_ids)
