"""Offline scans: their times, results and conflicts. The manifest: its pages, versions and tickets."""

from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

import pytest

from boxoffice.checkin import rules
from boxoffice.checkin.models import (
    EventAtDoor,
    ManifestCursor,
    ManifestTicket,
    OfflineScan,
    RecountedScan,
    ReportedScan,
)

NOW = datetime(2026, 3, 1, 20, 15, tzinfo=UTC)
NIL = UUID(int=0)
TICKET, OTHER = UUID(int=1), UUID(int=2)


def scan(at: datetime, sequence: int = 1) -> OfflineScan:
    return OfflineScan(sequence=sequence, qr="BO1:", at=at)


def recounted(sequence: int, outcome: str, *, device: str = "A", ticket: UUID = TICKET) -> RecountedScan:
    return RecountedScan(UUID(int=sequence), ticket, b"", outcome, device, sequence, None, NOW, False, None)  # type: ignore[arg-type]


def reported(sequence: int, refusal: Literal["wrong_event"] | None = None) -> ReportedScan:
    return ReportedScan(sequence, TICKET, b"", None, refusal, None if refusal else {})


def event(oldest_open_xid: int = 50, next_xid: int = 60, title: str = "Jazz") -> EventAtDoor:
    return EventAtDoor(NIL, NIL, title, "Africa/Lagos", "published", None, NOW, NOW, [], [], oldest_open_xid, next_xid)


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(days=3, seconds=1), timedelta(hours=-7, milliseconds=-2)])
def test_the_time_of_a_clock_that_is_ahead_or_behind_is_corrected(ahead: timedelta) -> None:
    skew = rules.clock_skew(NOW + ahead, NOW)
    happened = NOW - timedelta(minutes=20)

    assert skew == ahead
    assert rules.corrected_time(scan(happened + ahead), NOW + ahead, skew) == happened


def test_a_scan_that_is_later_than_its_report_counts_at_the_report() -> None:
    assert rules.corrected_time(scan(NOW + timedelta(hours=2)), NOW, timedelta(0)) == NOW


def test_a_first_reading_has_all_tickets_and_the_next_starts_at_the_oldest_open_transaction() -> None:
    start = rules.start_reading(None, event(oldest_open_xid=50), 2)

    assert start == ManifestCursor(50, 0, 2, NIL)
    assert rules.next_cursor(start, [], has_more=False) == ManifestCursor(0, 50, 2, NIL)


def test_all_pages_of_a_reading_keep_the_oldest_open_transaction_of_the_first() -> None:
    tickets = [ManifestTicket(TICKET, NIL, 1, 0, b"", None, None, 1, 1, changed_in=7)]
    page = rules.next_cursor(ManifestCursor(50, 0, 2, NIL), tickets, has_more=True)

    assert page == ManifestCursor(50, 7, 2, TICKET)
    assert rules.start_reading(page, event(oldest_open_xid=55), 2) == page


def test_the_next_reading_starts_at_the_oldest_open_transaction_of_the_last() -> None:
    start = rules.start_reading(ManifestCursor(0, 50, 2, NIL), event(oldest_open_xid=58), 2)

    assert start == ManifestCursor(58, 50, 2, NIL)


def test_a_cursor_beyond_the_newest_transaction_starts_over() -> None:
    start = rules.start_reading(ManifestCursor(0, 61, 2, NIL), event(oldest_open_xid=50, next_xid=60), 2)

    assert start == ManifestCursor(50, 0, 2, NIL)


def test_a_version_is_known_while_event_keys_and_setting_stay_the_same() -> None:
    def fingerprint_of(event: EventAtDoor, keys: list[int], *, block_disputed: bool = False) -> str:
        return rules.manifest_fingerprint(event, keys, block_disputed=block_disputed)

    fingerprint = fingerprint_of(event(), [2])
    version = rules.manifest_version(ManifestCursor(50, 0, 2, NIL), fingerprint)

    assert rules.first_unknown_xid(version, fingerprint_of(event(oldest_open_xid=99), [2])) == 50
    assert rules.first_unknown_xid(version, fingerprint_of(event(title="Blues"), [2])) is None
    assert rules.first_unknown_xid(version, fingerprint_of(event(), [])) is None
    assert rules.first_unknown_xid(version, fingerprint_of(event(), [2], block_disputed=True)) is None
    for other in (None, "", "50", "x.y", "-1.a", version + "0"):
        assert rules.first_unknown_xid(other, fingerprint) is None


def test_the_manifest_lists_former_qrs_too() -> None:
    ticket = ManifestTicket(TICKET, OTHER, 3, 1, b"\xff" * 16, [b"\0" * 32], None, 2, 4, changed_in=7)

    items = [("_____________________w", 2, 4), ("AAAAAAAAAAAAAAAAAAAAAA", -2, 4)]
    assert rules.manifest_tickets([ticket], []) == {OTHER: items}


def test_the_manifest_lists_replaced_qrs_as_long_as_their_key_is_not_withdrawn() -> None:
    """The first was replaced before the ticket was transferred, the second since."""
    replaced = [
        {"qr_hash": "00" * 16, "key_id": 1, "transfer_count": 0},
        {"qr_hash": "ff" * 16, "key_id": 2, "transfer_count": 1},
    ]
    ticket = ManifestTicket(TICKET, OTHER, 3, 1, b"\x01" * 16, [b"\x02" * 32], replaced, 2, 4, changed_in=7)

    def listed(withdrawn_keys: list[int]) -> list[int]:
        return [left for _, left, _ in rules.manifest_tickets([ticket], withdrawn_keys)[OTHER]]

    assert listed([]) == [2, -2, -2, 2]
    assert listed([1]) == [2, -2, -2, 2]
    assert listed([1, 2]) == [2, -2, -2, -4]
    assert listed([1, 2, 3]) == [-4, -2, -2, -4]


def test_a_used_ticket_of_a_withdrawn_key_is_used() -> None:
    ticket = ManifestTicket(TICKET, OTHER, 1, 0, b"", None, None, 0, 1, changed_in=7)

    assert rules.manifest_tickets([ticket], [1]) == {OTHER: [("", 0, 1)]}


def test_a_reading_starts_over_once_more_keys_are_withdrawn() -> None:
    """An environment that has not read the ring again yet goes on, so that no device reads all in turns."""
    cursor = ManifestCursor(0, 50, 1, NIL)

    assert rules.start_reading(cursor, event(oldest_open_xid=58), 2) == ManifestCursor(58, 0, 2, NIL)
    assert rules.start_reading(cursor, event(oldest_open_xid=58), 0) == ManifestCursor(58, 50, 1, NIL)


def test_results_come_in_the_order_of_the_scans() -> None:
    scans = [scan(NOW, number) for number in (5, 4, 3, 2)]
    sent = [reported(5), reported(4), reported(3, "wrong_event")]
    stored = [recounted(4, "admitted", ticket=OTHER), recounted(5, "admitted"), recounted(5, "refunded", device="B")]

    results = rules.sync_results(scans, "A", sent, stored)

    assert [result.outcome for result in results] == ["admitted", "sequence_reused", "wrong_event", "forged"]


def test_a_conflict_has_the_first_entry_that_counts() -> None:
    scans = [recounted(1, "admitted"), recounted(2, "undone"), recounted(3, "already_scanned", device="B")]
    scans += [recounted(4, "refunded", ticket=OTHER)]

    double, refunded = rules.find_conflicts(scans)

    assert (double.device_id, double.first_scan and double.first_scan.scan_id) == ("B", UUID(int=1))
    assert (refunded.outcome, refunded.first_scan) == ("refunded", None)
