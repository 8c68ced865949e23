"""A page of orders costs the same, however many orders an organisation has."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection

from boxoffice.auth import Caller, Who
from boxoffice.orders import service
from boxoffice.orders.models import OrderFilters
from tests.helpers import factories
from tests.helpers.support import Database

ORDERS = 30_000
TWO_EVERY_BUYER = """
    INSERT INTO orders (id, number, organisation_id, status, buyer_name, buyer_email, currency, total, draws,
        request_id, fingerprint, expires_at, created_at)
    SELECT uuidv7(), 'NUMBER' || n, %(organisation)s, CASE WHEN n %% 10000 = 0 THEN 'refunded' ELSE 'paid' END, 'Ada',
        'buyer' || n / 2 || '@example.com', 'NGN', 100, '{}', gen_random_uuid(), '', now(), now()
    FROM generate_series(1, %(orders)s) AS n"""
ONE_ITEM_EACH = """
    INSERT INTO order_items (order_id, item_no, event_id, ticket_type_id, quantity, unit_price, discount, total)
    SELECT id, 1, %(event)s, %(ticket_type)s, 1, 100, 0, 100 FROM orders"""


@pytest.fixture
def event(conn: Connection, database: Database) -> UUID:
    """Return an event with many orders."""
    organisation = factories.organisation(conn)
    event = factories.event(conn, organisation_id=organisation)
    conn.execute(TWO_EVERY_BUYER, {"organisation": organisation, "orders": ORDERS})
    conn.execute(ONE_ITEM_EACH, {"event": event, "ticket_type": factories.ticket_type(conn, event_id=event)})
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute("VACUUM ANALYZE orders, order_items")
    return event


def rows_read(conn: Connection) -> tuple[int, int]:
    """Return how many sequential scans of orders and items there were, and how many rows indexes have read."""
    conn.execute("SELECT pg_stat_force_next_flush()")
    row = conn.execute(
        """SELECT sum(seq_scan)::int, sum(idx_tup_fetch)::int FROM pg_stat_user_tables
        WHERE relname IN ('orders', 'order_items')"""
    ).fetchone()
    assert row is not None
    return row


def test_a_page_reads_little_more_than_it_shows(conn: Connection, event: UUID, subtests: pytest.Subtests) -> None:
    (organisation,) = conn.execute("SELECT organisation_id FROM events").fetchone() or (None,)
    manager = Caller(Who.MANAGER, factories.member(conn, organisation, "manager"))
    unfiltered: dict[str, Any] = dict.fromkeys(("event_id", "status", "email", "placed_from", "placed_before"))
    searches: list[tuple[dict[str, Any], int]] = [
        ({}, 20),
        ({"status": "paid"}, 20),
        ({"status": "refunded"}, 3),
        ({"status": "pending"}, 0),
        ({"placed_from": datetime.now(UTC) + timedelta(minutes=1)}, 0),
        ({"placed_before": datetime.now(UTC) - timedelta(days=1)}, 0),
        ({"email": "buyer5@example.com"}, 2),
        ({"event_id": event}, 20),
        ({"event_id": event, "email": "buyer5@example.com"}, 2),
    ]
    for search, found in searches:
        with subtests.test(search=search):
            filters = OrderFilters(**unfiltered | search)
            scans, rows = rows_read(conn)

            page = service.list_orders(conn, manager, organisation, filters, limit=20, cursor=None)

            assert len(page.items) == found
            scans_after, rows_after = rows_read(conn)
            assert scans_after == scans
            assert rows_after - rows <= 200
