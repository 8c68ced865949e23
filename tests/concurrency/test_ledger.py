"""Postings, corrections, counts and releases at once: each transfer counts once, and what is released is there."""

from datetime import timedelta
from uuid import UUID

from psycopg import Connection

from boxoffice.auth import Caller, Who
from boxoffice.ledger import corrections, releases
from boxoffice.ledger.models import CorrectionRequest
from tests.helpers import factories, invariants
from tests.helpers.ledgers import balances, count, end, organisation_of, post, recount
from tests.helpers.racing import deadlocks, race
from tests.helpers.support import Client, Database


def release(conn: Connection, organisation: UUID) -> None:
    with conn.transaction():
        releases.release_due(conn, organisation)


def test_what_is_posted_counts_once_and_is_released_once(api: Client, database: Database, conn: Connection) -> None:
    event = factories.event(conn, currency="EUR")
    end(conn, event, timedelta(days=6))
    organisation = organisation_of(conn, event)

    def act(racer: Connection, number: int) -> None:
        for turn in range(10):
            match number % 4:
                case 0:
                    count(racer)
                case 1:
                    release(racer, organisation)
                    for released in racer.execute("SELECT amount FROM ledger_balances WHERE account = 'available'"):
                        assert released >= (0,), "a release never takes more than there was"
                case _:
                    post(racer, event, ("sale", 1000), ("tax", 100))
                    if turn % 2:
                        post(racer, event, ("refund", 300), ("tax_returned", 30))

    race(database, 8, act)
    assert deadlocks(conn) == 0
    total = 4 * (10 * 1000 - 5 * 300)
    before = balances(conn, organisation)
    assert before.get("available", 0) + before.get("pending", 0) + before.get("tax", 0) == total

    release(conn, organisation)
    count(conn)

    assert balances(conn, organisation) == {"available": total, "received": -40_000, "owed_to_buyers": 6000}
    assert {("platform", account): amount for account, amount in balances(conn, organisation).items()} == recount(
        conn, organisation
    )
    invariants.check(conn)


def test_a_correction_that_comes_twice_at_once_is_made_once(api: Client, database: Database, conn: Connection) -> None:
    admin, organisation = factories.account(conn, is_admin=True), factories.organisation(conn)
    request = CorrectionRequest(currency="EUR", amount=-700, reason="Sent twice")
    caller = Caller(Who.ADMIN, admin, operation="create_correction")

    made = race(
        database,
        4,
        lambda racer, _: corrections.create_correction(racer, caller, organisation, request, "correction-of-4-May").id,
    )

    assert len(set(made)) == 1
    assert balances(conn, organisation) == {"available": -700, "platform_income": 700}
    invariants.check(conn)
