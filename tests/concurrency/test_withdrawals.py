"""A withdrawal races: with itself, and with transfers, refunds and scans of the same tickets."""

from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice import config
from boxoffice.platform import withdrawals
from boxoffice.tickets import service as tickets
from boxoffice.tickets.models import PrintedTicket
from tests.concurrency.test_transfers import accept
from tests.faults.test_killed_withdrawals import list_all, start
from tests.helpers import factories, invariants
from tests.helpers.doors import Doors, open_doors
from tests.helpers.racing import deadlocks, race
from tests.helpers.rings import KeyRing
from tests.helpers.support import Client, Database


@pytest.fixture
def doors(api: Client, conn: Connection, monkeypatch: pytest.MonkeyPatch) -> Doors:
    ring = KeyRing()
    monkeypatch.setenv("TICKET_KEYS_SECRET", ring.id)
    config.settings.cache_clear()
    doors = open_doors(api, conn)
    doors.ring = ring  # type: ignore[attr-defined]
    return doors


def leak(doors: Doors) -> None:
    """Let another key sign, and list what the former key has signed."""
    doors.ring.rotate()  # type: ignore[attr-defined]
    config.forget_secrets()
    start(doors.conn)
    list_all(doors.conn)


def renew(conn: Connection) -> int:
    done = 0
    while renewals := withdrawals.find_renewals(conn, [])[:3]:
        with conn.transaction():
            done += withdrawals.renew(conn, renewals)
    return done


def test_two_runs_renew_each_order_once(doors: Doors, database: Database, conn: Connection) -> None:
    orders = {doors.sell()[0].order_id for _ in range(12)}
    leak(doors)

    done = race(database, 4, lambda conn, _: renew(conn))

    assert sum(done) == len(orders)
    emails = conn.execute("SELECT payload->>'order_id' FROM outbox WHERE payload ? 'renewed'").fetchall()
    assert sorted(UUID(order) for (order,) in emails) == sorted(orders)
    assert conn.execute("SELECT cardinality(replaced_qrs), count(*) FROM tickets GROUP BY 1").fetchall() == [(1, 12)]
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_a_reissue_races_with_all_that_changes_a_ticket(doors: Doors, database: Database, conn: Connection) -> None:
    """Whatever comes first, the ticket has one holder, one QR of the new key, and admits once."""
    sold = [doors.sell(2) for _ in range(4)]
    transfers = [factories.transfer(conn, pair[0].id) for pair in sold]
    leak(doors)

    def act(conn: Connection, number: int) -> Any:
        if number == 0:
            return renew(conn)
        if number == 1:
            return [accept(conn, transfer) for transfer in transfers]
        if number == 2:
            return [factories.refund(conn, pair[1].id) for pair in sold[:2]]
        return [entered(conn, doors, pair[1]) for pair in sold[2:]]

    race(database, 5, act)

    for pair in sold:
        for ticket in tickets.list_valid(conn, pair[0].order_id):
            assert ticket.key_id == 2
    entries = conn.execute("SELECT entries FROM tickets WHERE id = ANY(%s)", [[pair[1].id for pair in sold[2:]]])
    assert entries.fetchall() == [(1,), (1,)]
    assert deadlocks(conn) == 0
    invariants.check(conn)


def entered(conn: Connection, doors: Doors, ticket: PrintedTicket) -> str:
    """Show the QR from before the reissue at the door. Return the outcome."""
    from boxoffice.checkin import service
    from boxoffice.checkin.models import ScanRequest
    from boxoffice.errors import DomainError

    try:
        return service.scan_ticket(conn, doors.staff, ScanRequest(qr=ticket.qr)).outcome
    except DomainError as error:
        return error.code
