"""A mixed load: no deadlock, no long wait, all invariants hold, and the provider's books equal ours."""

import psycopg

from tests.helpers import invariants
from tests.helpers.provider_servers import Sandbox
from tests.helpers.racing import deadlocks, wait_for_rollbacks
from tests.helpers.soak import SOAK
from tests.helpers.support import Client, Database
from tests.stateful import books
from tests.stateful.load import load
from tests.stateful.sale import Sale


def test_32_connections_at_once(api: Client, database: Database, conn: psycopg.Connection, sandbox: Sandbox) -> None:
    sale = Sale.open(conn, sandbox)

    longest = load(database, sale, people=32, seconds=20 * SOAK)

    assert deadlocks(conn) == 0
    assert longest < 30  # seconds: an HTTP API waits no longer
    invariants.check(conn)
    books.close(sale, api)


def test_some_of_16_die_all_the_time_while_thousands_wait(
    api: Client, database: Database, conn: psycopg.Connection, sandbox: Sandbox
) -> None:
    sale = Sale.open(conn, sandbox)
    sale.let_wait(2000)

    load(database, sale, people=16, seconds=10 * SOAK, deadly=True)

    wait_for_rollbacks(conn)
    assert deadlocks(conn) == 0
    invariants.check(conn)
    books.close(sale, api)
