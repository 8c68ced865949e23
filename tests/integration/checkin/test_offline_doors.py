"""Devices that scan offline, each by itself.

The outcome does not depend on the order of their reports, and every conflict is reported.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from boxoffice.checkin import service
from boxoffice.checkin.models import ScanFilters, SyncRequest, SyncView
from tests.helpers import invariants
from tests.helpers.doors import Doors
from tests.helpers.offline_scanner import OfflineScanner
from tests.helpers.soak import SOAK

type Key = tuple[str | None, int | None]  # a scan's device and sequence; an online scan has neither

SECONDS = st.integers(-1800, 1800)


@dataclass(frozen=True)
class Plan:
    """What happens at the doors.

    Attributes:
        entries: the `max_entries` of each ticket.
        skews: by how many milliseconds the clock of each device is ahead.
        stopped: the devices whose clock stands in 1970 while they scan, and is set right before they report.
        fresh: the devices that read the manifest again after the refund and the transfer, which come at second 0.
        scans: device, ticket and second of each offline scan. The flag shows the new QR, if the ticket has one.
        online: ticket and second of each online scan.
    """

    entries: list[int]
    skews: list[int]
    stopped: set[int]
    fresh: set[int]
    scans: list[tuple[int, int, int, bool]]
    online: list[tuple[int, int]]


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    entries = draw(st.lists(st.integers(1, 3), min_size=1, max_size=4))
    skews = draw(st.lists(st.integers(-200_000_000, 200_000_000), min_size=2, max_size=4))
    ticket, device = st.integers(0, len(entries) + 1), st.integers(0, len(skews) - 1)
    return Plan(
        entries,
        skews,
        draw(st.sets(device, max_size=2)),
        draw(st.sets(device)),
        draw(st.lists(st.tuples(device, ticket, SECONDS, st.booleans()), max_size=16)),
        draw(st.lists(st.tuples(st.integers(0, len(entries) - 1), SECONDS.filter(lambda n: n % 7 == 3)), max_size=3)),
    )


# An order of reports: device, first scan and number of scans of each. Scans can come twice, or before earlier ones.
type Schedule = list[tuple[int, int, int]]
SCHEDULES = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 15), st.integers(1, 6)), max_size=10)


class Evening:
    """An event whose tickets are scanned as planned. At second 0 one is refunded and one transferred."""

    def __init__(self, doors: Doors, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
        self.doors = doors
        self._plan = plan
        self._monkeypatch = monkeypatch
        self.tickets = [doors.sell(1, max_entries=entries)[0] for entries in plan.entries]
        self._refunded, self._transferred = doors.sell(1, max_entries=2) + doors.sell(1, max_entries=2)
        self.devices = [OfflineScanner(f"device {number}") for number in range(len(plan.skews))]
        self._read(self.devices)
        self._scan_online()
        doors.refund(self._refunded)
        self._newer = doors.transfer(self._transferred)
        self._zero = self._moment_of_change()
        self._date_online()
        self._read([self.devices[number] for number in plan.fresh])
        self._scan_offline()
        self.unsent = {device.device_id: device.unsent for device in self.devices}

    def _read(self, devices: list[OfflineScanner]) -> None:
        for device in devices:
            device.read(self.doors.manifest(device.cursor).json)

    def _scan_online(self) -> None:
        for ticket, _ in self._plan.online:
            self.doors.scan(self.tickets[ticket], gate="online")

    def _moment_of_change(self) -> datetime:
        row = self.doors.conn.execute("SELECT refunded_at FROM tickets WHERE id = %s", [self._refunded.id]).fetchone()
        assert row is not None
        return row[0].replace(microsecond=0) + timedelta(seconds=1)

    def _date_online(self) -> None:
        """Give the online scans the times of the plan."""
        times_of = defaultdict(list)
        for ticket, second in self._plan.online:
            times_of[self.tickets[ticket].id].append(self._zero + timedelta(seconds=second))
        for ticket_id, times in times_of.items():
            ids = self.doors.conn.execute(
                "SELECT id FROM scans WHERE ticket_id = %s ORDER BY id", [ticket_id]
            ).fetchall()
            for (scan_id,), at in zip(ids, sorted(times), strict=True):
                self.doors.conn.execute("UPDATE scans SET at = %s WHERE id = %s", [at, scan_id])
            self.doors.conn.execute(
                """UPDATE tickets SET first_scan_at = (
                    SELECT min(at) FROM scans WHERE ticket_id = tickets.id AND outcome = 'admitted')
                WHERE id = %s""",
                [ticket_id],
            )

    def _scan_offline(self) -> None:
        for device, ticket, second, newer in sorted(self._plan.scans, key=lambda scan: scan[2]):
            zero = datetime(1970, 2, 1, tzinfo=UTC) if device in self._plan.stopped else self._zero
            now = zero + timedelta(seconds=second, milliseconds=self._plan.skews[device])
            self.devices[device].scan(self._text(ticket, newer=newer), now)

    def _text(self, ticket: int, *, newer: bool) -> str:
        if ticket < len(self.tickets):
            return self.tickets[ticket].qr
        if ticket == len(self.tickets):
            return self._refunded.qr
        return (self._newer if newer else self._transferred).qr

    def report(self, schedule: Schedule) -> tuple[dict[Key, str], list[Any], set[Key]]:
        """Let the devices report in this order, and then all scans again. A rollback removes the reports afterwards.

        Returns:
            The outcome of each scan that let somebody in, the tickets, and the conflicts in the answers.
        """
        reported_conflicts: set[Key] = set()
        with self.doors.conn.transaction(force_rollback=True):
            batches = [(number % len(self.devices), start, length) for number, start, length in schedule]
            for number, start, length in [*batches, *((number, 0, 500) for number in range(len(self.devices)))]:
                reported_conflicts |= self._sync(self.devices[number], self._plan.skews[number], start, length)
            invariants.check(self.doors.conn)
            scans = self.doors.conn.execute(
                "SELECT device_id, sequence, outcome, id FROM scans WHERE let_in ORDER BY id"
            ).fetchall()
            tickets = self.doors.conn.execute(
                "SELECT id, entries, first_scan_at, first_scan_gate FROM tickets ORDER BY id"
            ).fetchall()
            conflicts = ScanFilters(only_conflicts=True, gate=None, ticket_id=None)
            page = service.list_scans(self.doors.conn, self.doors.management, self.doors.event, conflicts, 100, None)
            listed = {(scan.device_id, scan.sequence) for scan in page.items}
        outcomes = {(device, sequence if device else scan_id): outcome for device, sequence, outcome, scan_id in scans}
        assert listed == {(device, sequence) for device, sequence, outcome, _ in scans if outcome != "admitted"}
        return outcomes, tickets, reported_conflicts

    def _sync(self, device: OfflineScanner, skew: int, start: int, length: int) -> set[Key]:
        scans = device.unsent[start : start + length]
        if not scans:
            return set()
        clock = self._zero + timedelta(hours=1)
        self._monkeypatch.setattr(service, "datetime", _Clock(clock))
        sent_at = (clock + timedelta(milliseconds=skew)).isoformat()
        body = {"device_id": device.device_id, "sent_at": sent_at, "scans": scans}
        request = SyncRequest.model_validate(body)
        answer: SyncView = service.sync_scans(self.doors.conn, self.doors.staff, self.doors.event, request)
        assert answer.skew_ms == skew
        return {(conflict.device_id, conflict.sequence) for conflict in answer.conflicts}


@dataclass(frozen=True)
class _Clock:
    """Our clock, stopped."""

    moment: datetime

    def now(self, _: object) -> datetime:
        return self.moment


@settings(
    max_examples=round(25 * SOAK),
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(plan=plans(), one=SCHEDULES, other=SCHEDULES)
def test_the_order_of_reports_does_not_matter_and_every_conflict_is_reported(
    doors: Doors,
    monkeypatch: pytest.MonkeyPatch,
    plan: Plan,
    one: Schedule,
    other: Schedule,
) -> None:
    evening = Evening(doors, plan, monkeypatch)

    outcomes, tickets, reported = evening.report(one)
    other_outcomes, other_tickets, other_reported = evening.report(other)

    assert outcomes == other_outcomes
    assert tickets == other_tickets
    conflicts = {key for key, outcome in outcomes.items() if outcome != "admitted"}
    offline = {key for key in conflicts if key[0] is not None}
    assert offline <= reported
    assert offline <= other_reported
    assert {key[0] for key in conflicts} <= {key[0] for key in reported}


def test_a_device_repeats_a_report_without_an_answer_before_it_reads_the_manifest(doors: Doors) -> None:
    (ticket,) = doors.sell(max_entries=2)
    device = OfflineScanner("A")
    device.read(doors.manifest().json)
    now = datetime.now(UTC) - timedelta(minutes=1)
    device.scan(ticket.qr, now)

    for _ in range(2):
        doors.sync("A", *device.unsent)
    device.sent(list(device.unsent))
    device.read(doors.manifest(device.cursor).json)

    assert [device.scan(ticket.qr, now) for _ in range(2)] == ["admitted", "already_scanned"]


def test_a_device_goes_offline_and_comes_back(doors: Doors) -> None:
    (first,), (second,), (elsewhere,) = (doors.sell(max_entries=entries) for entries in (1, 2, 1))
    opens = datetime.now(UTC) - timedelta(hours=1)
    gates = [
        {"name": "North", "ticket_type_ids": None},
        {"name": "VIP", "ticket_type_ids": [str(first.ticket_type_id)]},
    ]
    changes = {"doors_open_at": opens.isoformat(), "gates": gates}
    assert doors.api.patch(f"/v1/events/{doors.event}", changes, account=doors.manager).status == 200
    device, vip = OfflineScanner("A", gate="North"), OfflineScanner("B", gate="VIP")
    for each in (device, vip):
        each.read(doors.manifest().json)

    now = datetime.now(UTC) - timedelta(minutes=10)
    assert device.scan(first.qr, opens - timedelta(minutes=1)) == "not_yet"
    assert [device.scan(first.qr, now) for _ in range(2)] == ["admitted", "already_scanned"]
    assert [device.scan(second.qr, now) for _ in range(3)] == ["admitted", "admitted", "already_scanned"]
    assert device.scan("BO1:" + "A" * 56, now) == "forged"
    assert (vip.scan(second.qr, now), vip.scan(first.qr, now + timedelta(minutes=1))) == ("wrong_gate", "admitted")
    doors.scan(elsewhere)

    reported = list(device.unsent)
    assert {result["outcome"] for result in doors.sync("A", *reported).json["results"]} == {"admitted"}
    device.sent(reported)
    device.read(doors.manifest(device.cursor).json)

    assert device.unsent == []
    assert {device.scan(ticket.qr, now) for ticket in (first, second, elsewhere)} == {"already_scanned"}
    assert [conflict["device_id"] for conflict in doors.sync("B", *vip.unsent).json["conflicts"]] == ["B"]
    invariants.check(doors.conn)
