"""A kept connection that has gone stale: the caller is told to try again, and the next call works."""

import json
import socket
import time
from collections.abc import Iterator
from threading import Thread
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import psycopg
import pytest
import yaml
from psycopg import Connection

from boxoffice import config, db
from boxoffice.errors import Busy
from boxoffice.guest_tokens import order_token
from tests.helpers import factories, invariants
from tests.helpers.factories import order_request
from tests.helpers.relays import relay, swallow_packets
from tests.helpers.support import ROOT, Answer, Client, Database, context, function

WARM = 7
"""psycopg prepares a statement when it runs the sixth time."""


@pytest.fixture
def owner(database: Database) -> Iterator[Connection]:
    with psycopg.connect(database.owner_url, autocommit=True) as conn:
        yield conn


@pytest.fixture
def order(api: Client, conn: Connection) -> UUID:
    """An order that our connection has read often enough to keep the statement prepared."""
    order = factories.order(conn, factories.ticket_type(conn))
    for _ in range(WARM):
        assert read(api, order).status == 200
    return order


def read(api: Client, order: UUID) -> Answer:
    return api.get(f"/v1/orders/{order}", order_token=order_token(order))


def check_busy(answer: Answer) -> None:
    assert (answer.status, answer.code) == (503, "busy")
    assert int(answer.headers["retry-after"]) >= 1


class TestMigrations:
    def test_a_new_column_disturbs_no_warm_connection(self, api: Client, owner: Connection, order: UUID) -> None:
        for table in ("orders", "order_items", "tickets", "payments", "order_history", "events", "ticket_types"):
            owner.execute(f"ALTER TABLE {table} ADD COLUMN added integer NOT NULL DEFAULT 0")

        assert read(api, order).status == 200

    def test_a_column_of_another_type_costs_one_call(self, api: Client, conn: Connection, owner: Connection) -> None:
        event = factories.event(conn)
        for _ in range(WARM):
            assert api.get(f"/v1/events/{event}").status == 200
        owner.execute("ALTER TABLE events ALTER COLUMN image_url TYPE varchar(2000)")

        check_busy(api.get(f"/v1/events/{event}"))

        assert api.get(f"/v1/events/{event}").status == 200

    def test_a_statement_that_the_server_has_lost_costs_one_call(self, api: Client, order: UUID) -> None:
        db.connect().pgconn.exec_(b"DEALLOCATE ALL")  # which psycopg does not see

        check_busy(read(api, order))

        assert read(api, order).status == 200

    def test_a_name_that_the_server_has_given_away_costs_one_call(self, api: Client, conn: Connection) -> None:
        event = factories.event(conn)
        db.disconnect()
        db.connect().pgconn.exec_(b"PREPARE _pg3_0 AS SELECT 1")  # the first name that psycopg takes
        answers = [api.get(f"/v1/events/{event}") for _ in range(2 * WARM)]

        (busy,) = [answer for answer in answers if answer.status != 200]
        check_busy(busy)


class TestPasswords:
    """The login is a user name here, since the tests' server asks for no passwords."""

    @pytest.fixture
    def login(self, api: Client, database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
        login = {"username": "boxoffice_api", "password": "x"}
        url = urlsplit(database.api_url)
        monkeypatch.setenv("DATABASE_URL", urlunsplit(url._replace(netloc=f"{url.hostname}:{url.port}")))
        monkeypatch.setenv("DATABASE_SECRET", "login")
        monkeypatch.setattr(config, "_fetch", lambda _: json.dumps(login))
        monkeypatch.setattr(config, "_FRESH_LIFETIME", -1)
        config.settings.cache_clear()
        config.forget_secrets()
        db.disconnect()
        yield login
        db.disconnect()
        config.forget_secrets()

    def test_a_new_password_is_read_when_the_old_one_is_refused(self, login: dict[str, str]) -> None:
        login["username"] = "former"
        with pytest.raises(Busy), db.autocommit():
            pass
        login["username"] = "boxoffice_api"

        with db.autocommit() as conn:
            assert conn.execute("SELECT current_user").fetchone() == ("boxoffice_api",)


class TestFailovers:
    def test_a_connection_to_a_reader_is_dropped_by_the_first_write(self, api: Client, conn: Connection) -> None:
        ticket_type = factories.ticket_type(conn)
        request = order_request(ticket_type)
        db.connect().execute("SET default_transaction_read_only = on")

        check_busy(api.post("/v1/orders", request, key="once"))

        assert api.post("/v1/orders", request, key="once").status == 201
        assert invariants.left(conn, ticket_type) == (98, 2, 0)

    def test_a_job_goes_on_with_its_next_run(self, api: Client, conn: Connection) -> None:
        ticket_type = factories.ticket_type(conn)
        factories.order(conn, ticket_type, expires_at=factories.NOW)
        db.connect().execute("SET default_transaction_read_only = on")

        with pytest.raises(Busy):
            function("expire_orders").handler({}, context())

        assert function("expire_orders").handler({}, context()) == {"expired": 1, "forgotten": 0, "units_failed": 0}

    def test_nobody_connects_to_a_reader(self, api: Client, owner: Connection, order: UUID) -> None:
        db.disconnect()
        row = owner.execute("SELECT current_database()").fetchone()
        assert row is not None
        owner.execute(f"ALTER DATABASE {row[0]} SET default_transaction_read_only = on")

        check_busy(read(api, order))

        owner.execute("SET default_transaction_read_only = off")
        owner.execute(f"ALTER DATABASE {row[0]} RESET default_transaction_read_only")
        assert read(api, order).status == 200


@pytest.fixture
def relayed(api: Client, database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[socket.socket]]:
    """Let our connection go through a relay. Yield the relay's socket."""
    url = urlsplit(database.api_url)
    with relay(url.port or 0) as (port, accepted):
        through = urlunsplit(url._replace(netloc=f"{url.username}@127.0.0.1:{port}"))
        monkeypatch.setenv("DATABASE_URL", through)
        config.settings.cache_clear()
        db.disconnect()
        yield accepted
        db.disconnect()


class TestSilence:
    """A network that drops packets without a word, as when a server's machine is gone."""

    def test_a_statement_that_nobody_acknowledges_is_busy_in_time(
        self, api: Client, conn: Connection, relayed: list[socket.socket], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(db._CONNECTION, "tcp_user_timeout", 1000)
        order = factories.order(conn, factories.ticket_type(conn))
        assert read(api, order).status == 200
        swallow_packets(relayed[0])
        started = time.monotonic()

        check_busy(read(api, order))

        assert 0.9 < time.monotonic() - started < 4

    def test_an_answer_that_never_comes_is_busy_in_time(
        self, api: Client, relayed: list[socket.socket], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, setting in {"tcp_user_timeout": 1000, "keepalives_idle": 1, "keepalives_interval": 1}.items():
            monkeypatch.setitem(db._CONNECTION, name, setting)
        with db.autocommit() as conn:
            Thread(target=lambda: (time.sleep(0.3), swallow_packets(relayed[0])), daemon=True).start()
            started = time.monotonic()
            with pytest.raises(psycopg.OperationalError):
                conn.execute("SELECT pg_sleep(8)")

        assert time.monotonic() - started < 5


class TestTimeOuts:
    """Whatever happens to the database, a function answers before its own time-out."""

    def test_the_connection_has_its_settings(self, api: Client) -> None:
        with db.autocommit() as conn, socket.fromfd(conn.fileno(), socket.AF_INET, socket.SOCK_STREAM) as sock:
            tcp = {name: sock.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in TCP_OPTIONS}
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert conn.info.get_parameters()["target_session_attrs"] == "read-write"
            role = {name: conn.execute(f"SHOW {name}").fetchone() for name in ROLE_SETTINGS}
        assert tcp == TCP_OPTIONS
        assert {name: row and row[0] for name, row in role.items()} == ROLE_SETTINGS

    def test_they_are_below_the_time_out_of_each_function(self) -> None:
        """4 s to connect and 10 s for a statement; or 5 s of silence, or 3 + 2 * 2 s of silence while it waits."""
        template = yaml.load((ROOT / "template.yaml").read_text(), Loader=_Loose)
        time_outs = [template["Globals"]["Function"]["Timeout"]]
        time_outs += [
            each["Properties"]["Timeout"]
            for each in template["Resources"].values()
            if each["Type"] == "AWS::Serverless::Function" and "Timeout" in each["Properties"]
        ]
        assert min(time_outs) > 4 + 10
        assert min(time_outs) > 5
        assert min(time_outs) > 3 + 2 * 2


TCP_OPTIONS = {"TCP_USER_TIMEOUT": 5000, "TCP_KEEPIDLE": 3, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 2}
ROLE_SETTINGS = {
    "statement_timeout": "10s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "5s",
    "idle_session_timeout": "15min",
}


class _Loose(yaml.SafeLoader):
    """Reads a template without its functions of CloudFormation."""


_Loose.add_multi_constructor("!", lambda loader, suffix, node: suffix)
