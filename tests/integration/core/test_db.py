"""What a function makes of a database that fails it."""

import time
from collections.abc import Iterator

import pytest

from boxoffice import db
from boxoffice.errors import Busy
from tests.helpers.support import Client


@pytest.fixture(autouse=True)
def _impatient(api: Client) -> Iterator[None]:
    """A connection whose server soon loses patience."""
    with db.autocommit() as conn:
        conn.execute("SET statement_timeout = '100ms'")
        conn.execute("SET idle_in_transaction_session_timeout = '50ms'")
    yield
    db.disconnect()


def test_what_takes_too_long_is_busy() -> None:
    with pytest.raises(Busy), db.autocommit() as conn:
        conn.execute("SELECT pg_sleep(1)")


def test_an_environment_that_stood_still_in_a_transaction_is_busy_and_connects_again() -> None:
    with pytest.raises(Busy):
        _stand_still()

    with db.transaction() as conn:
        assert conn.execute("SELECT 3").fetchone() == (3,)


def _stand_still() -> None:
    with db.transaction() as conn:
        conn.execute("SELECT 1")
        time.sleep(0.2)
        conn.execute("SELECT 2")


def test_a_server_that_hung_up_meanwhile_is_called_again(conn: db.Connection) -> None:
    with db.autocommit() as ours:
        pid = ours.info.backend_pid
    conn.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])

    with db.autocommit() as ours:
        assert ours.info.backend_pid != pid
