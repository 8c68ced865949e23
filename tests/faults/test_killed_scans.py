"""A process dies at any round trip of a scan, a sync or an undo: it takes effect wholly or not at all."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.checkin import service
from boxoffice.checkin.models import ScanRequest, SyncRequest
from tests.helpers import invariants
from tests.helpers.doors import Doors, offline, open_doors
from tests.helpers.racing import die_at, wait_for_rollbacks
from tests.helpers.snapshots import snapshot
from tests.helpers.support import Client, Database

type Action = Callable[[Connection], object]


@pytest.fixture
def doors(api: Client, conn: Connection) -> Doors:
    return open_doors(api, conn)


def scan(doors: Doors) -> Action:
    (ticket,) = doors.sell(max_entries=3)
    request = ScanRequest(qr=ticket.qr, device_id="A", sequence=1)
    return lambda conn: service.scan_ticket(conn, doors.staff, request)


def sync(doors: Doors) -> Action:
    tickets = doors.sell(3, max_entries=2)
    doors.sync("B", *(offline(number, ticket, 10) for number, ticket in enumerate(tickets * 2, 1)))
    scans = [offline(number, ticket, 20) for number, ticket in enumerate(tickets, 1)]
    sent_at = datetime.now(UTC) + timedelta(minutes=3)
    request = SyncRequest.model_validate({"device_id": "A", "sent_at": sent_at, "scans": scans})
    return lambda conn: service.sync_scans(conn, doors.staff, doors.event, request)


def undo(doors: Doors) -> Action:
    (ticket,) = doors.sell()
    scan_id = UUID(doors.scan(ticket).json["scan_id"])
    return lambda conn: service.undo_scan(conn, doors.management, scan_id)


@pytest.mark.parametrize(("make", "moments", "in_one_statement"), [(scan, 1, True), (sync, 8, False), (undo, 8, False)])
def test_killed_anywhere_it_takes_effect_wholly_or_not_at_all_and_once_when_repeated(
    doors: Doors,
    database: Database,
    conn: Connection,
    make: Callable[[Doors], Action],
    moments: int,
    in_one_statement: bool,
) -> None:
    action = make(doors)
    before = snapshot(conn)

    def act(conn: Connection) -> None:
        if in_one_statement:
            action(conn)
            return
        with conn.transaction():
            action(conn)

    moment = 0
    while die_at(database, moment, act) and snapshot(conn) == before:
        wait_for_rollbacks(conn)
        moment += 1
    wait_for_rollbacks(conn)
    after = snapshot(conn)
    act(conn)

    assert moment >= moments
    assert after != before
    assert snapshot(conn) == after
    invariants.check(conn)
