"""When and where a ticket admits: doors that are not open yet, gates, and events that are over or cancelled."""

from datetime import timedelta
from uuid import UUID

import pytest
from psycopg import Connection

from tests.helpers import factories, invariants
from tests.helpers.doors import Doors, open_doors
from tests.helpers.factories import NOW
from tests.helpers.support import Client


def type_of(doors: Doors, name: str) -> UUID:
    row = doors.conn.execute("SELECT id FROM ticket_types WHERE name = %s", [name]).fetchone()
    assert row is not None
    return UUID(str(row[0]))


def test_nobody_is_admitted_before_the_doors_open(doors: Doors) -> None:
    (ticket,) = doors.sell()
    path = f"/v1/events/{doors.event}"
    opens = NOW + timedelta(hours=2)
    doors.api.patch(path, {"doors_open_at": opens.isoformat()}, account=doors.manager)

    early, listed = doors.scan(ticket), doors.admit(ticket.id)
    doors.api.patch(path, {"doors_open_at": (NOW - timedelta(hours=2)).isoformat()}, account=doors.manager)

    assert (early.status, early.code) == (409, "not_yet")
    assert listed.code == "not_yet"
    assert early.json["doors_open_at"].startswith(opens.isoformat()[:19])
    assert early.json["detail"].startswith("The doors open on ")
    assert doors.scan(ticket).status == 200
    invariants.check(doors.conn)


def test_a_gate_admits_its_ticket_types_alone(doors: Doors) -> None:
    (standing,) = doors.sell(name="Standing", max_entries=9)
    (seated,) = doors.sell(name="Seated", max_entries=9)
    gates = [
        {"name": "North", "ticket_type_ids": [str(type_of(doors, "Standing"))]},
        {"name": "South", "ticket_type_ids": None},
    ]
    answer = doors.api.patch(f"/v1/events/{doors.event}", {"gates": gates}, account=doors.manager)

    assert answer.json["gates"] == gates
    assert doors.scan(standing, gate="North").status == 200
    assert (doors.scan(seated, gate="North").status, doors.scan(seated, gate="North").code) == (409, "wrong_gate")
    assert doors.scan(seated, gate="South").status == 200
    assert doors.scan(standing, gate="Back door").code == "wrong_gate"
    assert doors.admit(standing.id, gate="Back door").code == "wrong_gate"
    assert doors.scan(seated).status == 200  # a scan without a gate is not checked against gates


def test_an_event_without_gates_accepts_any_gate_name(doors: Doors) -> None:
    (ticket,) = doors.sell()

    assert doors.scan(ticket, gate="Wherever").status == 200


@pytest.mark.parametrize(
    ("gates", "code"),
    [
        ([{"name": "North", "ticket_type_ids": ["01981f6c-7b00-7a11-8c3e-5d2f40a1b001"]}], "unknown_ticket_type"),
        ([{"name": "North", "ticket_type_ids": None}, {"name": "North", "ticket_type_ids": None}], "invalid"),
        ([{"name": "North", "ticket_type_ids": []}], "invalid"),
        ([{"name": "North"}], "invalid"),
        (None, "invalid"),
    ],
)
def test_invalid_gates_are_refused(doors: Doors, gates: object, code: str) -> None:
    answer = doors.api.patch(f"/v1/events/{doors.event}", {"gates": gates}, account=doors.manager)

    assert (answer.status, answer.code) == (422, code)


def test_doors_cannot_open_after_the_event_ends(doors: Doors) -> None:
    body = {"doors_open_at": (NOW + timedelta(days=40)).isoformat()}

    assert doors.api.patch(f"/v1/events/{doors.event}", body, account=doors.manager).code == "doors_after_end"


def test_a_ticket_of_last_month_admits_nobody(api: Client, conn: Connection) -> None:
    ended = {"starts_at": NOW - timedelta(days=30, hours=4), "ends_at": NOW - timedelta(days=30)}
    doors = open_doors(api, conn, **ended)
    (ticket,) = doors.sell()

    refusals = [doors.scan(ticket), doors.admit(ticket.id)]

    assert [(refusal.status, refusal.code) for refusal in refusals] == [(409, "event_over")] * 2
    assert {refusal.json["holder_name"] for refusal in refusals} == {"Ada Buyer"}


def test_an_event_that_runs_late_still_admits(api: Client, conn: Connection) -> None:
    doors = open_doors(api, conn, starts_at=NOW - timedelta(hours=9), ends_at=NOW - timedelta(hours=3))
    (ticket,) = doors.sell()

    assert doors.scan(ticket).status == 200


def test_a_cancelled_event_admits_nobody(doors: Doors) -> None:
    (ticket,) = doors.sell()
    doors.conn.execute("UPDATE events SET status = 'cancelled' WHERE id = %s", [doors.event])

    assert doors.scan(ticket).code == "event_cancelled"
    assert doors.admit(ticket.id).code == "event_cancelled"


def test_a_group_enters_on_one_ticket(doors: Doors) -> None:
    (ticket,) = doors.sell()
    doors.conn.execute("UPDATE tickets SET group_size = 4")

    assert doors.scan(ticket).json["group_size"] == 4
    attendance = doors.api.get(f"/v1/events/{doors.event}/attendance", account=doors.scanner).json
    assert (attendance["entries"], attendance["people"]) == (1, 4)


def test_a_refusal_shows_gate_and_time_on_the_venues_clock(doors: Doors) -> None:
    (ticket,) = doors.sell()
    doors.scan(ticket, gate="North")
    doors.conn.execute("UPDATE tickets SET first_scan_at = '2026-03-01T18:42:00Z'")

    assert doors.scan(ticket).json["detail"] == "Used already: first at North on 01 March at 19:42."


def test_a_repeated_sequence_counts_once_and_gets_the_same_answer(doors: Doors) -> None:
    first, second = doors.sell(2, max_entries=3)

    once, again = (doors.scan(first, device_id="phone", sequence=1) for _ in range(2))
    other = factories.event(doors.conn, organisation_id=doors.organisation)
    refused, refused_again = (doors.scan(second, device_id="phone", sequence=2, event_id=str(other)) for _ in range(2))

    assert once.json == again.json
    assert (refused.code, refused_again.code) == ("wrong_event", "wrong_event")
    assert doors.scan(second, device_id="phone", sequence=1).code == "sequence_reused"
    assert doors.admit(second.id, device_id="phone", sequence=1).code == "sequence_reused"
    assert doors.scan(first, device_id="another phone", sequence=1).json["entries"] == 2
    assert doors.conn.execute("SELECT count(*) FROM scans").fetchone() == (3,)
    invariants.check(doors.conn)


def test_a_sequence_needs_a_device(doors: Doors) -> None:
    (ticket,) = doors.sell()

    assert doors.scan(ticket, sequence=1).code == "invalid"
