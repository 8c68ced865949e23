"""Events of tomorrow at a place where it is noon, and the job that reminds holders."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from boxoffice import db
from boxoffice.orders import reminders
from tests.helpers.clocks import noon
from tests.helpers.sellers import Shop, outbox_of
from tests.helpers.support import context, function

BOUGHT = datetime.now(UTC) - timedelta(days=7)


def set_for_tomorrow(conn: psycopg.Connection, shop: Shop, *, hour: float = 19.5, days: int = 1) -> None:
    """Let the shop's event begin at an hour of tomorrow, or another day, where it is noon now."""
    time_zone, midnight = noon()
    starts = midnight + timedelta(days=days, hours=hour)
    conn.execute(
        "UPDATE events SET time_zone = %s, starts_at = %s, ends_at = %s, doors_open_at = NULL WHERE id = %s",
        [time_zone, starts, starts + timedelta(hours=3), shop.event],
    )


def sold(conn: psycopg.Connection, shop: Shop, ticket_type: UUID, **overrides: Any) -> UUID:
    """Make an order that was paid a week ago."""
    order = shop.sold(ticket_type, **overrides)
    conn.execute("UPDATE tickets SET created_at = %s WHERE order_id = %s", [BOUGHT, order])
    return order


def send_reminders() -> dict[str, int]:
    """Run the job once. Return its counts."""
    return dict(function("send_reminders").handler({}, context()))


def remind(conn: db.Connection) -> None:
    """Do what the job does, until nothing is left to do. It leaves out an event that another run has."""
    taken: set[UUID] = set()
    while found := reminders.list_due(conn, taken):
        for event in found:
            with conn.transaction():
                if not reminders.remind(conn, event):
                    taken.add(event.id)


def reminded(conn: psycopg.Connection) -> list[str]:
    """Return the addresses that a reminder is owed to."""
    return [recipient for recipient, _ in outbox_of(conn, "reminder")]
