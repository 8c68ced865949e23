"""The job check_all_invariants: it checks everything by night, part by part. An admin then sees the rest."""

import time
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice import db
from boxoffice.admin import service
from tests.helpers import factories, invariants, sellers
from tests.helpers.racing import die_everywhere, race
from tests.helpers.support import Client, Database, context, function

SMALL = {part: (statement, 2) for part, (statement, _) in service._LISTS.items()}
BREAK = "UPDATE order_items SET tax = 0 WHERE order_id = %s"
CHARGES = "what an item costs follows from the parts of its charge"


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a part have two ids."""
    monkeypatch.setattr(service, "_LISTS", SMALL)


@pytest.fixture
def admin(conn: Connection) -> UUID:
    return factories.account(conn, is_admin=True)


def run_job() -> dict[str, int]:
    """Run the job, which has 15 minutes. Return how much it did."""
    long = SimpleNamespace(**vars(context()) | {"get_remaining_time_in_millis": lambda: 900_000})
    return dict(function("check_all_invariants").handler({}, long))


def look(api: Client, admin: UUID) -> Any:
    """Return what an admin sees."""
    answer = api.get("/v1/admin/invariants", account=admin)
    assert answer.status == 200, answer.body
    return answer.json


def sell(conn: Connection, many: int) -> list[UUID]:
    ticket_type = factories.ticket_type(conn, price=0)
    return [factories.paid_order(conn, ticket_type) for _ in range(many)]


def age(conn: Connection) -> None:
    """Let everything that has happened, runs too, have happened two days ago."""
    conn.execute("UPDATE invariant_runs SET started_at = started_at - interval '2 days'")


def settle(conn: Connection) -> None:
    """Run the job over all there is. What comes later is newer than the run, and than what was under way then."""
    run_job()
    conn.execute("UPDATE invariant_runs SET started_at = now() + interval '10 minutes', after_history = 1000000")
    time.sleep(0.002)


def test_a_run_looks_at_all_parts_and_the_next_waits_for_the_night(api: Client, conn: Connection, admin: UUID) -> None:
    sell(conn, 5)
    factories.place(conn)

    report = run_job()

    # Three parts with orders, one with the event, one with the pool, one with the place, each list's end, and the rest.
    assert (report["parts"], report["units_failed"]) == (3 + 1 + 1 + 1 + 6 + 1, 0)
    seen = look(api, admin)
    assert (seen["hold"], seen["current_run"]) == (True, None)
    assert (seen["last_run"]["percent_done"], seen["last_run"]["broken"]) == (100, [])
    assert run_job()["parts"] == 0
    age(conn)
    assert run_job()["parts"] == 13


def test_a_run_finds_a_breach_wherever_it_is(api: Client, conn: Connection, admin: UUID) -> None:
    orders = sell(conn, 5)
    for order in orders[::4]:
        conn.execute(BREAK, [order])
    run_job()

    seen = look(api, admin)

    assert not seen["hold"]
    (broken,) = seen["last_run"]["broken"]
    assert (broken["name"], broken["holds"]) == (CHARGES, False)
    assert [row["order_id"] for row in broken["violations"]] == [str(orders[0]), str(orders[4])]


def test_an_admin_looks_at_what_has_changed_since(api: Client, conn: Connection, admin: UUID) -> None:
    settled, touched = sell(conn, 2)
    settle(conn)
    for order in (settled, touched):
        conn.execute(BREAK, [order])
    seen = look(api, admin)
    assert (seen["orders"], seen["hold"], seen["is_complete"]) == (0, True, True)

    later = "UPDATE invariant_runs SET after_history = (SELECT max(id) FROM order_history WHERE order_id = %s)"
    conn.execute(later, [settled])
    seen = look(api, admin)
    assert (seen["orders"], seen["hold"]) == (1, False)
    (broken,) = [check for check in seen["checks"] if not check["holds"]]
    assert [row["order_id"] for row in broken["violations"]] == [str(touched)]

    age(conn)
    run_job()
    (broken,) = look(api, admin)["last_run"]["broken"]
    assert [row["order_id"] for row in broken["violations"]] == [str(settled), str(touched)]


def scan_one(conn: Connection, order: UUID) -> None:
    (organisation,) = conn.execute("SELECT organisation_id FROM orders WHERE id = %s", [order]).fetchone() or ()
    factories.scan(conn, sellers.tickets_of(conn, order)[0], factories.member(conn, organisation, "scanner"))


CHANGES = {
    "a refund": lambda conn, order: factories.refund(conn, sellers.tickets_of(conn, order)[0]),
    "a payment": lambda conn, order: factories.payment(conn, order, amount=100),
    "a transfer": lambda conn, order: factories.transfer(conn, sellers.tickets_of(conn, order)[0]),
    "a scan": scan_one,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_happens_to_an_old_order_is_a_change(api: Client, conn: Connection, admin: UUID, change: Any) -> None:
    order, _ = sell(conn, 2)
    settle(conn)
    change(conn, order)

    assert look(api, admin)["orders"] == 1


def test_stock_that_has_changed_is_compared_with_all_orders_of_its_event(
    api: Client, conn: Connection, admin: UUID
) -> None:
    ticket_type = factories.ticket_type(conn, price=0)
    factories.paid_order(conn, ticket_type)
    settle(conn)
    conn.execute("UPDATE invariant_runs SET after_history = 0")
    conn.execute("UPDATE stock SET sold = sold + 1, available = available - 1 WHERE available > 0")

    broken = [check["name"] for check in look(api, admin)["checks"] if not check["holds"]]

    assert broken == ["a stock row holds and has sold what its orders say"]


def test_a_run_that_is_killed_anywhere_goes_on_where_it_was(api: Client, database: Database, conn: Connection) -> None:
    sell(conn, 3)

    def one_part(connection: Connection) -> None:
        assert isinstance(connection, db.Connection)
        (part,) = service.list_next(connection) or [None]
        if part:
            with connection.transaction():
                service.check_next(connection, part)

    kills = len(list(die_everywhere(database, conn, one_part)))
    run_job()
    row = conn.execute("SELECT checked, finished_at IS NOT NULL FROM invariant_runs").fetchone()

    assert row == (3 + 1 + 1, True), "each order, event and pool once"
    assert kills > 10
    invariants.check(conn)


def test_two_runs_at_once_check_each_part_once(api: Client, database: Database, conn: Connection) -> None:
    sell(conn, 4)

    def work(connection: Connection, _: int) -> int:
        done = 0
        while parts := service.list_next(connection):  # type: ignore[arg-type]
            with connection.transaction():
                done += service.check_next(connection, parts[0])  # type: ignore[arg-type]
        return done

    assert sum(race(database, 4, work)) == 2 + 1 + 1 + 6 + 1
    assert conn.execute("SELECT checked FROM invariant_runs").fetchall() == [(4 + 1 + 1,)]
