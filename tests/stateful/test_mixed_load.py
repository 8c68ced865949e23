"""A mixed load for a minute: no deadlock, no long wait, and all invariants hold."""

import psycopg

from tests.helpers import invariants
from tests.helpers.racing import deadlocks, wait_for_rollbacks
from tests.helpers.support import Client, Database
from tests.stateful.load import load
from tests.stateful.sale import SOAK, Sale


def test_32_connections_for_a_minute(api: Client, database: Database, conn: psycopg.Connection) -> None:
    longest = load(database, Sale.open(conn), people=32, seconds=60 * SOAK)

    assert deadlocks(conn) == 0
    assert longest < 30  # seconds: an HTTP API waits no longer
    invariants.check(conn)


def test_some_of_16_die_all_the_time(api: Client, database: Database, conn: psycopg.Connection) -> None:
    load(database, Sale.open(conn), people=16, seconds=10 * SOAK, deadly=True)

    wait_for_rollbacks(conn)
    assert deadlocks(conn) == 0
    invariants.check(conn)
