"""Makes what the benchmarks sell, a hot ticket type with plenty of stock, and counts its orders."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from boxoffice import sql
from boxoffice.stock import service as stock
from tests.helpers import factories, forms

PLENTY = 100_000_000
_SOLD = (Path(__file__).parent / "sold.sql").read_text()


@dataclass(frozen=True)
class HotTicketType:
    """A ticket type, with the values that every order of it repeats."""

    ticket_type_id: UUID
    event_id: UUID
    organisation_id: UUID
    pool_id: UUID
    currency: str
    unit_price: int


def hot_ticket_type(conn: psycopg.Connection[Any]) -> HotTicketType:
    """Make a ticket type on sale, whose stock lies in as many rows as there can be."""
    ticket_type_id = factories.ticket_type(conn, quantity=PLENTY, max_per_order=1000)
    terms = sql.queries("orders").list_sale_terms
    columns = "ticket_type_id, event_id, organisation_id, pool_id, currency, unit_price"
    rows = conn.cursor(row_factory=class_row(HotTicketType)).execute(
        f"SELECT {columns} FROM ({terms}) AS terms", {"ticket_type_ids": [ticket_type_id]}
    )
    (hot,) = rows
    return hot


def asking_ticket_type(conn: psycopg.Connection[Any]) -> UUID:
    """Make a ticket type like the hot one, of an event that asks for holders and has three questions of each ticket."""
    kinds = {"diet": "one_of", "size": "text", "terms": "box"}
    asked = [forms.question(name, kind, required=True) for name, kind in kinds.items()]
    event_id = factories.event(conn, form=forms.form(*asked, name="required", email="required"))
    return factories.ticket_type(conn, event_id=event_id, quantity=PLENTY, max_per_order=1000)


def sell(conn: psycopg.Connection[Any], hot: HotTicketType, orders: int) -> None:
    """Insert the rows that so many paid orders of two tickets each leave behind."""
    psycopg.ClientCursor(conn).execute(_SOLD, {**asdict(hot), "orders": orders})


def vacuum(conn: psycopg.Connection[Any]) -> None:
    """Do what autovacuum and the checkpointer would do overnight."""
    conn.execute("VACUUM ANALYZE")
    conn.execute("CHECKPOINT")


def single_row_pool(conn: psycopg.Connection[Any]) -> UUID:
    """Make a pool whose stock lies in a single row, as the plain design has it. Return its id."""
    pool_id = stock.create_pool(conn, 1)
    conn.execute("UPDATE stock_pools SET quantity = %s WHERE id = %s", [PLENTY, pool_id])
    conn.execute("UPDATE stock SET available = %s WHERE pool_id = %s", [PLENTY, pool_id])
    return pool_id


def analyse(conn: psycopg.Connection[Any]) -> None:
    """Let the planner know what is for sale.

    Autovacuum leaves empty tables alone, and so does this. After ANALYZE the planner would take them for tiny.
    Connections would keep the plans that they then made to check foreign keys.
    """
    conn.execute("VACUUM ANALYZE events, ticket_types, stock_pools, stock")


def count_orders(conn: psycopg.Connection[Any], *, with_stock: bool = True) -> int:
    """Return the number of orders. With ``with_stock``, first check that stock and order items agree.

    Raises:
        AssertionError: stock was lost, made or oversold.
    """
    row = conn.execute(
        """SELECT
            (SELECT count(*) FROM stock_pools WHERE quantity <>
                (SELECT sum(available + held + sold) FROM stock WHERE pool_id = stock_pools.id)),
            (SELECT coalesce(sum(quantity), 0) FROM order_items),
            (SELECT sum(held + sold) FROM stock),
            (SELECT count(*) FROM orders)"""
    ).fetchone()
    assert row is not None
    wrong_pools, ordered, held, orders = (int(figure) for figure in row)
    assert wrong_pools == 0, f"{wrong_pools} pools do not add up"
    assert not with_stock or ordered == held, f"{ordered} tickets are ordered, but {held} are held or sold"
    return orders


def orders_per_second(conn: psycopg.Connection[Any]) -> float:
    """Return how many orders a second were placed, without those of the first second."""
    row = conn.execute(
        """SELECT (count(*) / extract(epoch FROM max(created_at) - min(created_at)))::float8 FROM orders
        WHERE created_at >= (SELECT min(created_at) + interval '1 second' FROM orders)"""
    ).fetchone()
    assert row is not None
    return float(row[0])
