"""Thousands wait. Stock that comes back is offered to them in transactions that stay short."""

import time
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice import config
from boxoffice.waitlist import service as waitlist
from tests.helpers import factories, invariants
from tests.helpers.factories import NOW
from tests.helpers.support import Client, as_owner, context, function

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
    """62 orders of 30 lapse, and 2,000 people wait for one ticket each."""
    ticket_type = factories.ticket_type(conn, quantity=1860, max_per_order=30)
    conn.execute("UPDATE stock SET available = CASE row_no WHEN 0 THEN 1860 ELSE 0 END")
    for _ in range(62):
        factories.order(conn, ticket_type, quantity=30, expires_at=LAPSED)
    let_wait(conn, ticket_type, 2000)

    assert function("expire_orders").handler({}, context()) == {"expired": 62, "forgotten": 0, "units_failed": 0}

    assert statuses(conn) == {"offered": 1860, "waiting": 140}
    assert invariants.left(conn, ticket_type) == (0, 1860, 0)
    assert conn.execute("SELECT count(*) FROM outbox WHERE template = 'waitlist_offer'").fetchone() == (1860,)
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
    ticket_type, manager = awaited(conn, 1500, max_per_buyer=9)
    started = time.monotonic()

    answer = api.patch(f"/v1/ticket-types/{ticket_type}", {"quantity": 1600}, account=manager)

    assert answer.status == 200, answer.body
    assert time.monotonic() - started < 7.5, "half of a function's time-out"
    assert statuses(conn)["offered"] >= 100
    function("offer_waitlist").handler({}, context())
    assert statuses(conn) == {"offered": 1500}
    assert invariants.left(conn, ticket_type) == (100, 1500, 0)
    invariants.check(conn)


def test_what_takes_too_long_is_left_to_the_job(api: Client, conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    ticket_type, manager = awaited(conn, 30)
    monkeypatch.setattr(waitlist, "_MOST_SECONDS", 0)

    answer = api.patch(f"/v1/ticket-types/{ticket_type}", {"quantity": 40}, account=manager)

    assert answer.status == 200, answer.body
    assert statuses(conn) == {"waiting": 30}
    assert function("offer_waitlist").handler({}, context())["offered"] == 30
    assert invariants.left(conn, ticket_type) == (10, 30, 0)
    invariants.check(conn)


@pytest.mark.parametrize("is_analyzed", [False, True], ids=["without statistics", "with statistics"])
def test_a_round_reads_few_entries_however_many_wait_or_have_offers(
    api: Client, conn: Connection, is_analyzed: bool
) -> None:
    """A round reads 25 entries, and their buyer's open offers. It used to read all 2,000 offers for each of them."""
    ticket_type = factories.ticket_type(conn, quantity=100, max_per_buyer=9)
    let_wait(conn, ticket_type, 4000)
    conn.execute(
        """UPDATE waitlist_entries SET account_id = numbered.id, draws = '{}', expires_at = now() + interval '1 hour',
            status = CASE WHEN number <= 2000 THEN 'offered' ELSE 'waiting' END
        FROM (SELECT id, row_number() OVER () AS number FROM waitlist_entries) AS numbered
        WHERE numbered.id = waitlist_entries.id"""
    )
    if is_analyzed:
        with as_owner(conn) as owner:
            owner.execute("ANALYZE")
    params = {"ticket_type_id": ticket_type, "now": NOW, "most": 25, "most_offers": 3}

    with conn.transaction(force_rollback=True):
        explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {waitlist.SQL.take_next_entries}"
        (plan,) = conn.execute(explain, params).fetchone() or ()

    assert 25 <= read_of(plan[0]["Plan"], "waitlist_entries") <= 100


def awaited(conn: Connection, people: int, **terms: Any) -> tuple[UUID, UUID]:
    """Return a ticket type without tickets that so many people wait for, and a manager."""
    organisation = factories.organisation(conn)
    event = factories.event(conn, organisation_id=organisation)
    ticket_type = factories.ticket_type(conn, event_id=event, quantity=0, **terms)
    let_wait(conn, ticket_type, people)
    return ticket_type, factories.member(conn, organisation, "manager")


def read_of(node: dict[str, Any], table: str) -> float:
    """Return how many rows of a table a plan has read."""
    read = sum(read_of(part, table) for part in node.get("Plans", ()))
    if node.get("Relation Name") == table:
        read += (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
    return float(read)


def test_what_one_transaction_cannot_offer_is_offered_by_the_job(
    api: Client, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seats are chosen by one entry after another, so an edit offers one a round, and the next minute the rest."""
    monkeypatch.setattr(waitlist, "_MOST_ROUNDS", 20)
    ticket_type, manager = awaited(conn, 23)
    numbers = [str(seat) for seat in range(1, 6)]
    rows = [{"section": "Stalls", "row": str(row), "numbers": numbers} for row in range(1, 6)]

    answer = api.put(f"/v1/ticket-types/{ticket_type}/seats", {"rows": rows}, account=manager)

    assert answer.status == 200, answer.body
    assert statuses(conn) == {"offered": 20, "waiting": 3}
    assert function("offer_waitlist").handler({}, context())["offered"] == 3
    assert statuses(conn) == {"offered": 23}
    assert conn.execute("SELECT count(*), count(owner_id) FROM seats").fetchone() == (25, 23)
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
