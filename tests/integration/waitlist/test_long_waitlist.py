"""Thousands wait. Stock that comes back is offered to them in transactions that stay short."""

import time
from datetime import timedelta
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice import config
from tests.helpers import factories, invariants
from tests.helpers.factories import NOW
from tests.helpers.support import Client, context, function

LAPSED = NOW - timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _no_queue(api: Client, email_queue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no queue take the nudges: moto's gets slow with thousands of messages. Offers do not depend on it."""
    monkeypatch.setenv("EMAIL_QUEUE_URL", f"{email_queue}-gone")
    config.settings.cache_clear()


def let_wait(conn: Connection, ticket_type: UUID, people: int, quantity: int = 1) -> None:
    """Let so many people wait for a ticket type."""
    first = factories.waitlist_entry(conn, ticket_type, quantity=quantity)
    conn.execute(
        """INSERT INTO waitlist_entries (id, organisation_id, event_id, ticket_type_id, name, email, mailbox,
            quantity)
        SELECT gen_random_uuid(), organisation_id, event_id, ticket_type_id, name, number || email, number || mailbox,
            quantity
        FROM waitlist_entries, generate_series(2, %s) AS number WHERE id = %s""",
        [people, first],
    )


def statuses(conn: Connection) -> dict[str, int]:
    """Return how many entries have each status."""
    return dict(conn.execute("SELECT status, count(*)::int FROM waitlist_entries GROUP BY status").fetchall())


def test_lapsed_holds_come_back_though_thousands_wait(api: Client, conn: Connection) -> None:
    """200 orders of 30 lapse, and 6,500 people wait for one ticket each."""
    ticket_type = factories.ticket_type(conn, quantity=6000, max_per_order=30)
    conn.execute("UPDATE stock SET available = CASE row_no WHEN 0 THEN 6000 ELSE 0 END")
    for _ in range(200):
        factories.order(conn, ticket_type, quantity=30, expires_at=LAPSED)
    let_wait(conn, ticket_type, 6500)

    assert function("expire_orders").handler({}, context()) == {"expired": 200, "forgotten": 0, "units_failed": 0}

    assert statuses(conn) == {"offered": 6000, "waiting": 500}
    assert invariants.left(conn, ticket_type) == (0, 6000, 0)
    assert conn.execute("SELECT count(*) FROM outbox WHERE template = 'waitlist_offer'").fetchone() == (6000,)
    # A transaction is what wrote the rows: 6 orders of 30 are 180 offers, and a seventh would be more than 200.
    batches = conn.execute("SELECT DISTINCT count(*) FROM orders GROUP BY xmin::text ORDER BY 1").fetchall()
    assert batches == [(2,), (6,)]
    invariants.check(conn)


def test_without_a_waitlist_two_hundred_orders_lapse_at_once(api: Client, conn: Connection) -> None:
    ticket_type = factories.ticket_type(conn, quantity=6000, max_per_order=30)
    conn.execute("UPDATE stock SET available = CASE row_no WHEN 0 THEN 6000 ELSE 0 END")
    for _ in range(200):
        factories.order(conn, ticket_type, quantity=30, expires_at=LAPSED)
    other = factories.ticket_type(conn, quantity=0)
    let_wait(conn, other, 3)

    assert function("expire_orders").handler({}, context())["expired"] == 200

    assert conn.execute("SELECT count(*) FROM orders GROUP BY xmin::text").fetchall() == [(200,)]


def test_a_raised_quantity_goes_to_thousands_who_wait(api: Client, conn: Connection) -> None:
    organisation = factories.organisation(conn)
    event = factories.event(conn, organisation_id=organisation)
    ticket_type = factories.ticket_type(conn, event_id=event, quantity=0)
    manager = factories.member(conn, organisation, "manager")
    let_wait(conn, ticket_type, 4500)
    started = time.monotonic()

    answer = api.patch(f"/v1/ticket-types/{ticket_type}", {"quantity": 4600}, account=manager)

    assert answer.status == 200, answer.body
    assert time.monotonic() - started < 7.5, "half of a function's time-out"
    assert statuses(conn) == {"offered": 4500}
    assert invariants.left(conn, ticket_type) == (100, 4500, 0)
    invariants.check(conn)


def test_what_one_transaction_cannot_offer_is_offered_by_the_job(api: Client, conn: Connection) -> None:
    """Seats are chosen by one entry after another, so an edit offers 200 of them, and the next minute the rest."""
    organisation = factories.organisation(conn)
    event = factories.event(conn, organisation_id=organisation)
    ticket_type = factories.ticket_type(conn, event_id=event, quantity=0)
    manager = factories.member(conn, organisation, "manager")
    let_wait(conn, ticket_type, 230)
    numbers = [str(seat) for seat in range(1, 26)]
    rows = [{"section": "Stalls", "row": str(row), "numbers": numbers} for row in range(1, 11)]

    answer = api.put(f"/v1/ticket-types/{ticket_type}/seats", {"rows": rows}, account=manager)

    assert answer.status == 200, answer.body
    assert statuses(conn) == {"offered": 200, "waiting": 30}
    assert function("offer_waitlist").handler({}, context())["offered"] == 30
    assert statuses(conn) == {"offered": 230}
    assert conn.execute("SELECT count(*), count(owner_id) FROM seats").fetchone() == (250, 230)
    invariants.check(conn)


def test_an_offer_may_come_from_several_rows_of_stock(api: Client, conn: Connection) -> None:
    """Two orders free two tickets each, in rows of their own. The entry that waits for four gets them at once."""
    ticket_type = factories.ticket_type(conn, quantity=20, max_per_order=6)  # two rows of ten
    conn.execute("UPDATE stock SET available = 2")
    conn.execute("UPDATE stock_pools SET quantity = 4")
    for _ in range(2):
        factories.order(conn, ticket_type, quantity=2, expires_at=LAPSED)
    assert conn.execute("SELECT available, held FROM stock").fetchall() == [(0, 2), (0, 2)]
    factories.waitlist_entry(conn, ticket_type, quantity=5)
    second = factories.waitlist_entry(conn, ticket_type, quantity=4)

    function("expire_orders").handler({}, context())

    assert conn.execute("SELECT id FROM waitlist_entries WHERE status = 'offered'").fetchall() == [(second,)]
    assert invariants.left(conn, ticket_type) == (0, 4, 0)
    invariants.check(conn)
