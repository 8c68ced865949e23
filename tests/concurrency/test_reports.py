"""Several runs read and explain the same balance report at once."""

from boxoffice import db
from boxoffice.provider_reports import service
from tests.helpers.provider_servers import Stripe
from tests.helpers.racing import race
from tests.helpers.reports import charge, differences, entered, posted, reconcile_books, sold
from tests.helpers.support import Client, Database

ENTRIES = 120


def test_each_entry_is_stored_and_posted_once(
    stripe: Stripe, api: Client, database: Database, conn: db.Connection
) -> None:
    sold(conn, "pi_1", days_ago=3)
    sold(conn, "pi_2", days_ago=2.9)
    entered(stripe, "charge", 10_000, 175, days_ago=3, source=charge("pi_1", 10_000))
    for number in range(ENTRIES - 1):
        entered(stripe, "fee", -1, days_ago=0.1 + number / 1000)
    (read,) = service.read_pages(conn)

    def store(racer: db.Connection, _: int) -> None:
        """Store the same page as all others, explain what there is, and compare."""
        with racer.transaction():
            service.store_page(racer, read)
        for _ in range(2):
            with racer.transaction():
                service.explain_entries(racer, service.list_due_entries(racer))
        for report in service.list_reports_to_compare(racer):
            with racer.transaction():
                service.compare(racer, report)

    race(database, 4, store)
    pages = reconcile_books(conn)["pages"]

    assert pages == 1
    assert conn.execute("SELECT count(*) FROM provider_entries").fetchone() == (ENTRIES,)
    assert posted(conn) == [(True, "platform_cost", ENTRIES - 1, "EUR"), (False, "provider_fee", 175, "EUR")]
    assert differences(conn) == [("missing_there", 10_000, "EUR", "pi_2")]
