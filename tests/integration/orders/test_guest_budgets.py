"""POST /v1/orders as a guest: how many unpaid and free tickets of an event a network and a mailbox may have."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection, Cursor

from boxoffice.guest_tokens import order_token
from boxoffice.orders import service
from tests.helpers import factories, invariants, sellers
from tests.helpers.factories import guest_budget, order_request, platform_setting
from tests.helpers.support import Answer, Client, context, function

# A network may have 20 % of an event, from 6 tickets up to 50. The values are worked out by hand.
BUDGET = guest_budget(network_percent=20, network_least=6, network_most=50)


def buy(api: Client, ticket_type: UUID, quantity: int = 2, *, email: str | None = None, **options: Any) -> Answer:
    """Order some tickets, by default as a new guest from one address."""
    buyer = {"name": "Ada", "email": email or f"{uuid4().hex}@example.com"}
    return api.post("/v1/orders", order_request(ticket_type, quantity, buyer=buyer), key="new", **options)


def taken_by_one(api: Client, ticket_type: UUID, quantity: int, **options: Any) -> int:
    """Return how many tickets one address gets that orders until it is refused."""
    taken = 0
    while (answer := buy(api, ticket_type, quantity, **options)).status == 201:
        taken += quantity
    assert (answer.status, answer.code) == (429, "guest_budget_reached")
    return taken


@pytest.fixture(autouse=True)
def budget(conn: Connection) -> None:
    platform_setting(conn, guest_unpaid=BUDGET, guest_free=guest_budget(network_percent=10, network_least=4))


@pytest.mark.parametrize(("quantity", "most"), [(20, 6), (100, 20), (1000, 50)])
def test_a_network_may_have_a_part_of_the_event_within_bounds(
    api: Client, conn: Connection, quantity: int, most: int
) -> None:
    ticket_type = factories.ticket_type(conn, quantity=quantity)

    assert taken_by_one(api, ticket_type, 2) == most
    assert invariants.left(conn, ticket_type) == (quantity - most, most, 0)
    assert buy(api, ticket_type, address="198.51.100.1").status == 201
    invariants.check(conn)


def test_by_default_no_stranger_keeps_an_event_from_its_buyers(api: Client, conn: Connection) -> None:
    """The defaults are those that docs/orders.md states: of 100 tickets 20 unpaid ones and 10 free ones."""
    platform_setting(conn, **factories.DEFAULT_GUEST_BUDGETS)
    priced, gratis = factories.ticket_type(conn), factories.ticket_type(conn, price=0)

    assert taken_by_one(api, priced, 10) == 20
    assert taken_by_one(api, gratis, 5) == 10


def test_a_refusal_says_how_to_go_on(api: Client, conn: Connection) -> None:
    ticket_type = factories.ticket_type(conn)
    for _ in range(10):
        assert buy(api, ticket_type).status == 201
    conn.execute("UPDATE guest_holds SET until = now() + interval '90 seconds' WHERE order_id = (%s)", [first(conn)])

    refused = buy(api, ticket_type, 1)

    problem = refused.json
    assert (refused.status, problem["budget"], problem["used"], problem["ways"]) == (429, 20, 20, ["log_in", "wait"])
    assert (problem["kind"], problem["shared_by"], problem["challenge"]) == ("unpaid", "network", None)
    assert 80 <= problem["retry_after"] <= 90
    assert refused.headers["retry-after"] == str(problem["retry_after"])


def first(conn: Connection) -> UUID:
    (order,) = conn.execute("SELECT id FROM orders ORDER BY id LIMIT 1").fetchone() or (None,)
    assert order is not None
    return order


def test_an_ipv6_network_is_one_and_an_account_has_no_budget(api: Client, conn: Connection) -> None:
    ticket_type, account = factories.ticket_type(conn, quantity=30), factories.account(conn)

    assert buy(api, ticket_type, 6, address="2001:db8::1").status == 201
    assert buy(api, ticket_type, 1, address="2001:db8::ffff").code == "guest_budget_reached"
    assert buy(api, ticket_type, 1, address="2001:db8:0:1::1").status == 201
    assert [buy(api, ticket_type, 6, account=account, address="2001:db8::1").status for _ in range(2)] == [201, 201]


def test_an_order_may_be_larger_than_the_budget_if_it_is_the_only_one(api: Client, conn: Connection) -> None:
    ticket_type = factories.ticket_type(conn, quantity=30, max_per_order=30)

    assert buy(api, ticket_type, 10).status == 201
    assert buy(api, ticket_type, 1).code == "guest_budget_reached"


def test_a_mailbox_has_a_budget_wherever_its_orders_come_from(api: Client, conn: Connection) -> None:
    platform_setting(conn, guest_unpaid=guest_budget(mailbox_most=4))
    ticket_type = factories.ticket_type(conn)

    orders = [buy(api, ticket_type, email=f"ada+{n}@example.com", address=f"192.0.2.{n}") for n in range(3)]

    assert [order.status for order in orders] == [201, 201, 429]
    assert (orders[2].json["shared_by"], orders[2].json["budget"]) == ("mailbox", 4)
    assert buy(api, ticket_type, email="bola@example.com").status == 201


def test_beyond_half_of_the_budget_a_hold_is_short(api: Client, conn: Connection) -> None:
    ticket_type = factories.ticket_type(conn)  # of 100 tickets, a network may have 20

    placed = [buy(api, ticket_type).json for _ in range(6)]

    assert [minutes(order) for order in placed] == [15, 15, 15, 15, 15, 5]
    assert conn.execute(
        "SELECT count(*) FROM guest_holds JOIN orders ON id = order_id WHERE until <> expires_at"
    ).fetchone() == (0,)


def minutes(order: dict[str, Any]) -> float:
    start, end = (datetime.fromisoformat(order[name]) for name in ("created_at", "expires_at"))
    return (end - start).total_seconds() / 60


def test_each_event_of_a_cart_counts(api: Client, conn: Connection) -> None:
    organisation = factories.organisation(conn)
    types = [
        factories.ticket_type(conn, event_id=factories.event(conn, organisation_id=organisation), quantity=20)
        for _ in range(2)
    ]
    cart = {**order_request(types[0], 4), "items": [order_request(each, 4)["items"][0] for each in types]}
    assert api.post("/v1/orders", cart, key="new").status == 201

    assert [buy(api, each, 4).code for each in types] == ["guest_budget_reached"] * 2
    assert [buy(api, each, 2).status for each in types] == [201, 201]


def test_an_events_capacity_bounds_its_size(api: Client, conn: Connection) -> None:
    from boxoffice.stock import service as stock

    event = factories.event(conn, capacity_pool_id=stock.create_pool(conn, 50))
    ticket_type = factories.ticket_type(conn, event_id=event, quantity=1000)

    assert taken_by_one(api, ticket_type, 2) == 10  # 20 % of 50


class TestGivenBack:
    """What was paid, cancelled or has expired counts no longer."""

    @pytest.fixture
    def ticket_type(self, api: Client, conn: Connection) -> UUID:
        """A ticket type of which one address has its whole budget."""
        ticket_type = factories.ticket_type(conn, quantity=20)
        assert buy(api, ticket_type, 6).status == 201
        assert buy(api, ticket_type, 1).status == 429
        return ticket_type

    def test_paid(self, api: Client, conn: Connection, ticket_type: UUID) -> None:
        with conn.transaction():
            service.pay(conn, service.lock_order(conn, first(conn)), reason="test")

        assert buy(api, ticket_type, 6).status == 201
        invariants.check(conn)

    def test_cancelled(self, api: Client, conn: Connection, ticket_type: UUID) -> None:
        order = first(conn)
        assert api.post(f"/v1/orders/{order}/cancel", order_token=order_token(order)).status == 200

        assert buy(api, ticket_type, 6).status == 201
        invariants.check(conn)

    def test_expired(self, api: Client, conn: Connection, ticket_type: UUID) -> None:
        conn.execute("UPDATE orders SET expires_at = now()")
        assert buy(api, ticket_type, 1).status == 429
        sellers.expire_orders(conn)

        assert buy(api, ticket_type, 6).status == 201
        invariants.check(conn)

    def test_refused_for_another_reason(self, api: Client, conn: Connection) -> None:
        sold_out = factories.ticket_type(conn, quantity=1)

        assert [buy(api, sold_out, 2).code for _ in range(3)] == ["sold_out"] * 3
        assert conn.execute("SELECT FROM guest_holds WHERE quantity = 2").fetchall() == []


def test_a_repeat_counts_once(api: Client, conn: Connection) -> None:
    ticket_type = factories.ticket_type(conn, quantity=20)
    request = order_request(ticket_type, 3)
    placed = [api.post("/v1/orders", request, key="again") for _ in range(3)]

    assert [answer.status for answer in placed] == [201] * 3
    assert len({answer.json["id"] for answer in placed}) == 1
    assert buy(api, ticket_type, 3).status == 201
    assert api.post("/v1/orders", request, key="again").json == placed[0].json  # though the budget is used up
    assert conn.execute("SELECT sum(quantity) FROM guest_holds").fetchone() == (6,)


class TestFree:
    def test_free_tickets_count_for_a_day(self, api: Client, conn: Connection) -> None:
        ticket_type = factories.ticket_type(conn, price=0)  # of 100 tickets, a network gets 10 for free in a day
        assert taken_by_one(api, ticket_type, 2) == 10

        conn.execute("UPDATE guest_holds SET until = now() - interval '1 second'")
        assert function("expire_orders").handler({}, context())["forgotten"] == 5

        assert buy(api, ticket_type, 2).status == 201
        invariants.check(conn)

    def test_they_do_not_count_as_unpaid(self, api: Client, conn: Connection) -> None:
        event = factories.event(conn)
        free, priced = (factories.ticket_type(conn, event_id=event, quantity=50, price=price) for price in (0, 500))

        assert (taken_by_one(api, free, 2), taken_by_one(api, priced, 2)) == (10, 20)

    def test_a_part_that_is_given_back_frees_nothing(self, api: Client, conn: Connection) -> None:
        shop = sellers.Shop(conn)
        ticket_type = shop.ticket_type(price=0, quantity=20)
        order = UUID(buy(api, ticket_type, 4).json["id"])
        tickets = [str(row[0]) for row in conn.execute("SELECT id FROM tickets").fetchall()]

        assert sellers.refund(api, shop, order, ticket_ids=tickets[:1]).status == 201
        assert buy(api, ticket_type, 1).code == "guest_budget_reached"
        assert sellers.refund(api, shop, order, ticket_ids=tickets[1:]).status == 201
        assert buy(api, ticket_type, 1).status == 201
        invariants.check(conn)


def test_a_shops_key_has_no_budget(api: Client, conn: Connection) -> None:
    organisation = factories.organisation(conn)
    event = factories.event(conn, organisation_id=organisation)
    ticket_type = factories.ticket_type(conn, event_id=event, quantity=20)
    _, key = factories.api_key(conn, organisation)
    headers = {"x-api-key": key, "x-buyer-address": "198.51.100.7"}

    assert [buy(api, ticket_type, 6, headers=headers).status for _ in range(3)] == [201] * 3
    assert conn.execute("SELECT count(*) FROM guest_holds").fetchone() == (0,)


def test_a_job_forgets_what_was_never_placed_and_keeps_what_is_pending(api: Client, conn: Connection) -> None:
    ticket_type = factories.ticket_type(conn)
    placed = buy(api, ticket_type).json
    conn.execute("UPDATE guest_holds SET until = now() - interval '1 second'")
    conn.execute(
        """INSERT INTO guest_holds SELECT gen_random_uuid(), event_id, request_id, network, mailbox, 5, false, until
        FROM guest_holds"""
    )

    assert function("expire_orders").handler({}, context()) == {"expired": 0, "forgotten": 1, "units_failed": 0}

    assert conn.execute("SELECT order_id::text FROM guest_holds").fetchall() == [(placed["id"],)]


@pytest.mark.parametrize(("has_account", "statements"), [(True, 2), (False, 3)])
def test_a_guest_pays_one_statement_more(
    api: Client, conn: Connection, monkeypatch: pytest.MonkeyPatch, has_account: bool, statements: int
) -> None:
    ticket_type = factories.ticket_type(conn)
    account = factories.account(conn) if has_account else None
    assert buy(api, ticket_type, account=account).status == 201  # reads the session and the settings, which are cached
    execute, run = Cursor.execute, []

    def noted(cursor: Cursor[Any], query: Any, *args: Any, **options: Any) -> Any:
        run.append(query)
        return execute(cursor, query, *args, **options)

    monkeypatch.setattr(Cursor, "execute", noted)
    assert buy(api, ticket_type, account=account).status == 201

    assert [query for query in run if query == service.SQL.hold_for_guest] == [service.SQL.hold_for_guest] * (
        statements - 2
    )
    assert len(run) == statements
