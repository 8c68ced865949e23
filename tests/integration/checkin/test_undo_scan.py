"""POST /v1/scans/{scan_id}/undo"""

from uuid import uuid4

from tests.helpers import invariants
from tests.helpers.doors import Doors, offline


def test_an_undone_entry_can_be_used_again(doors: Doors) -> None:
    (ticket,) = doors.sell()
    scan_id = doors.scan(ticket, gate="North").json["scan_id"]

    answer = doors.undo(scan_id)

    assert answer.status == 200
    assert (answer.json["outcome"], answer.json["let_in"]) == ("undone", True)
    assert (answer.json["undone_by"]["id"], answer.json["undone_by"]["kind"]) == (str(doors.manager), "account")
    assert doors.conn.execute("SELECT entries, first_scan_at, first_scan_gate FROM tickets").fetchone() == (
        0,
        None,
        None,
    )
    assert doors.scan(ticket, gate="South").json["entries"] == 1
    audited = doors.conn.execute("SELECT action, subject, actor_id FROM audit_log").fetchall()
    assert audited == [("undo_scan", f"scan {scan_id}", doors.manager)]
    invariants.check(doors.conn)


def test_to_undo_a_scan_again_changes_nothing(doors: Doors) -> None:
    (ticket,) = doors.sell()
    scan_id = doors.scan(ticket).json["scan_id"]

    assert doors.undo(scan_id).json == doors.undo(scan_id).json
    assert doors.conn.execute("SELECT count(*) FROM audit_log").fetchone() == (1,)
    invariants.check(doors.conn)


def test_a_device_that_repeats_an_undone_scan_gets_undone(doors: Doors) -> None:
    (ticket,) = doors.sell()
    doors.undo(doors.scan(ticket, device_id="phone", sequence=1).json["scan_id"])
    doors.undo(doors.admit(ticket.id, device_id="phone", sequence=2).json["scan_id"])

    for repeated in (
        doors.scan(ticket, device_id="phone", sequence=1),
        doors.admit(ticket.id, device_id="phone", sequence=2),
    ):
        assert (repeated.status, repeated.code) == (409, "undone")
    assert doors.scan(ticket, device_id="phone", sequence=3).status == 200


def test_any_of_several_entries_can_be_undone(doors: Doors) -> None:
    (ticket,) = doors.sell(max_entries=2)
    first = doors.scan(ticket, gate="North").json["scan_id"]
    doors.scan(ticket, gate="South")

    doors.undo(first)

    assert doors.conn.execute("SELECT entries, first_scan_gate FROM tickets").fetchone() == (1, "South")
    invariants.check(doors.conn)


def test_a_conflict_counts_once_the_entry_before_it_is_undone(doors: Doors) -> None:
    (ticket,) = doors.sell()
    first = doors.sync("A", offline(1, ticket, 20)).json["results"][0]["scan_id"]
    doors.sync("B", offline(1, ticket, 10))
    assert len(doors.conflicts()) == 1

    doors.undo(first)

    assert doors.conflicts() == []
    assert doors.conn.execute("SELECT device_id FROM scans WHERE outcome = 'admitted'").fetchall() == [("B",)]
    invariants.check(doors.conn)


def test_a_conflict_can_be_undone(doors: Doors) -> None:
    (ticket,) = doors.sell()
    doors.sync("A", offline(1, ticket, 20), offline(2, ticket, 10))
    (conflict,) = doors.conflicts()

    doors.undo(conflict["id"])

    assert doors.conflicts() == []
    invariants.check(doors.conn)


def test_a_refusal_cannot_be_undone(doors: Doors) -> None:
    (ticket,) = doors.sell()
    doors.refund(ticket)
    doors.scan(ticket)
    (scan_id,) = doors.conn.execute("SELECT id FROM scans").fetchone() or (None,)

    assert (doors.undo(scan_id).status, doors.undo(scan_id).code) == (409, "not_admitted")


def test_a_scan_that_does_not_exist_is_not_found(doors: Doors) -> None:
    assert doors.undo(uuid4()).status == 404


def test_a_scanner_may_not_undo(doors: Doors) -> None:
    (ticket,) = doors.sell()
    scan_id = doors.scan(ticket).json["scan_id"]

    assert doors.api.post(f"/v1/scans/{scan_id}/undo", account=doors.scanner).status == 403
