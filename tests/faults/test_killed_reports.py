"""A process dies while it reads a balance report or posts what it says: the next run goes on from there."""

from typing import Any

from boxoffice import db
from boxoffice.provider_reports import service
from tests.helpers.provider_servers import Stripe
from tests.helpers.racing import die_at, wait_for_rollbacks
from tests.helpers.reports import charge, differences, entered, posted, reconcile_books, sold
from tests.helpers.support import Client, Database

ENTRIES = 101  # two pages
CHARGE_AND_FEE = "SELECT coalesce(array_agg(id), '{}') FROM provider_entries WHERE kind <> 'hold'"


def read_and_explain(stripe: Stripe) -> Any:
    """Return what a run does with each page, without the time of a whole run."""

    def act(conn: db.Connection) -> None:
        stripe.connect()
        for page in service.read_pages(conn):
            with conn.transaction():
                service.store_page(conn, page)
        with conn.transaction():
            (ids,) = conn.execute(CHARGE_AND_FEE).fetchone() or ([],)
            service.explain_entries(conn, ids)
        for report in service.list_reports_to_compare(conn):
            with conn.transaction():
                service.compare(conn, report)

    return act


def test_killed_anywhere_each_entry_counts_once(
    stripe: Stripe, api: Client, database: Database, conn: db.Connection
) -> None:
    sold(conn, "pi_1", days_ago=3)
    entered(stripe, "charge", 10_000, 175, days_ago=3, source=charge("pi_1", 10_000))
    for number in range(ENTRIES - 1):
        entered(stripe, "hold" if number else "fee", -1, days_ago=0.1 + number / 1000)
    service.read_pages(conn)  # reads the secret, which the child cannot
    conn.execute("DELETE FROM provider_reports")

    moment = 0
    while die_at(database, moment, read_and_explain(stripe)):
        wait_for_rollbacks(conn)
        conn.execute("UPDATE provider_reports SET due_at = now()")
        moment += 31  # before a request, and after the answer to another one, in turns

    assert moment > 50
    reconcile_books(conn)
    assert conn.execute("SELECT count(*) FROM provider_entries").fetchone() == (ENTRIES,)
    assert posted(conn) == [(True, "platform_cost", 1, "EUR"), (False, "provider_fee", 175, "EUR")]
    assert conn.execute("SELECT count(*) FROM ledger_transfers WHERE posting_no > 1").fetchone() == (0,)
    assert {difference for difference, *_ in differences(conn)} <= {"not_understood"}
