"""GET /v1/admin/stats"""

from psycopg import Connection

from tests.helpers import factories
from tests.helpers.sellers import Shop, count_sales
from tests.helpers.support import Client


def test_it_shows_how_the_platform_does(api: Client, conn: Connection) -> None:
    shop, admin = Shop(conn), factories.account(conn, is_admin=True)
    factories.organisation(conn, status="pending")
    factories.organisation(conn, status="suspended")
    abroad = factories.event(conn, organisation_id=shop.organisation, currency="JPY")
    factories.event(conn, organisation_id=shop.organisation, status="draft")
    factories.event(conn, organisation_id=shop.organisation, deleted_at=factories.NOW)
    sold = (
        (shop.ticket_type(price=1000), "01"),
        (shop.ticket_type(price=2000), "01"),
        (shop.ticket_type(event_id=abroad, price=300), "01"),
        (shop.ticket_type(price=1000), "02"),
    )
    for ticket_type, day in sold:
        order = shop.sold(ticket_type, quantity=2)
        conn.execute("UPDATE order_history SET at = %s WHERE order_id = %s", [f"2026-08-{day}T12:00Z", order])
    conn.execute("UPDATE outbox SET status = 'sent'")
    factories.invitation(conn, shop.organisation, "bola@example.com")
    conn.execute("UPDATE outbox SET created_at = now() - interval '90 seconds' WHERE status = 'pending'")
    factories.invitation(conn, shop.organisation, "chi@example.com")
    conn.execute("UPDATE outbox SET status = 'failed' WHERE recipient = 'chi@example.com'")
    count_sales(conn)

    answer = api.get("/v1/admin/stats", account=admin, query={"since": "2026-08-01", "until": "2026-08-31"})

    assert answer.status == 200
    shown = answer.json
    assert shown["organisations"] == {"pending": 1, "approved": 1, "rejected": 0, "suspended": 1}
    assert shown["events"] == {"draft": 1, "published": 2, "cancelled": 0}
    assert shown["accounts"] == conn.execute("SELECT count(*) FROM accounts").fetchone()[0]  # type: ignore[index]
    assert (shown["orders"], shown["tickets"]) == (4, 8)
    none = {"platform_fee": 0, "refunded": 0}
    assert shown["revenue"] == [
        {
            "day": "2026-08-01",
            "currency": "JPY",
            "currency_exponent": 0,
            "orders": 1,
            "tickets": 2,
            "total": 600,
            **none,
        },
        {
            "day": "2026-08-01",
            "currency": "NGN",
            "currency_exponent": 2,
            "orders": 2,
            "tickets": 4,
            "total": 6000,
            **none,
        },
        {
            "day": "2026-08-02",
            "currency": "NGN",
            "currency_exponent": 2,
            "orders": 1,
            "tickets": 2,
            "total": 2000,
            **none,
        },
    ]
    oldest = shown["outbox"].pop("oldest_seconds")
    assert 90 <= oldest < 120
    assert shown["outbox"] == {"waiting": 1, "failed": 1}


def test_a_platform_without_anything_has_zeros(api: Client, conn: Connection) -> None:
    admin = factories.account(conn, is_admin=True)

    shown = api.get("/v1/admin/stats", account=admin).json

    assert shown["organisations"]["approved"] == shown["events"]["published"] == shown["orders"] == 0
    assert shown["outbox"] == {"waiting": 0, "oldest_seconds": None, "failed": 0}
