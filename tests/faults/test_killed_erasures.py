"""The job dies at any round trip of an erasure: what was erased stays so, and the next run goes on."""

from psycopg import Connection

from boxoffice.auth import Caller, Who
from boxoffice.privacy import erasure, service
from boxoffice.privacy.models import ErasureRequest
from tests.helpers import factories, invariants
from tests.helpers.erasures import EMAIL, NAME, begin, guest, is_finished, let_an_hour_pass, run_job, traces
from tests.helpers.people import PASSWORD, sign_up
from tests.helpers.racing import die_at, die_everywhere, wait_for_rollbacks
from tests.helpers.support import Client, Database


def test_an_erasure_that_dies_anywhere_is_finished_by_the_next_run(
    api: Client, database: Database, conn: Connection
) -> None:
    ticket_type = factories.ticket_type(conn)
    order = factories.paid_order(conn, ticket_type, buyer_name=NAME, buyer_email=EMAIL)
    factories.payment(conn, order, status="succeeded")
    (ticket,) = conn.execute("SELECT id FROM tickets LIMIT 1").fetchone() or ()
    factories.transfer(conn, ticket)
    factories.waitlist_entry(conn, factories.ticket_type(conn, quantity=0), name=NAME, email=EMAIL)
    factories.claim(conn, factories.place(conn))
    conn.execute("UPDATE customers SET name = %s, email = %s", [NAME, EMAIL])
    conn.execute("UPDATE outbox SET status = 'sent'")
    begun = begin(conn, guest())
    told = {"orders", "tickets", "guest_list", "transfers", "waitlist_entries", "customers", "outbox", "erasures"}
    assert traces(conn) == told

    def to_the_end(child: Connection) -> None:
        done = 1
        while done:
            with child.transaction():
                done = erasure.go_on(child, begun)  # type: ignore[arg-type]

    kills = 0
    for _ in die_everywhere(database, conn, to_the_end):
        assert traces(conn) >= {"erasures"}
        kills += 1
    assert kills > 30

    let_an_hour_pass(conn)
    run_job()
    assert is_finished(conn, begun)
    assert traces(conn) == set()
    invariants.check(conn)


def test_an_account_is_closed_wholly_or_not_at_all(api: Client, database: Database, conn: Connection) -> None:
    moment, dead, outcomes = 0, True, set()
    while dead:
        person = sign_up(api)
        organisation = factories.organisation(conn)
        factories.member(conn, organisation, "manager", account_id=person.id)
        caller, request = Caller(Who.ACCOUNT, account_id=person.id), ErasureRequest(password=PASSWORD)
        dead = die_at(database, moment, lambda child, c=caller, r=request: service.delete_me(child, c, r))  # type: ignore[misc, arg-type]
        wait_for_rollbacks(conn)
        row = conn.execute(
            """SELECT erased_at IS NOT NULL, email IS NULL,
            NOT EXISTS (SELECT FROM sessions WHERE account_id = accounts.id AND revoked_at IS NULL),
            NOT EXISTS (SELECT FROM members WHERE account_id = accounts.id),
            EXISTS (SELECT FROM erasures WHERE account_id = accounts.id),
            EXISTS (SELECT FROM audit_log WHERE action = 'delete_me' AND actor_id = accounts.id)
            FROM accounts WHERE id = %s""",
            [person.id],
        ).fetchone()
        assert row is not None
        assert len(set(row)) == 1, row
        outcomes.add(row[0])
        conn.execute("DELETE FROM rate_limits")
        moment += 1
    assert outcomes == {True, False}
    assert moment > 20
    invariants.check(conn)
