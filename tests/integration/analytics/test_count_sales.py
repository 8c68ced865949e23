"""The job that counts daily sales."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice import counting, db
from boxoffice.orders import service as orders
from boxoffice.orders.models import OrderRow
from tests.helpers import factories, invariants, sellers
from tests.helpers.sellers import Shop, count_sales
from tests.helpers.support import Client, Database


@pytest.fixture
def shop(api: Client, conn: Connection) -> Shop:
    return Shop(conn)


def counted(conn: Connection, ticket_type: UUID) -> dict[str, Any]:
    """Return what is counted of a ticket type, all days together, without what is 0."""
    sums = db.exactly_one(
        conn,
        dict,
        """SELECT coalesce(sum(orders), 0)::int AS orders, sum(tickets)::int AS tickets, sum(gross)::int AS gross,
            sum(discount)::int AS discount, sum(buyer_fee)::int AS buyer_fee, sum(tax)::int AS tax,
            sum(platform_fee)::int AS platform_fee, sum(total)::int AS total,
            sum(refunded_tickets)::int AS refunded_tickets, sum(refunded)::int AS refunded
        FROM daily_sales WHERE ticket_type_id = %(ticket_type)s""",
        ticket_type=ticket_type,
    )
    return {name: value for name, value in sums.items() if value}


def test_only_what_is_paid_counts_and_as_it_was_stored(conn: Connection, shop: Shop) -> None:
    ticket_type = shop.ticket_type(price=1000)
    factories.order(conn, ticket_type)
    order = factories.order(conn, ticket_type, quantity=3)
    conn.execute(
        """UPDATE order_items SET discount = 300, buyer_fee = 150, tax = 200, platform_fee = 90, total = 3050,
            terms_id = %s WHERE order_id = %s""",
        [factories.fee_terms(conn, shop.organisation), order],
    )
    conn.execute("UPDATE orders SET total = 3050 WHERE id = %s", [order])
    with conn.transaction():
        orders.pay(conn, db.exactly_one(conn, OrderRow, orders.SQL.lock_order, id=order), reason="test")
    conn.execute("UPDATE ticket_types SET price = 9999")

    assert count_sales(conn)["counts"] >= 1, "more if other tests have made many transactions"

    charges = {"gross": 3000, "discount": 300, "buyer_fee": 150, "tax": 200, "platform_fee": 90, "total": 3050}
    assert counted(conn, ticket_type) == {"orders": 1, "tickets": 3, **charges}
    invariants.check(conn)


def test_a_refund_counts_beside_the_sale_on_its_own_day(api: Client, conn: Connection, shop: Shop) -> None:
    ticket_type = shop.ticket_type(price=1000)
    order = shop.sold(ticket_type, quantity=3)
    conn.execute("UPDATE order_history SET at = '2026-01-31T12:00Z' WHERE to_status = 'paid'")
    count_sales(conn)
    first, *_ = sellers.tickets_of(conn, order)
    assert sellers.refund(api, shop, order, ticket_ids=[str(first)], fee=100).status == 201
    conn.execute("UPDATE order_refunds SET created_at = '2026-02-02T12:00Z'")

    count_sales(conn)

    days = conn.execute("SELECT day::text, tickets, total, refunded_tickets, refunded FROM daily_sales ORDER BY day")
    assert days.fetchall() == [("2026-01-31", 3, 3000, 0, 0), ("2026-02-02", 0, 0, 1, 900)]
    invariants.check(conn)


def test_items_share_a_refund_by_what_was_paid(api: Client, conn: Connection, shop: Shop) -> None:
    cheap, dear = shop.ticket_type(price=500), shop.ticket_type(price=1000)
    order = factories.order(conn, dear, quantity=3)
    sellers.add_item(conn, order, cheap, 1)
    assert sellers.mark_paid(api, shop, order).status == 200
    sellers.refund(api, shop, order, amount=100)  # of 3500: 85.7 and 14.3
    tickets = sellers.tickets_of(conn, order)
    sellers.refund(api, shop, order, ticket_ids=[str(tickets[0]), str(tickets[3])], amount=1000)  # of 1000 and 500

    count_sales(conn)

    # One order, with the first of its items. The second refund: 666.7 and 333.3
    assert counted(conn, dear) == {
        "orders": 1,
        "tickets": 3,
        "gross": 3000,
        "total": 3000,
        "refunded_tickets": 1,
        "refunded": 85 + 666,
    }
    assert counted(conn, cheap) == {
        "tickets": 1,
        "gross": 500,
        "total": 500,
        "refunded_tickets": 1,
        "refunded": 15 + 334,
    }
    invariants.check(conn)


def test_tickets_that_end_for_nothing_and_free_ones_count(api: Client, conn: Connection, shop: Shop) -> None:
    free = shop.ticket_type(price=0)
    order = shop.sold(free, quantity=2)
    sellers.refund(api, shop, order, whole=True)
    paid = shop.ticket_type(price=700)
    kept = shop.sold(paid, quantity=1)
    sellers.refund(api, shop, kept, whole=True, amount=0)

    count_sales(conn)

    assert counted(conn, free) == {"orders": 1, "tickets": 2, "refunded_tickets": 2}
    assert counted(conn, paid) == {"orders": 1, "tickets": 1, "gross": 700, "total": 700, "refunded_tickets": 1}
    invariants.check(conn)


def test_a_cancelled_event_gives_all_back(api: Client, conn: Connection, shop: Shop) -> None:
    ticket_type = shop.ticket_type(price=1000)
    shop.sold(ticket_type, quantity=2)
    count_sales(conn)
    sellers.cancel_event(api, shop)
    sellers.finish_cancellations()

    count_sales(conn)

    sold = {"orders": 1, "tickets": 2, "gross": 2000, "total": 2000}
    assert counted(conn, ticket_type) == {**sold, "refunded_tickets": 2, "refunded": 2000}
    invariants.check(conn)


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Africa/Lagos", "2026-06-30"),
        ("Pacific/Auckland", "2026-07-01"),
        ("America/Los_Angeles", "2026-06-30"),
        ("Asia/Kathmandu", "2026-07-01"),  # at 05:45 before UTC, since 18:15
    ],
)
def test_a_day_is_that_of_the_venue(conn: Connection, shop: Shop, zone: str, day: str) -> None:
    conn.execute("UPDATE events SET time_zone = %s", [zone])
    shop.sold(shop.ticket_type())
    conn.execute("UPDATE order_history SET at = '2026-06-30T18:20Z'")

    count_sales(conn)

    assert conn.execute("SELECT day::text FROM daily_sales").fetchall() == [(day,)]


@contextmanager
def paying(database: Database, conn: Connection, shop: Shop) -> Iterator[UUID]:
    """Pay an order whose transaction commits at the end of the block. Yield its ticket type, which nobody else buys."""
    ticket_type = shop.ticket_type(price=1000)
    order = factories.order(conn, ticket_type)
    with db.Connection.connect(database.api_url, autocommit=True) as other, other.transaction():
        orders.pay(other, db.exactly_one(other, OrderRow, orders.SQL.lock_order, id=order), reason="test")
        yield ticket_type


def test_a_sale_that_commits_late_counts_once(database: Database, conn: Connection, shop: Shop) -> None:
    early = shop.ticket_type()
    with paying(database, conn, shop) as late:
        shop.sold(early)
        count_sales(conn)
        assert (counted(conn, early)["orders"], counted(conn, late)) == (1, {})
    count_sales(conn)
    count_sales(conn)

    assert (counted(conn, early)["orders"], counted(conn, late)["orders"]) == (1, 1)
    invariants.check(conn)


def test_after_a_long_pause_it_counts_part_by_part(
    database: Database, conn: Connection, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    early = shop.ticket_type(quantity=1000)
    count_sales(conn)
    monkeypatch.setattr(counting, "_MOST", 8)  # a sale takes two transactions or more
    with paying(database, conn, shop) as late:
        for _ in range(12):
            factories.paid_order(conn, early)
        assert count_sales(conn)["counts"] >= 3
        assert (counted(conn, early)["orders"], counted(conn, late)) == (12, {})
    for _ in range(12):
        factories.paid_order(conn, early)
    count_sales(conn)

    assert (counted(conn, early)["orders"], counted(conn, late)["orders"]) == (24, 1)
    invariants.check(conn)


def test_all_before_as_of_counts_and_the_gauge_tells_its_age(conn: Connection, shop: Shop) -> None:
    shop.sold(shop.ticket_type())
    before = datetime.now(UTC)

    report = count_sales(conn)

    (as_of,) = conn.execute("SELECT as_of FROM daily_sales_state").fetchone() or (None,)
    assert as_of >= before
    assert report["sales_uncounted_seconds"] <= 1
    assert report["units_failed"] == 0
