"""The database: one that times out or closes the connection is busy, and what its statements answer."""

import time
from collections.abc import Iterator

import pytest

from boxoffice import db
from boxoffice.errors import Busy
from tests.helpers.support import Client


@pytest.fixture(autouse=True)
def _impatient(api: Client) -> Iterator[None]:
    """Connect to a server with short time-outs."""
    with db.autocommit() as conn:
        conn.execute("SET statement_timeout = '100ms'")
        conn.execute("SET idle_in_transaction_session_timeout = '50ms'")
    yield
    db.disconnect()


def test_a_statement_that_takes_too_long_is_busy() -> None:
    with pytest.raises(Busy), db.autocommit() as conn:
        conn.execute("SELECT pg_sleep(1)")


def test_an_idle_transaction_that_the_server_ended_is_busy_and_the_next_one_works() -> None:
    with pytest.raises(Busy):
        _stand_still()

    with db.transaction() as conn:
        assert conn.execute("SELECT 3").fetchone() == (3,)


def _stand_still() -> None:
    with db.transaction() as conn:
        conn.execute("SELECT 1")
        time.sleep(0.2)
        conn.execute("SELECT 2")


def test_a_connection_that_the_server_closed_is_opened_again(conn: db.Connection) -> None:
    with db.autocommit() as ours:
        pid = ours.info.backend_pid
    conn.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])

    with db.autocommit() as ours:
        assert ours.info.backend_pid != pid


def test_a_column_is_read_of_statements_that_have_one(conn: db.Connection) -> None:
    assert db.values(conn, "SELECT n FROM generate_series(1, %(most)s) AS n", most=3) == [1, 2, 3]
    assert db.values(conn, "SELECT 1 WHERE false") == []
    with pytest.raises(AssertionError, match="several columns"):
        db.values(conn, "SELECT 1, 2")
