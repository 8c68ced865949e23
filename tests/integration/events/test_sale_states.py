"""What lists of events say of their sale."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection

from boxoffice.auth import Caller, Who
from boxoffice.events import service
from boxoffice.events.models import EventFilters
from boxoffice.stock import service as stock
from tests.helpers import factories
from tests.helpers.factories import NOW
from tests.helpers.support import Client, Database

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LATER, EARLIER = NOW + HOUR, NOW - HOUR


def sale(api: Client, account: UUID | None = None) -> tuple[str, int | None]:
    (item,) = api.get("/v1/me/events" if account else "/v1/events", account=account).json["items"]
    return item["sale_state"], item["from_price"]


STATES: list[tuple[list[dict[str, Any]], tuple[str, int | None]]] = [
    ([], ("closed", None)),
    ([{"price": 900}, {"price": 500}, {"price": 700}], ("on_sale", 500)),
    ([{"price": 0}, {"price": 500}], ("on_sale", 0)),
    ([{"price": 900}, {"price": 500, "hidden": True}], ("on_sale", 900)),
    ([{"price": 900}, {"price": 500, "deleted_at": "now"}], ("on_sale", 900)),
    ([{"price": 900}, {"price": 500, "quantity": 0}], ("on_sale", 900)),
    ([{"price": 900}, {"price": 500, "sales_start": LATER}], ("on_sale", 900)),
    ([{"price": 900}, {"price": 500, "sales_end": EARLIER}], ("on_sale", 900)),
    ([{"price": 900, "sales_start": EARLIER, "sales_end": LATER}], ("on_sale", 900)),
    ([{"price": 900, "sales_start": LATER}], ("not_yet", None)),
    ([{"price": 900, "sales_start": LATER}, {"price": 500, "sales_end": EARLIER}], ("not_yet", None)),
    ([{"price": 900, "sales_start": LATER}, {"price": 500, "quantity": 0}], ("not_yet", None)),
    ([{"price": 500, "quantity": 0}], ("sold_out", None)),
    ([{"price": 500, "quantity": 0}, {"price": 900, "hidden": True}], ("sold_out", None)),
    ([{"price": 500, "sales_end": EARLIER}], ("closed", None)),
    ([{"price": 500, "hidden": True}], ("closed", None)),
]


@pytest.mark.parametrize(("types", "expected"), STATES)
def test_a_list_says_how_the_sale_stands(
    api: Client, conn: Connection, event: UUID, types: list[dict[str, Any]], expected: tuple[str, int | None]
) -> None:
    for each in types:
        factories.ticket_type(conn, event_id=event, **each)

    assert sale(api) == expected


def test_the_prices_have_their_currency(api: Client, conn: Connection) -> None:
    factories.ticket_type(conn, event_id=factories.event(conn, currency="JPY"), price=900)

    (item,) = api.get("/v1/events").json["items"]

    assert (item["from_price"], item["currency"], item["currency_exponent"]) == (900, "JPY", 0)


def test_what_is_held_or_sold_is_not_on_sale(api: Client, conn: Connection, event: UUID) -> None:
    cheap, dear = (factories.ticket_type(conn, event_id=event, price=price, quantity=4) for price in (500, 900))
    factories.order(conn, cheap, quantity=4)
    assert sale(api) == ("on_sale", 900)

    factories.paid_order(conn, dear, quantity=4)
    assert sale(api) == ("sold_out", None)


def test_a_capacity_that_is_used_up_sells_out_all_types(api: Client, conn: Connection) -> None:
    full = factories.event(conn, capacity_pool_id=stock.create_pool(conn, 0))
    factories.ticket_type(conn, event_id=full)
    factories.ticket_type(conn, event_id=full, sales_start=LATER)

    assert sale(api) == ("sold_out", None)


@pytest.mark.parametrize("overrides", [{"status": "draft"}, {"status": "cancelled"}, {"ends_at": EARLIER}])
def test_nothing_is_on_sale_of_an_event_that_nobody_can_visit(
    api: Client, conn: Connection, organisation: UUID, manager: UUID, overrides: dict[str, Any]
) -> None:
    event = factories.event(conn, organisation_id=organisation, **{"starts_at": NOW - DAY, **overrides})
    factories.ticket_type(conn, event_id=event)

    assert sale(api, manager) == ("closed", None)


def test_each_event_of_a_page_has_its_own_sale(api: Client, conn: Connection) -> None:
    prices = {}
    for price in (300, 100, 200):
        event = factories.event(conn, starts_at=NOW + price * HOUR, ends_at=NOW + (price + 1) * HOUR)
        factories.ticket_type(conn, event_id=event, price=price)
        prices[str(event)] = price

    items = api.get("/v1/events").json["items"]

    assert [item["from_price"] for item in items] == [100, 200, 300]
    assert {item["id"]: item["from_price"] for item in items} == prices


def test_a_page_reads_few_rows_of_stock(conn: Connection, database: Database) -> None:
    """A page of 20 events with 10 types of 256 rows of stock each: one row a type, where there is anything left."""
    for _ in range(20):
        event = factories.event(conn)
        for price in range(10):
            factories.ticket_type(conn, event_id=event, quantity=2560, price=price)
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute("VACUUM ANALYZE")
    filters = EventFilters(*[None] * 7)

    before = _stock_read(conn)
    page = service.list_events(conn, Caller(Who.PUBLIC), filters, 20, None)

    assert [item.from_price for item in page.items] == [0] * 20
    assert _stock_read(conn) - before < 300  # of 51,200


def _stock_read(conn: Connection) -> int:
    conn.execute("SELECT pg_stat_force_next_flush()")
    (rows,) = conn.execute(
        "SELECT (seq_tup_read + idx_tup_fetch)::int FROM pg_stat_user_tables WHERE relname = 'stock'"
    ).fetchone() or (0,)
    return int(rows)
