"""The job dies at any round trip of an erasure: what was erased stays so, and the next run goes on."""

from psycopg import Connection

from boxoffice.privacy import erasure
from tests.helpers import factories, invariants
from tests.helpers.erasures import EMAIL, NAME, begin, guest, is_finished, let_an_hour_pass, run_job, traces
from tests.helpers.racing import die_everywhere
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
    assert traces(conn) == {"orders", "tickets", "transfers", "waitlist_entries", "customers", "outbox", "erasures"}

    def to_the_end(child: Connection) -> None:
        for _ in range(20):
            with child.transaction():
                erasure.go_on(child, begun)  # type: ignore[arg-type]

    kills = 0
    for _ in die_everywhere(database, conn, to_the_end):
        assert traces(conn) >= {"erasures"}
        kills += 1
    assert kills > 40

    let_an_hour_pass(conn)
    run_job()
    assert is_finished(conn, begun)
    assert traces(conn) == set()
    invariants.check(conn)
