"""When an offline scan happened, where a reading of the manifest goes on, and what a device is told."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from boxoffice.checkin import rules
from boxoffice.checkin.models import Door, ManifestTicket, OfflineScan, Position, Settled, Verdict

NOW = datetime(2026, 3, 1, 20, 15, tzinfo=UTC)
NIL = UUID(int=0)
TICKET, OTHER = UUID(int=1), UUID(int=2)


def scan(at: datetime, sequence: int = 1) -> OfflineScan:
    return OfflineScan(sequence=sequence, qr="BO1:", at=at)


def settled(sequence: int, outcome: str, *, device: str = "A", ticket: UUID = TICKET) -> Settled:
    return Settled(UUID(int=sequence), ticket, outcome, device, sequence, None, NOW, None)  # type: ignore[arg-type]


def door(floor: int = 50, ceiling: int = 60, title: str = "Jazz") -> Door:
    return Door(NIL, NIL, title, "Africa/Lagos", "published", None, NOW, NOW, [], [], floor, ceiling)


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(days=3, seconds=1), timedelta(hours=-7, milliseconds=-2)])
def test_a_clock_that_is_ahead_or_behind_is_put_right(ahead: timedelta) -> None:
    skew = rules.skew_of(NOW + ahead, NOW)
    happened = NOW - timedelta(minutes=20)

    assert skew == ahead
    assert rules.moment_of(scan(happened + ahead), NOW + ahead, skew) == happened


def test_a_scan_from_after_its_report_is_put_at_the_report() -> None:
    assert rules.moment_of(scan(NOW + timedelta(hours=2)), NOW, timedelta(0)) == NOW


def test_a_first_reading_is_the_whole_and_ends_where_changes_are_uncertain() -> None:
    start = rules.start_of(None, door(floor=50))

    assert start == Position(50, 0, NIL)
    assert rules.end_of(start, [], more=False) == Position(0, 50, NIL)


def test_a_reading_under_way_keeps_the_floor_that_it_began_with() -> None:
    read = [ManifestTicket(TICKET, NIL, b"", None, 1, 1, changed_in=7)]
    page = rules.end_of(Position(50, 0, NIL), read, more=True)

    assert page == Position(50, 7, TICKET)
    assert rules.start_of(page, door(floor=55)) == page


def test_the_next_reading_begins_where_the_last_one_was_certain() -> None:
    assert rules.start_of(Position(0, 50, NIL), door(floor=58)) == Position(58, 50, NIL)


def test_a_cursor_from_the_future_begins_anew() -> None:
    assert rules.start_of(Position(0, 61, NIL), door(floor=50, ceiling=60)) == Position(50, 0, NIL)


def test_a_version_is_known_while_the_events_own_terms_stay() -> None:
    terms = rules.terms_of(door(), [2])
    version = rules.version_of(Position(50, 0, NIL), terms)

    assert rules.floor_of(version, rules.terms_of(door(floor=99), [2])) == 50
    assert rules.floor_of(version, rules.terms_of(door(title="Blues"), [2])) is None
    assert rules.floor_of(version, rules.terms_of(door(), [])) is None
    assert [rules.floor_of(text, terms) for text in (None, "", "50", "x.y", "-1.a", version + "0")] == [None] * 6


def test_a_device_is_told_of_qrs_that_have_ended_too() -> None:
    ticket = ManifestTicket(TICKET, OTHER, b"\xff" * 16, [b"\0" * 32], 2, 4, changed_in=7)

    assert rules.entries_of([ticket]) == {OTHER: [("_____________________w", 2, 4), ("AAAAAAAAAAAAAAAAAAAAAA", -2, 4)]}


def test_results_stand_in_the_order_of_the_report() -> None:
    scans = [scan(NOW, number) for number in (5, 4, 3, 2)]
    verdicts = [Verdict(5, TICKET, None, {}), Verdict(4, TICKET, None, {}), Verdict(3, TICKET, "wrong_event", None)]
    kept = [settled(4, "admitted", ticket=OTHER), settled(5, "admitted"), settled(5, "refunded", device="B")]

    results = rules.results_of(scans, "A", verdicts, kept)

    assert [result.outcome for result in results] == ["admitted", "sequence_reused", "wrong_event", "forged"]


def test_a_conflict_names_the_entry_that_counts() -> None:
    known = [settled(1, "admitted"), settled(2, "undone"), settled(3, "already_scanned", device="B")]
    known += [settled(4, "refunded", ticket=OTHER)]

    double, refunded = rules.conflicts_of(known)

    assert (double.device_id, double.first and double.first.scan_id) == ("B", UUID(int=1))
    assert (refunded.outcome, refunded.first) == ("refunded", None)
