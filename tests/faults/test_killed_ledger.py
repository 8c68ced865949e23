"""A run that dies while it counts or releases has done all of a part or nothing of it, and the next one goes on."""

from datetime import timedelta

from psycopg import Connection

from boxoffice.ledger import releases
from tests.helpers import factories, invariants
from tests.helpers.ledgers import balances, count, end, organisation_of, post
from tests.helpers.racing import die_everywhere
from tests.helpers.support import Client, Database


def test_killed_anywhere_it_counts_and_releases_once(api: Client, database: Database, conn: Connection) -> None:
    event = factories.event(conn, currency="EUR")
    end(conn, event, timedelta(days=6))
    organisation = organisation_of(conn, event)
    post(conn, event, ("sale", 1000), ("tax", 100))

    def act(killed: Connection) -> None:
        with killed.transaction():
            releases.release_due(killed, organisation)
        count(killed)

    for round_trip in die_everywhere(database, conn, act):
        available = balances(conn, organisation).get("available", 0)
        assert available in (0, 1000), f"at {round_trip}"
    assert round_trip >= 16

    assert balances(conn, organisation) == {"available": 1000, "received": -1000}
    invariants.check(conn)
