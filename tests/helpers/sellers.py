"""Managers who refund and cancel, and the paid orders of their organisation."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg

from boxoffice import db
from boxoffice.orders import service as orders
from tests.helpers import factories
from tests.helpers.support import Answer, Client, context, function


@dataclass
class Shop:
    """An organisation that sells one event, and its manager."""

    conn: psycopg.Connection
    organisation: UUID = field(init=False)
    manager: UUID = field(init=False)
    event: UUID = field(init=False)

    def __post_init__(self) -> None:
        self.organisation = factories.organisation(self.conn)
        self.manager = factories.member(self.conn, self.organisation, "manager")
        self.event = factories.event(self.conn, organisation_id=self.organisation)

    def ticket_type(self, **overrides: Any) -> UUID:
        """Make a ticket type of the event."""
        return factories.ticket_type(self.conn, **{"event_id": self.event, **overrides})

    def sold(self, ticket_type: UUID, quantity: int = 2, **overrides: Any) -> UUID:
        """Make an order that is free or was paid at the sandbox."""
        order = factories.paid_order(self.conn, ticket_type, quantity=quantity, **overrides)
        if total(self.conn, order):
            factories.payment(self.conn, order, status="succeeded")
        return order


def total(conn: psycopg.Connection, order: UUID) -> int:
    """Return an order's total in minor units."""
    row = conn.execute("SELECT total FROM orders WHERE id = %s", [order]).fetchone()
    assert row is not None
    return int(row[0])


def refund(api: Client, shop: Shop, order: UUID, key: str = "new", **body: Any) -> Answer:
    """Refund an order, as the manager."""
    return api.post(f"/v1/orders/{order}/refunds", body, account=shop.manager, key=key)


def mark_paid(api: Client, shop: Shop, order: UUID, key: str = "new", **body: Any) -> Answer:
    """Mark an order as paid, as the manager."""
    return api.post(f"/v1/orders/{order}/mark-paid", {"method": "cash", **body}, account=shop.manager, key=key)


def cancel_event(api: Client, shop: Shop) -> Answer:
    """Cancel the event, as the manager."""
    return api.post(f"/v1/events/{shop.event}/cancel", {"reason": "The singer is ill."}, account=shop.manager)


def finish_cancellations() -> dict[str, int]:
    """Run the job once. Return its counts."""
    return dict(function("finish_cancellations").handler({}, context()))


def count_sales(conn: psycopg.Connection) -> dict[str, int]:
    """Run the job that counts the daily sales, as if the last run was a minute ago. Return its report."""
    conn.execute("UPDATE daily_sales_state SET as_of = as_of - interval '1 minute'")
    return dict(function("count_sales").handler({}, context()))


def tell_moves(conn: psycopg.Connection, *, due: bool = True, rounds: int | None = None) -> dict[str, int]:
    """Run the job that tells holders of moved events, and return its report.

    Args:
        due: let the time pass that a move waits for further changes.
        rounds: how often it may look for moves. By default until there is none to tell.
    """
    from boxoffice.orders import moved_events

    if due:
        conn.execute("UPDATE event_moves SET due_at = now() WHERE outcome IS NULL")
    if rounds is None:
        return dict(function("tell_moves").handler({}, context()))
    for _ in range(rounds):
        for move in moved_events.list_to_tell(db.connect()):
            with db.transaction() as own:
                moved_events.tell(own, move)
    return {}


def tickets_of(conn: psycopg.Connection, order: UUID, status: str = "valid") -> list[UUID]:
    """Return the tickets of an order that have a status."""
    rows = conn.execute(
        "SELECT id FROM tickets WHERE order_id = %s AND status = %s ORDER BY item_no, position", [order, status]
    ).fetchall()
    return [ticket for (ticket,) in rows]


def status_of(conn: psycopg.Connection, order: UUID) -> str:
    """Return an order's status."""
    row = conn.execute("SELECT status FROM orders WHERE id = %s", [order]).fetchone()
    assert row is not None
    return str(row[0])


def given_back(conn: psycopg.Connection) -> list[int]:
    """Return the amounts of all refunds, in the order in which they were owed."""
    return [amount for (amount,) in conn.execute("SELECT amount FROM refunds ORDER BY id").fetchall()]


def history(conn: psycopg.Connection, order: UUID) -> list[tuple[str, str]]:
    """Return the states that an order went through, with the reasons."""
    return conn.execute(
        "SELECT to_status, reason FROM order_history WHERE order_id = %s ORDER BY id", [order]
    ).fetchall()


def enable_webhooks(conn: psycopg.Connection) -> None:
    """Let every organisation listen to all webhooks from now on."""
    for (organisation,) in conn.execute("SELECT id FROM organisations").fetchall():
        factories.webhook_endpoint(conn, organisation)


def webhooks(conn: psycopg.Connection) -> list[dict[str, Any]]:
    """Return the bodies of the webhooks that are owed."""
    return [body for (body,) in conn.execute("SELECT body FROM webhook_deliveries ORDER BY created_at, id")]


def outbox_of(conn: psycopg.Connection, template: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the recipients and payloads of the emails in the outbox that have a template."""
    return conn.execute(
        "SELECT recipient, payload FROM outbox WHERE template = %s ORDER BY recipient", [template]
    ).fetchall()


def add_item(conn: psycopg.Connection, order: UUID, ticket_type: UUID, quantity: int) -> None:
    """Add tickets of another type to a pending order."""
    pool, event, price = (
        conn.execute("SELECT pool_id, event_id, price FROM ticket_types WHERE id = %s", [ticket_type]).fetchone() or ()
    )
    conn.execute(
        "UPDATE stock SET available = available - %s, held = held + %s WHERE pool_id = %s AND row_no = 0",
        [quantity, quantity, pool],
    )
    conn.execute(
        """INSERT INTO order_items (order_id, item_no, event_id, ticket_type_id, quantity, unit_price, discount, total)
        VALUES (%s, 2, %s, %s, %s, %s, 0, %s)""",
        [order, event, ticket_type, quantity, price, price * quantity],
    )
    conn.execute(
        "UPDATE orders SET total = total + %s, draws = draws || (%s, 0, %s)::draw WHERE id = %s",
        [price * quantity, pool, quantity, order],
    )


def accept(api: Client, transfer: UUID) -> None:
    """Accept a transfer."""
    from boxoffice.tickets import transfers

    answer = api.post("/v1/transfers/accept", {"token": transfers.token_of(transfer), "name": "Bola"})
    assert answer.status == 200, answer.body


def expire_orders(conn: psycopg.Connection, batch: int = 200) -> int:
    """Expire the orders whose holds have lapsed, as the job does. Return how many."""
    with conn.transaction():
        return orders.expire_lapsed(conn, orders.list_lapsed(conn, batch=batch))
