"""A worker that dies while it delivers webhooks: each comes through in the end, always under the same id."""

from collections.abc import Iterator
from socket import socket
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.auth import Caller, Who
from boxoffice.events import service as events
from boxoffice.events.models import CancelEventRequest
from boxoffice.webhooks import service, turns
from boxoffice.webhooks.models import RotateSecretRequest
from tests.helpers import factories, invariants
from tests.helpers.racing import die_everywhere
from tests.helpers.receivers import OK, Receiver, make_all_due, receiver, take_turn
from tests.helpers.support import Client, Database


@pytest.fixture
def shop() -> Iterator[Receiver]:
    with receiver() as own:
        yield own


@pytest.fixture
def owner(api: Client, conn: Connection) -> UUID:
    return factories.account(conn)


@pytest.fixture
def organisation(conn: Connection, owner: UUID) -> UUID:
    return factories.organisation(conn, owner=owner)


def test_killed_anywhere_a_turn_is_taken_again(
    database: Database, conn: Connection, organisation: UUID, shop: Receiver
) -> None:
    endpoint = factories.webhook_endpoint(conn, organisation, url=shop.url)
    ids = sorted(str(factories.webhook_delivery(conn, endpoint)) for _ in range(2))

    def act(own: Connection) -> None:
        make_all_due(own)
        turns.take_turn(own, endpoint)

    kills = len(list(die_everywhere(database, conn, act)))
    turns_taken = len(shop.requests)

    assert kills >= 12
    assert sorted(set(shop.ids)) == ids
    assert 2 <= turns_taken <= 2 * kills
    assert conn.execute("SELECT status FROM webhook_deliveries").fetchall() == [("delivered",)] * 2
    make_all_due(conn)
    take_turn(endpoint)
    assert len(shop.requests) == turns_taken, "what came through is not sent again"


def test_if_the_database_goes_away_during_a_request_the_webhook_comes_again(
    database: Database, conn: Connection, organisation: UUID, shop: Receiver
) -> None:
    endpoint = factories.webhook_endpoint(conn, organisation, url=shop.url)
    delivery = str(factories.webhook_delivery(conn, endpoint))

    def cut(connection: socket) -> None:
        conn.execute(
            """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"""
        )
        connection.sendall(OK)

    shop.answers = [cut]
    assert take_turn(endpoint) == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert conn.execute("SELECT status, attempts FROM webhook_deliveries").fetchall() == [("sending", 1)]

    make_all_due(conn)
    assert take_turn(endpoint) == {"batchItemFailures": []}
    assert shop.ids == [delivery] * 2
    assert conn.execute("SELECT status, attempts FROM webhook_deliveries").fetchall() == [("delivered", 2)]
    invariants.check(conn)


def test_a_change_killed_anywhere_owes_its_webhook_exactly_if_it_was_made(
    database: Database, conn: Connection, organisation: UUID, owner: UUID
) -> None:
    factories.webhook_endpoint(conn, organisation)
    event = factories.event(conn, organisation_id=organisation)
    manager = Caller(Who.MANAGER, owner)

    def act(own: Connection) -> None:
        with own.transaction():
            events.cancel_event(own, manager, event, CancelEventRequest(reason="ill"))

    def both() -> tuple[int, int]:
        row = conn.execute(
            """SELECT (SELECT count(*) FROM events WHERE status = 'cancelled'), (SELECT count(*) FROM webhook_deliveries
                WHERE type = 'event.cancelled')"""
        ).fetchone()
        assert row is not None
        return row

    seen = {both() for _ in die_everywhere(database, conn, act)}
    act(conn)

    assert seen <= {(0, 0), (1, 1)}
    assert both() == (1, 1)


def test_a_rotation_killed_anywhere_leaves_one_current_secret(
    database: Database, conn: Connection, organisation: UUID, owner: UUID
) -> None:
    caller = Caller(Who.OWNER, owner)
    endpoint = factories.webhook_endpoint(conn, organisation)

    def act(own: Connection) -> None:
        with own.transaction():
            service.rotate_secret(own, caller, organisation, endpoint, RotateSecretRequest(keep_former_hours=0))

    for _ in die_everywhere(database, conn, act):
        current = conn.execute("SELECT count(*) FROM webhook_secrets WHERE ends_at IS NULL").fetchall()
        assert current == [(1,)]
