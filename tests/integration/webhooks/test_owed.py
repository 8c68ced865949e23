"""Each change owes its webhook to the endpoints that listen, with its data."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from psycopg import Connection

from tests.helpers import factories, invariants, payers, sellers
from tests.helpers.doors import Doors, offline, open_doors
from tests.helpers.sellers import Shop
from tests.helpers.support import Client, context, function


@pytest.fixture
def shop(conn: Connection) -> Shop:
    return Shop(conn)


@pytest.fixture
def doors(api: Client, conn: Connection) -> Doors:
    return open_doors(api, conn)


def data_of(conn: Connection, kind: str) -> list[dict[str, Any]]:
    """Return the data of the webhooks of a type."""
    return [body["data"] for body in sellers.webhooks(conn) if body["type"] == kind]


def test_no_webhook_is_owed_where_nobody_listens(api: Client, conn: Connection, shop: Shop) -> None:
    order = shop.sold(shop.ticket_type())
    factories.scan(conn, sellers.tickets_of(conn, order)[0], shop.manager)
    sellers.refund(api, shop, order, amount=1)
    sellers.cancel_event(api, shop)

    assert sellers.webhooks(conn) == []


def test_a_paid_order_owes_a_webhook_with_its_facts(api: Client, conn: Connection, shop: Shop) -> None:
    sellers.enable_webhooks(conn)
    order = factories.order(conn, shop.ticket_type(), number="K7QW3MPX")

    payers.tell(api, payers.started(api, order))

    (body,) = sellers.webhooks(conn)
    assert body["type"] == "order.paid"
    assert datetime.fromisoformat(body["timestamp"]).utcoffset() == timedelta(0)
    assert body["data"] == {
        "order_id": str(order),
        "number": "K7QW3MPX",
        "status": "paid",
        "currency": "NGN",
        "currency_exponent": 2,
        "total": 10_000,
        "event_ids": [str(shop.event)],
    }
    (owed,) = conn.execute("SELECT organisation_id, type, status FROM webhook_deliveries").fetchall()
    assert owed == (shop.organisation, "order.paid", "pending")


def test_expired_orders_owe_webhooks_only_where_somebody_listens(api: Client, conn: Connection, shop: Shop) -> None:
    factories.webhook_endpoint(conn, shop.organisation)
    deaf = factories.ticket_type(conn)
    ours = shop.ticket_type()
    lapsed = [factories.order(conn, ours, expires_at=factories.a_moment_ago()) for _ in range(3)]
    factories.order(conn, deaf, expires_at=factories.a_moment_ago())

    assert function("expire_orders").handler({}, context()) == {"expired": 4, "forgotten": 0, "units_failed": 0}

    assert sorted(data["order_id"] for data in data_of(conn, "order.expired")) == sorted(map(str, lapsed))
    invariants.check(conn)


def test_only_a_scan_that_admits_owes_a_webhook(conn: Connection, doors: Doors) -> None:
    sellers.enable_webhooks(conn)
    (ticket,) = doors.sell()

    doors.scan(ticket, gate="North")
    doors.scan(ticket, gate="South")

    (data,) = data_of(conn, "ticket.scanned")
    assert (data["gate"], data["entry"], data["offline"]) == ("North", 1, False)
    (scan,) = conn.execute("SELECT id::text, at FROM scans WHERE outcome = 'admitted'").fetchall()
    assert (data["scan_id"], datetime.fromisoformat(data["scanned_at"])) == scan
    invariants.check(conn)


def test_an_offline_scan_owes_one_webhook(conn: Connection, doors: Doors) -> None:
    sellers.enable_webhooks(conn)
    first, second = doors.sell(2)
    scans = [offline(1, first, 20, gate="North"), offline(2, second, 19)]

    for _ in range(2):
        assert doors.sync("A", *scans).status == 200

    assert [(data["device_id"], data["gate"], data["offline"]) for data in data_of(conn, "ticket.scanned")] == [
        ("A", "North", True),
        ("A", None, True),
    ]
    at = conn.execute("SELECT at FROM scans ORDER BY sequence").fetchall()
    assert [(datetime.fromisoformat(data["scanned_at"]),) for data in data_of(conn, "ticket.scanned")] == at
    invariants.check(conn)
