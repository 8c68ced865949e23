"""POST /v1/events/{event_id}/scan-sync"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg import Connection

from tests.helpers import factories, invariants
from tests.helpers.doors import Doors, offline, open_doors
from tests.helpers.support import Client


def outcomes(answer: Any) -> list[str]:
    return [result["outcome"] for result in answer.json["results"]]


def test_offline_entries_count(doors: Doors) -> None:
    first, second = doors.sell(2)

    answer = doors.sync("A", offline(1, first, 20, gate="North"), offline(2, second, 19))

    assert answer.status == 200
    assert outcomes(answer) == ["admitted", "admitted"]
    assert answer.json["conflicts"] == []
    refused = doors.scan(first)
    assert (refused.code, refused.json["first_scan_gate"]) == ("already_scanned", "North")
    invariants.check(doors.conn)


def test_a_repeated_sync_changes_nothing(doors: Doors) -> None:
    (ticket,) = doors.sell(max_entries=5)
    scans = [offline(number, ticket, 20 - number) for number in range(1, 4)]
    first = doors.sync("A", *scans)

    again = doors.sync("A", *scans)
    in_parts = [doors.sync("A", scan) for scan in reversed(scans)]

    assert outcomes(first) == outcomes(again) == ["admitted"] * 3
    assert [result["scan_id"] for result in first.json["results"]] == [
        part.json["results"][0]["scan_id"] for part in reversed(in_parts)
    ]
    assert doors.conn.execute("SELECT entries FROM tickets").fetchone() == (3,)
    invariants.check(doors.conn)


def test_the_earliest_entry_counts_whichever_device_reports_first(doors: Doors) -> None:
    (ticket,) = doors.sell()

    late = doors.sync("B", offline(7, ticket, 5, gate="South"))
    early = doors.sync("A", offline(3, ticket, 9, gate="North"))

    assert outcomes(late) == ["admitted"]
    assert outcomes(early) == ["admitted"]
    (conflict,) = early.json["conflicts"]
    assert (conflict["device_id"], conflict["sequence"], conflict["outcome"]) == ("B", 7, "already_scanned")
    assert (conflict["first_scan"]["device_id"], conflict["first_scan"]["gate"]) == ("A", "North")
    assert outcomes(doors.sync("B", offline(7, ticket, 5, gate="South"))) == ["already_scanned"]
    invariants.check(doors.conn)


def test_an_online_entry_counts_by_the_servers_clock(doors: Doors) -> None:
    before, after = doors.sell(2)
    doors.scan(before, device_id="online", gate="Main")
    doors.scan(after, device_id="online", gate="Main")

    answer = doors.sync(
        "A", offline(1, before, 10), offline(2, after, -10, ahead=timedelta(0)), ahead=timedelta(hours=1)
    )

    assert outcomes(answer) == ["admitted", "admitted"]
    assert {conflict["device_id"] for conflict in answer.json["conflicts"]} == {"online"}
    invariants.check(doors.conn)


@pytest.mark.parametrize("ahead", [timedelta(days=-400), timedelta(seconds=-90), timedelta(hours=30)])
def test_a_wrong_clock_is_corrected_and_its_skew_stored(doors: Doors, ahead: timedelta) -> None:
    (ticket,) = doors.sell()

    doors.sync("right", offline(1, ticket, 10))
    answer = doors.sync("wrong", offline(1, ticket, 11, ahead=ahead), ahead=ahead)

    assert abs(timedelta(milliseconds=answer.json["skew_ms"]) - ahead) < timedelta(seconds=5)
    assert outcomes(answer) == ["admitted"]
    assert [conflict["device_id"] for conflict in answer.json["conflicts"]] == ["right"]
    eleven_minutes_ago = datetime.now(UTC) - timedelta(minutes=11)
    at, device_time, skew_ms = (
        doors.conn.execute("SELECT at, device_time, skew_ms FROM scans WHERE device_id = 'wrong'").fetchone() or ()
    )
    assert abs(at - eleven_minutes_ago) < timedelta(seconds=5)
    assert abs(device_time - ahead - eleven_minutes_ago) < timedelta(seconds=5)
    assert skew_ms == answer.json["skew_ms"]


def test_a_scan_counts_at_the_sync_if_the_clock_was_set_back(doors: Doors) -> None:
    (ticket,) = doors.sell()

    answer = doors.sync("A", offline(1, ticket, -600))

    at = datetime.fromisoformat(answer.json["results"][0]["at"])
    assert abs(at - datetime.now(UTC)) < timedelta(seconds=5)


def test_a_clock_that_starts_in_1970_is_corrected(doors: Doors) -> None:
    (ticket,) = doors.sell()
    behind = datetime.now(UTC) - datetime(1970, 1, 2, tzinfo=UTC)

    answer = doors.sync("A", offline(1, ticket, 5, ahead=-behind), ahead=-behind)

    assert outcomes(answer) == ["admitted"]
    at = datetime.fromisoformat(answer.json["results"][0]["at"])
    assert abs(at - datetime.now(UTC) + timedelta(minutes=5)) < timedelta(seconds=5)


def test_entries_before_a_refund_count_and_entries_after_it_are_conflicts(doors: Doors) -> None:
    before, after = doors.sell() + doors.sell()
    doors.refund(before)
    doors.refund(after)
    doors.conn.execute("SELECT pg_sleep(0.01)")

    answer = doors.sync("A", offline(1, before, 10), offline(2, after, 0))

    admitted, refused = answer.json["results"]
    assert (admitted["outcome"], refused["outcome"]) == ("admitted", "refunded")
    assert admitted["refunded_at"]
    (conflict,) = answer.json["conflicts"]
    assert (conflict["ticket_id"], conflict["outcome"], conflict["first_scan"]) == (str(after.id), "refunded", None)
    invariants.check(doors.conn)


def test_a_former_qr_counts_if_it_was_scanned_before_the_transfer(doors: Doors) -> None:
    before, after = doors.sell(2)
    newer = doors.transfer(before)
    doors.transfer(after)
    doors.conn.execute("SELECT pg_sleep(0.01)")

    answer = doors.sync("A", offline(1, before, 10), offline(2, after, 0))

    assert outcomes(answer) == ["admitted", "transferred"]
    assert [conflict["outcome"] for conflict in answer.json["conflicts"]] == ["transferred"]
    assert doors.scan(newer).code == "already_scanned"
    invariants.check(doors.conn)


def test_a_qr_of_no_ticket_of_the_event_is_not_stored(doors: Doors, api: Client, conn: Connection) -> None:
    (ticket,) = doors.sell()
    (foreign,) = open_doors(api, conn).sell()
    other_type = factories.ticket_type(conn, event_id=factories.event(conn, organisation_id=doors.organisation))
    from boxoffice.tickets import service as tickets

    other = tickets.list_for_order(conn, factories.paid_order(conn, other_type))[0]
    texts = [ticket.qr[:-1] + ("A" if ticket.qr[-1] != "A" else "B"), "BO1:", "", "\0", foreign.qr, other.qr]

    answer = doors.sync("A", *(offline(number, text, 5) for number, text in enumerate(texts, 1)))

    assert outcomes(answer) == ["forged"] * 5 + ["wrong_event"]
    assert conn.execute("SELECT count(*) FROM scans").fetchone() == (0,)


def test_a_sequence_of_two_scans_is_refused(doors: Doors) -> None:
    first, second = doors.sell(2)
    doors.sync("A", offline(1, first, 5))

    assert outcomes(doors.sync("A", offline(1, second, 4))) == ["sequence_reused"]
    assert outcomes(doors.sync("A", offline(2, second, 4))) == ["admitted"]


def test_an_online_scan_whose_answer_was_lost_is_no_conflict_with_itself(doors: Doors) -> None:
    (ticket,) = doors.sell()
    doors.scan(ticket, device_id="A", sequence=4)

    answer = doors.sync("A", offline(4, ticket, 0))

    assert outcomes(answer) == ["admitted"]
    assert answer.json["conflicts"] == []
    invariants.check(doors.conn)


def test_an_online_refusal_whose_answer_was_lost_becomes_a_conflict(doors: Doors) -> None:
    (ticket,) = doors.sell()
    doors.scan(ticket, device_id="B", sequence=1)
    assert doors.scan(ticket, device_id="A", sequence=4).code == "already_scanned"

    answer = doors.sync("A", offline(4, ticket, 0))

    assert outcomes(answer) == ["already_scanned"]
    assert [conflict["device_id"] for conflict in answer.json["conflicts"]] == ["A"]
    invariants.check(doors.conn)


def test_a_former_qr_that_was_refused_online_and_let_in_all_the_same_is_a_conflict(doors: Doors) -> None:
    (ticket,) = doors.sell()
    newer = doors.transfer(ticket)
    assert doors.scan(ticket, device_id="A", sequence=4).code == "transferred"

    answer = doors.sync("A", offline(4, ticket, 0))

    assert outcomes(answer) == ["transferred"]
    assert [conflict["outcome"] for conflict in answer.json["conflicts"]] == ["transferred"]
    assert doors.scan(newer).status == 200
    invariants.check(doors.conn)


def test_an_undone_scan_stays_undone_when_it_is_synced_again(doors: Doors) -> None:
    (ticket,) = doors.sell()
    scan = offline(1, ticket, 5)
    doors.undo(doors.sync("A", scan).json["results"][0]["scan_id"])

    assert outcomes(doors.sync("A", scan)) == ["undone"]
    assert doors.conn.execute("SELECT entries FROM tickets").fetchone() == (0,)
    invariants.check(doors.conn)


@pytest.mark.parametrize(
    "change",
    [
        {"scans": []},
        {"scans": {"sequence": 1, "qr": "x", "at": "2026-01-01T00:00:00Z"}},
        {"scans": [{"sequence": n, "qr": "x", "at": "2026-01-01T00:00:00Z"} for n in range(1, 502)]},
        {"sent_at": None},
        {"device_id": ""},
    ],
)
def test_a_malformed_sync_is_refused(doors: Doors, change: dict[str, Any]) -> None:
    scans = [{"sequence": 1, "qr": "x", "at": "2026-01-01T00:00:00Z"}]
    body = {"device_id": "A", "sent_at": "2026-01-01T00:00:00Z", "scans": scans, **change}

    answer = doors.api.post(f"/v1/events/{doors.event}/scan-sync", body, account=doors.scanner)

    assert (answer.status, answer.code) == (422, "invalid")


UNREADABLE: list[tuple[object, int | None, list[str]]] = [
    (None, None, []),
    ("BO1:", None, []),
    ([1, "BO1:", "2026-01-01T00:00:00Z"], None, []),
    ({}, None, ["sequence", "qr", "at"]),
    ({"sequence": 0, "qr": "x", "at": "2026-01-01T00:00:00Z"}, None, ["sequence"]),
    ({"sequence": 2**53, "qr": "x", "at": "2026-01-01T00:00:00Z"}, None, ["sequence"]),
    ({"sequence": "8", "qr": "x", "at": "2026-01-01T00:00:00Z"}, None, ["sequence"]),
    ({"sequence": 8, "qr": None, "at": "2026-01-01T00:00:00Z"}, 8, ["qr"]),
    ({"sequence": 8, "qr": "x" * 501, "at": "2026-01-01T00:00:00Z"}, 8, ["qr"]),
    ({"sequence": 8, "qr": "x", "at": "yesterday"}, 8, ["at"]),
    ({"sequence": 8, "qr": "x", "at": "1969-12-31T23:59:59Z"}, 8, ["at"]),
    ({"sequence": 8, "qr": "x", "at": "2026-01-01T00:00:00Z", "gate": "\u0000"}, 8, ["gate"]),
    ({"sequence": 8, "qr": "x", "at": "2026-01-01T00:00:00Z", **{f"more{n}": n for n in range(99)}}, 8, ["more"]),
]


def test_a_scan_that_cannot_be_read_is_told_singly_and_keeps_no_other_back(doors: Doors) -> None:
    first, last = doors.sell(2)
    scans = [offline(1, first, 9), *(scan for scan, _, _ in UNREADABLE), offline(2, last, 8)]

    answers = [doors.sync("A", *scans) for _ in range(2)]  # type: ignore[arg-type]

    results = answers[0].json["results"]
    assert answers[1].json["results"] == results
    assert [result["index"] for result in results] == list(range(15))
    assert outcomes(answers[0]) == ["admitted", *["invalid"] * 13, "admitted"]
    assert [result["sequence"] for result in results[1:-1]] == [sequence for _, sequence, _ in UNREADABLE]
    for result, (_, _, fields) in zip(results[1:-1], UNREADABLE, strict=True):
        assert {str(error["loc"][0]).rstrip("0123456789") for error in result["errors"] if error["loc"]} == {*fields}
        assert all(error["msg"] for error in result["errors"])
        assert result["errors"]
    assert sum(len(result["errors"]) for result in results) == 20
    assert doors.conn.execute("SELECT array_agg(sequence ORDER BY sequence) FROM scans").fetchone() == ([1, 2],)
    invariants.check(doors.conn)


def test_of_several_scans_with_one_sequence_the_first_counts(doors: Doors) -> None:
    first, other = doors.sell(2)
    scan = offline(1, first, 9)

    answer = doors.sync("A", scan, scan, offline(1, other, 8), offline(1, "BO1:", 7), offline(2, other, 6))

    assert outcomes(answer) == ["admitted", "admitted", "sequence_reused", "sequence_reused", "admitted"]
    assert [result["index"] for result in answer.json["results"]] == [0, 1, 2, 3, 4]
    invariants.check(doors.conn)


def test_a_sequence_belongs_to_the_qr_and_the_gate_that_it_was_first_sent_with(doors: Doors) -> None:
    (ticket,) = doors.sell(max_entries=9)
    newer = doors.transfer(ticket)
    doors.sync("A", offline(1, newer, -1, gate="North"))
    doors.scan(newer, device_id="A", sequence=2)
    doors.admit(ticket.id, device_id="A", sequence=3)

    repeats = [
        offline(1, newer, 0, gate="North"),
        offline(1, newer, 0, gate="South"),
        offline(1, ticket, 0, gate="North"),
        offline(2, ticket, 0),
        offline(3, newer, 0),
    ]

    assert [outcomes(doors.sync("A", repeat))[0] for repeat in repeats] == ["admitted", *["sequence_reused"] * 4]
    assert doors.conn.execute("SELECT entries FROM tickets").fetchone() == (3,)
    invariants.check(doors.conn)


def test_a_clock_that_was_set_right_before_the_report_wins_over_nobody(doors: Doors) -> None:
    """Whichever reports first, the entry of known time counts. The other one is marked, at the time of its report."""
    first, second = doors.sell(2)
    in_1970 = {"sequence": 1, "qr": first.qr, "at": "1970-01-01T00:10:00Z"}
    doors.sync("stopped", in_1970)
    doors.sync("right", offline(1, first, 5), offline(2, second, 5))

    late = doors.sync("stopped", in_1970, {**in_1970, "sequence": 2, "qr": second.qr})

    assert outcomes(late) == ["already_scanned", "already_scanned"]
    assert [result["time_unknown"] for result in late.json["results"]] == [True, True]
    assert {conflict["first_scan"]["device_id"] for conflict in late.json["conflicts"]} == {"right"}
    assert outcomes(doors.sync("right", offline(1, first, 5))) == ["admitted"]
    at = datetime.fromisoformat(late.json["results"][1]["at"])
    assert abs(at - datetime.now(UTC)) < timedelta(seconds=5)
    assert [conflict["time_unknown"] for conflict in doors.conflicts()] == [True, True]
    assert {conflict["device_time"] for conflict in doors.conflicts()} == {"1970-01-01T00:10:00Z"}
    invariants.check(doors.conn)


def test_entries_of_unknown_time_count_by_device_whoever_reports_first(doors: Doors) -> None:
    tickets = doors.sell(2, max_entries=2)
    reports = [(device, offline(1, tickets[0], 60 * 24 * 365)) for device in ("C", "A", "B")]
    for device, scan in reports:
        doors.sync(device, scan)
    for device, scan in reversed(reports):
        doors.sync(device, {**scan, "sequence": 2, "qr": tickets[1].qr})

    for sequence in (1, 2):
        query = "SELECT device_id, outcome FROM scans WHERE sequence = %s ORDER BY device_id"
        assert doors.conn.execute(query, [sequence]).fetchall() == [
            ("A", "admitted"),
            ("B", "admitted"),
            ("C", "already_scanned"),
        ]
    invariants.check(doors.conn)


@pytest.mark.parametrize(("hours_before_doors", "is_unknown"), [(11, False), (13, True)])
def test_no_scan_is_long_before_the_doors_open(doors: Doors, hours_before_doors: int, is_unknown: bool) -> None:
    (ticket,) = doors.sell()
    doors.conn.execute("UPDATE events SET doors_open_at = now() - interval '1 hour' WHERE id = %s", [doors.event])

    answer = doors.sync("A", offline(1, ticket, 60 + 60 * hours_before_doors))

    assert outcomes(answer) == ["admitted"]
    assert answer.json["results"][0]["time_unknown"] is is_unknown
    invariants.check(doors.conn)


def test_only_members_of_the_organisation_sync(doors: Doors) -> None:
    rival = factories.member(doors.conn, factories.organisation(doors.conn), "owner")
    body = {"device_id": "A", "sent_at": "2026-01-01T00:00:00Z", "scans": [offline(1, "x", 1)]}
    path = f"/v1/events/{doors.event}/scan-sync"

    assert doors.api.post(path, body).status == 401
    assert doors.api.post(path, body, account=rival).status == 404
