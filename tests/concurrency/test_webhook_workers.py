"""Several workers of the webhook queue at once, beside changes that owe more: each webhook goes out once."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from socket import socket
from time import sleep
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice import db
from boxoffice.auth import Caller, Who
from boxoffice.webhooks import owed, rules, service, turns
from boxoffice.webhooks.models import WebhookEndpointRequest
from tests.helpers import factories, invariants
from tests.helpers.racing import attempt, race
from tests.helpers.receivers import OK, Receiver, make_all_due, receiver
from tests.helpers.support import Client, Database

WORKERS, ENDPOINTS, EACH = 4, 3, 20


@pytest.fixture
def shops() -> Iterator[list[Receiver]]:
    with ExitStack() as stack:
        yield [stack.enter_context(receiver()) for _ in range(ENDPOINTS)]


@pytest.fixture
def organisation(api: Client, conn: Connection) -> UUID:
    return factories.organisation(conn)


@pytest.fixture
def endpoints(conn: Connection, organisation: UUID, shops: list[Receiver]) -> list[UUID]:
    return [factories.webhook_endpoint(conn, organisation, url=shop.url) for shop in shops]


def test_workers_send_each_webhook_once_while_more_are_owed(
    database: Database, conn: Connection, organisation: UUID, endpoints: list[UUID], shops: list[Receiver]
) -> None:
    def think(connection: socket) -> None:
        sleep(0.02)
        connection.sendall(OK)

    for shop in shops:
        shop.answers = [think] * 1000

    def act(own: Connection, number: int) -> int:
        assert isinstance(own, db.Connection)
        delivered = 0
        for turn in range(EACH):
            if number == 0:
                owed.owe(own, "event.deleted", [(organisation, {"number": turn})])
            delivered += turns.take_turn(own, endpoints[(number + turn) % ENDPOINTS])
        return delivered

    delivered = sum(race(database, WORKERS, act))
    while turns.list_due_endpoints(db.connect(), asked=set()):
        make_all_due(conn)
        delivered += sum(turns.take_turn(db.connect(), endpoint) for endpoint in endpoints)

    assert delivered == ENDPOINTS * EACH
    for shop in shops:
        assert Counter(Counter(shop.ids).values()) == {1: EACH}
        assert shop.most_at_once <= rules.AT_ONCE
    assert conn.execute("SELECT status, attempts, count(*) FROM webhook_deliveries GROUP BY 1, 2").fetchall() == [
        ("delivered", 1, ENDPOINTS * EACH)
    ]


def test_a_slow_endpoint_holds_no_other_up(
    database: Database, conn: Connection, endpoints: list[UUID], shops: list[Receiver]
) -> None:
    slow, *quick = endpoints

    def wait(connection: socket) -> None:
        shops[0].over.wait(5)
        connection.sendall(OK)

    shops[0].answers = [wait] * 10
    for endpoint in endpoints:
        for _ in range(10):
            factories.webhook_delivery(conn, endpoint)

    with ThreadPoolExecutor(1) as pool, db.Connection.connect(database.api_url, autocommit=True) as own:
        turn = pool.submit(turns.take_turn, own, slow)
        while shops[0].connections < 10:
            sleep(0.01)
        assert [turns.take_turn(db.connect(), endpoint) for endpoint in (slow, *quick)] == [0, 10, 10]
        assert not turn.done()
        shops[0].over.set()
        assert turn.result() == 10


def test_of_owners_at_once_no_more_make_endpoints_than_may(
    api: Client, database: Database, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "MOST_ENDPOINTS", 2)
    owner = factories.account(conn)
    organisation = factories.organisation(conn, owner=owner)

    def create(own: Connection, _: int) -> str:
        def act() -> None:
            with own.transaction():
                request = WebhookEndpointRequest(url="https://example.com/")
                service.create_endpoint(own, Caller(Who.OWNER, owner), organisation, request)

        return attempt(act)

    results = race(database, 5, create)

    assert Counter(results) == {"done": 2, "too_many_webhook_endpoints": 3}
    invariants.check(conn)
