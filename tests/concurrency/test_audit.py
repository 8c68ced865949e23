"""The audit log, when many write at once."""

from uuid import UUID

import psycopg
from psycopg import Connection

from boxoffice import audit
from boxoffice.auth import Caller, Who
from tests.helpers import factories, invariants
from tests.helpers.racing import deadlocks, die_everywhere, race
from tests.helpers.support import Database


def test_entries_of_one_chain_follow_each_other(conn: Connection, database: Database) -> None:
    organisation = factories.organisation(conn)

    def write(racer: Connection, number: int) -> None:
        for _ in range(20):
            with racer.transaction():
                audit.record(racer, None, "test", str(number), organisation=organisation, name="Ada")

    race(database, 8, write)

    numbers = conn.execute("SELECT array_agg(entry ORDER BY entry) FROM audit_log").fetchone()
    assert numbers == ([*range(1, 161)],)
    assert conn.execute("SELECT count(*) FROM audit_values").fetchone() == (160,)
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_those_who_log_in_do_not_wait_for_each_other(conn: Connection, database: Database) -> None:
    ada, bola = factories.account(conn), factories.account(conn)

    def log_in(racer: Connection, account: UUID) -> None:
        audit.record(racer, Caller(Who.PUBLIC, account, address="192.0.2.1"), "log_in", f"account {account}")

    with psycopg.connect(database.api_url) as slow:
        log_in(slow, ada)
        conn.execute("SET lock_timeout = '1s'")
        log_in(conn, bola)
        slow.commit()
    log_in(conn, ada)

    assert conn.execute("SELECT count(*) FROM audit_log").fetchone() == (3,)
    invariants.check(conn)


def test_a_process_that_dies_leaves_the_chain_whole(conn: Connection, database: Database) -> None:
    organisation = factories.organisation(conn)

    def act(child: Connection) -> None:
        with child.transaction():
            audit.record(child, None, "test", "nothing", organisation=organisation, name="Ada")

    moments = [*die_everywhere(database, conn, act)]

    assert len(moments) > 4
    (entries,) = conn.execute("SELECT entries FROM audit_chains").fetchone() or ()
    assert conn.execute("SELECT count(*) FROM audit_log").fetchone() == (entries,)
    assert conn.execute("SELECT count(*) FROM audit_values").fetchone() == (entries,)
