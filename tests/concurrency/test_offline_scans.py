"""Devices report at once, others scan online, and a manager undoes scans: one outcome, and no deadlock."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from boxoffice.checkin import service
from boxoffice.checkin.models import ScanRequest, SyncRequest, TicketScanRequest
from boxoffice.errors import DomainError
from boxoffice.tickets.models import PrintedTicket
from tests.helpers import invariants
from tests.helpers.doors import Doors, offline, open_doors
from tests.helpers.offline_scanner import OfflineScanner
from tests.helpers.racing import deadlocks, race
from tests.helpers.support import Client, Database


@pytest.fixture
def doors(api: Client, conn: Connection) -> Doors:
    return open_doors(api, conn)


def sync(doors: Doors, conn: Connection, device_id: str, scans: list[dict[str, Any]]) -> None:
    request = SyncRequest.model_validate({"device_id": device_id, "sent_at": datetime.now(UTC), "scans": scans})
    with conn.transaction():
        service.sync_scans(conn, doors.staff, doors.event, request)


def scans_of(device: int, tickets: list[PrintedTicket]) -> list[dict[str, Any]]:
    """Return a scan of every ticket, at times that differ from device to device."""
    order = Random(device).sample(tickets, len(tickets))
    return [offline(number, ticket, 90 - number - device / 60) for number, ticket in enumerate(order, 1)]


def test_devices_that_report_at_once_agree_with_devices_that_report_in_turn(
    doors: Doors, database: Database, conn: Connection
) -> None:
    tickets = doors.sell(12, max_entries=2) + doors.sell(12)
    reports = [scans_of(device, tickets) for device in range(8)]
    batches = [(device, report[at : at + 5]) for device, report in enumerate(reports) for at in range(0, 24, 5)]

    def report(conn: Connection, number: int) -> None:
        for device, batch in Random(number).sample(batches, len(batches)):
            if device % 4 == number % 4:  # each batch comes from two connections
                sync(doors, conn, f"device {device}", batch)

    race(database, 8, report)
    query = "SELECT device_id, sequence, outcome FROM scans ORDER BY device_id, sequence"
    at_once = conn.execute(query).fetchall()
    invariants.check(conn)
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute("DELETE FROM scans")
    conn.execute("UPDATE tickets SET entries = 0, first_scan_at = NULL, first_scan_gate = NULL")
    for device, scans in enumerate(reports):
        sync(doors, conn, f"device {device}", scans)

    assert deadlocks(conn) == 0
    assert conn.execute(query).fetchall() == at_once
    assert Counter(outcome for _, _, outcome in at_once) == {"admitted": 36, "already_scanned": 8 * 24 - 36}


def test_racing_scans_syncs_and_undos_admit_no_ticket_too_often(
    doors: Doors, database: Database, conn: Connection
) -> None:
    tickets = doors.sell(4, max_entries=3)

    def act(conn: Connection, number: int) -> int:
        random, undone = Random(number), 0
        for step in range(1, 13):
            ticket = random.choice(tickets)
            if number % 3 == 0:
                sync(doors, conn, f"device {number}", [offline(step, ticket, random.random() * 60)])
            elif number % 3 == 1:
                scan(doors, conn, ticket, f"device {number}", step)
            else:
                undone += undo_one(doors, conn)
        return undone

    undone = sum(race(database, 12, act))

    assert deadlocks(conn) == 0
    assert conn.execute("SELECT count(*) FROM scans WHERE outcome = 'undone'").fetchone() == (undone,)
    assert conn.execute("SELECT count(*) FROM audit_log").fetchone() == (undone,)
    invariants.check(conn)


def scan(doors: Doors, conn: Connection, ticket: PrintedTicket, device_id: str, sequence: int) -> bool:
    request = ScanRequest(qr=ticket.qr, device_id=device_id, sequence=sequence)
    try:
        return bool(service.scan_ticket(conn, doors.staff, request))
    except DomainError:
        return False


def undo_one(doors: Doors, conn: Connection) -> int:
    """Undo any entry. Return 1 if nobody else has undone it first."""
    row = conn.execute("SELECT id FROM scans WHERE outcome = 'admitted' ORDER BY random() LIMIT 1").fetchone()
    if row is None:
        return 0
    with conn.transaction():
        record = service.undo_scan(conn, doors.management, row[0])
        audited = conn.execute("SELECT count(*) FROM audit_log WHERE subject = %s", [f"scan {record.id}"]).fetchone()
        now = conn.execute("SELECT now()").fetchone()
    assert audited == (1,)
    assert now is not None
    return int(record.undone_at == now[0])


def test_a_sequence_that_is_sent_many_times_at_once_counts_once(
    doors: Doors, database: Database, conn: Connection
) -> None:
    (ticket,) = doors.sell(max_entries=9)

    def send(conn: Connection, number: int) -> bool:
        if number % 2:
            sync(doors, conn, "phone", [offline(1, ticket, 0)])
            return True
        return scan(doors, conn, ticket, "phone", 1)

    assert all(race(database, 16, send))
    assert conn.execute("SELECT entries FROM tickets").fetchone() == (1,)
    assert conn.execute("SELECT count(*) FROM scans").fetchone() == (1,)
    invariants.check(conn)


def test_a_device_that_reads_changes_during_scans_misses_none(
    doors: Doors, database: Database, conn: Connection
) -> None:
    tickets = doors.sell(20, max_entries=3)
    device = OfflineScanner("reader")
    device.read(doors.manifest().json)

    def act(conn: Connection, number: int) -> None:
        if number == 0:
            for _ in range(60):
                manifest, _ = service.get_scan_manifest(conn, doors.staff, doors.event, device.cursor, 7, None)
                device.read(manifest.model_dump(mode="json"))
            return
        for ticket in Random(number).sample(tickets, len(tickets)):
            with conn.transaction():  # stays open for a while, so that commits come in another order than begins
                request = TicketScanRequest(device_id=str(number))
                try:
                    service.scan_ticket_by_id(conn, doors.staff, ticket.id, request)
                except DomainError:
                    continue
                conn.execute("SELECT pg_sleep(random() / 200)")

    race(database, 7, act)
    has_more = True
    while has_more:
        manifest = doors.manifest(device.cursor).json
        device.read(manifest)
        has_more = manifest["has_more"]

    now = datetime.now(UTC) + timedelta(seconds=1)
    left = conn.execute("SELECT id, max_entries - entries FROM tickets").fetchall()
    assert {ticket_id for ticket_id, entries in left if entries == 0} == {
        ticket.id for ticket in tickets if device.scan(ticket.qr, now) == "already_scanned"
    }
    invariants.check(conn)
