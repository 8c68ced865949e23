"""GET /v1/events/{event_id}/analytics"""

from uuid import UUID

import pytest
from psycopg import Connection

from tests.helpers import factories, sellers
from tests.helpers.sellers import Shop, count_sales
from tests.helpers.support import Client

AUGUST = {"since": "2026-08-01", "until": "2026-08-31"}


@pytest.fixture
def shop(api: Client, conn: Connection) -> Shop:
    return Shop(conn)


def sums(**known: int) -> dict[str, int]:
    """Return the sums of an answer, which are 0 unless they are given."""
    names = ("tickets", "gross", "discount", "buyer_fee", "tax", "platform_fee", "total", "refunded_tickets")
    return dict.fromkeys((*names, "refunded"), 0) | known


def test_it_shows_views_and_sales_by_day_type_and_source(api: Client, conn: Connection, shop: Shop) -> None:
    conn.execute("UPDATE events SET time_zone = 'UTC'")
    adult, child = shop.ticket_type(name="Adult", price=1000), shop.ticket_type(name="Child", price=500)
    for ticket_type, quantity, day in ((adult, 2, "01"), (adult, 1, "02"), (child, 1, "02"), (child, 4, "31")):
        order = shop.sold(ticket_type, quantity=quantity)
        conn.execute("UPDATE order_history SET at = %s WHERE order_id = %s", [f"2026-08-{day}T12:00Z", order])
    outside = shop.sold(adult)
    conn.execute("UPDATE order_history SET at = '2026-09-01T00:00Z' WHERE order_id = %s", [outside])
    sellers.refund(api, shop, order, amount=300)
    conn.execute("UPDATE order_refunds SET created_at = '2026-08-31T20:00Z'")
    conn.execute(
        """INSERT INTO view_sources VALUES (%(event)s, '2026-08-01', 1, 'poster'), (%(event)s, '2026-08-02', 1, 'mail'),
            (%(event)s, '2026-08-02', 2, 'poster')""",
        {"event": shop.event},
    )
    conn.execute(
        """INSERT INTO event_views VALUES (%(event)s, '2026-08-01', 0, 0, 3), (%(event)s, '2026-08-01', 0, 7, 2),
            (%(event)s, '2026-08-01', 1, 1, 4), (%(event)s, '2026-08-02', 1, 0, 2), (%(event)s, '2026-08-02', 2, 0, 3),
            (%(event)s, '2026-08-03', 21, 0, 2), (%(event)s, '2026-07-31', 0, 0, 100)""",
        {"event": shop.event},
    )
    count_sales(conn)

    answer = api.get(f"/v1/events/{shop.event}/analytics", account=shop.manager, query=AUGUST)

    assert answer.status == 200
    shown = answer.json
    assert shown.pop("as_of")
    assert shown == {
        **AUGUST,
        "event_id": str(shop.event),
        "currency": "NGN",
        "currency_exponent": 2,
        "views": 16,
        "orders": 4,
        "conversion": 0.25,
        **sums(tickets=8, gross=5500, total=5500, refunded=300),
        "days": [
            {"day": "2026-08-01", "views": 9, "orders": 1, **sums(tickets=2, gross=2000, total=2000)},
            {"day": "2026-08-02", "views": 5, "orders": 2, **sums(tickets=2, gross=1500, total=1500)},
            {"day": "2026-08-03", "views": 2, "orders": 0, **sums()},
            {"day": "2026-08-31", "views": 0, "orders": 1, **sums(tickets=4, gross=2000, total=2000, refunded=300)},
        ],
        "ticket_types": [
            {"ticket_type_id": str(adult), "name": "Adult", **sums(tickets=3, gross=3000, total=3000)},
            {"ticket_type_id": str(child), "name": "Child", **sums(tickets=5, gross=2500, total=2500, refunded=300)},
        ],
        "sources": [
            {"source": "poster", "views": 7},
            {"source": None, "views": 5},
            {"source": "mail", "views": 2},
            {"source": "other", "views": 2},
        ],
    }


def test_without_anything_it_shows_a_year_of_nothing(api: Client, shop: Shop) -> None:
    shown = api.get(f"/v1/events/{shop.event}/analytics", account=shop.manager).json

    assert (shown["views"], shown["conversion"], shown["days"], shown["sources"]) == (0, None, [], [])


def test_a_yen_has_no_decimals(api: Client, conn: Connection, shop: Shop) -> None:
    event = factories.event(conn, organisation_id=shop.organisation, currency="JPY")

    assert api.get(f"/v1/events/{event}/analytics", account=shop.manager).json["currency_exponent"] == 0


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"since": "2026-08-02", "until": "2026-08-01"}, "until"),
        ({"since": "2024-01-01", "until": "2026-08-01"}, "since"),
        ({"since": "2026-02-30"}, "since"),
        ({"since": "1700000000"}, "since"),
        ({"until": "0001-01-01"}, "until"),
        ({"until": "9999-12-31"}, "until"),
        ({"from": "2026-08-01"}, "from"),
    ],
)
def test_what_is_wrong_with_the_days_is_told(api: Client, shop: Shop, query: dict[str, str], field: str) -> None:
    answer = api.get(f"/v1/events/{shop.event}/analytics", account=shop.manager, query=query)

    assert (answer.status, answer.json["errors"][0]["loc"]) == (422, ["query", field])


def test_scanners_do_not_see_it(api: Client, conn: Connection, shop: Shop) -> None:
    scanner: UUID = factories.member(conn, shop.organisation, "scanner")

    assert api.get(f"/v1/events/{shop.event}/analytics", account=scanner).code == "forbidden"
