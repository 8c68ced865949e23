"""The job that counts the ledger."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice import counting, db
from boxoffice.ids import new_id
from boxoffice.ledger import service
from boxoffice.ledger.models import Transfer
from tests.helpers import factories, invariants
from tests.helpers.ledgers import balances, count_ledger, organisation_of, post, recount
from tests.helpers.support import Client, Database

NIL = UUID(int=0)


@pytest.fixture
def event(api: Client, conn: Connection) -> UUID:
    return factories.event(conn, currency="EUR")


def days(conn: Connection) -> list[tuple[Any, ...]]:
    return conn.execute(
        "SELECT day::text, kind, event_id, provider, amount, transfers FROM ledger_days ORDER BY day, kind"
    ).fetchall()


def test_each_transfer_counts_once_by_account_and_by_day(conn: Connection, event: UUID) -> None:
    organisation, source = organisation_of(conn, event), new_id()
    transfers = [
        Transfer("receipt", 1000, provider="stripe"),
        Transfer("sale", 700, event_id=event),
        Transfer("sale", 300, event_id=event, ticket_type_id=new_id()),
        Transfer("provider_fee", 30, event_id=event, provider="stripe"),
    ]
    service.post_difference(conn, organisation, "EUR", source, transfers)
    exact = {"at_provider": -1000 + 30, "pending": 700 + 300 - 30}
    assert balances(conn, organisation) == exact, "before they are counted"

    for _ in range(2):
        assert count_ledger(conn)["units_failed"] == 0
        assert balances(conn, organisation) == exact

    rows = conn.execute("SELECT account, event_id, provider, amount FROM ledger_balances ORDER BY account").fetchall()
    assert rows == [
        ("at_provider", NIL, "stripe", -970),
        ("pending", event, "", 970),
        ("received", NIL, "", 0),
    ]
    today = datetime.now(UTC).date().isoformat()
    assert [row[1:] for row in days(conn)] == [
        ("provider_fee", event, "stripe", 30, 1),
        ("receipt", NIL, "stripe", 1000, 1),
        ("sale", event, "", 700, 1),
        ("sale", event, "", 300, 1),
    ]
    assert {row[0] for row in days(conn)} == {today}
    invariants.check(conn)


def test_what_commits_late_counts_once(database: Database, conn: Connection, event: UUID) -> None:
    organisation = organisation_of(conn, event)
    with db.Connection.connect(database.api_url, autocommit=True) as other, other.transaction():
        post(other, event, ("sale", 500))
        post(conn, event, ("sale", 70))
        count_ledger(conn)
        assert balances(conn, organisation) == {"received": -70, "pending": 70}
        assert balances(other, organisation) == {"received": -570, "pending": 570}, "its own are among them"
    assert balances(conn, organisation) == {"received": -570, "pending": 570}
    count_ledger(conn)
    count_ledger(conn)

    assert balances(conn, organisation) == {"received": -570, "pending": 570}
    assert [row[4:] for row in days(conn)] == [(570, 2)]
    invariants.check(conn)


def test_after_a_long_pause_it_counts_part_by_part(
    conn: Connection, event: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    organisation = organisation_of(conn, event)
    count_ledger(conn)
    monkeypatch.setattr(counting, "_MOST", 8)
    for _ in range(30):
        post(conn, event, ("sale", 10), ("platform_fee", 1))

    assert count_ledger(conn)["counts"] >= 4

    assert balances(conn, organisation) == {"received": -300, "pending": 270, "platform_income": 30}
    assert [row[4:] for row in days(conn)] == [(30, 30), (300, 30)]
    assert recount(conn, organisation)["platform", "pending"] == 270
    invariants.check(conn)


@pytest.mark.parametrize(
    ("posted_at", "day"), [("2026-06-30T23:59:59Z", "2026-06-30"), ("2026-07-01T00:00Z", "2026-07-01")]
)
def test_a_day_is_one_of_utc(conn: Connection, event: UUID, posted_at: str, day: str) -> None:
    conn.execute("SET TIME ZONE 'Pacific/Auckland'")
    conn.execute(
        """INSERT INTO ledger_transfers (id, organisation_id, kind, holder, currency, amount, source_id, posting_no,
            line_no, event_id, posted_at)
        VALUES (uuidv7(), %s, 'sale', 'platform', 'EUR', 1, uuidv7(), 1, 1, %s, %s)""",
        [organisation_of(conn, event), event, posted_at],
    )
    count_ledger(conn)
    assert [row[0] for row in days(conn)] == [day]


def test_the_gauge_tells_since_when_transfers_are_not_counted(conn: Connection, event: UUID) -> None:
    before = datetime.now(UTC)
    post(conn, event, ("sale", 500))

    assert count_ledger(conn)["ledger_uncounted_seconds"] <= 1

    assert (conn.execute("SELECT as_of FROM ledger_state").fetchone() or ())[0] >= before
