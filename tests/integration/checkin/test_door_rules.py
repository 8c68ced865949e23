"""When and where a ticket admits: doors that are not open yet, gates, and events that are over or cancelled."""

from datetime import timedelta
from uuid import UUID

import pytest
from psycopg import Connection

from tests.helpers import factories, invariants
from tests.helpers.doors import Doors, offline, open_doors
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
    assert doors.scan(seated).status == 200  # a scan without a gate is not checked against gates


def with_gates(doors: Doors, **types: list[UUID] | None) -> None:
    """Give the event gates by name, each for some ticket types or all."""
    gates = [{"name": name, "ticket_type_ids": ids and [str(each) for each in ids]} for name, ids in types.items()]
    answer = doors.api.patch(f"/v1/events/{doors.event}", {"gates": gates}, account=doors.manager)
    assert answer.status == 200, answer.body


def test_a_gate_that_the_event_does_not_have_is_named_beside_those_that_it_has(doors: Doors) -> None:
    """Nothing is stored: the device sends the same scan again, once it has the right gate."""
    (ticket,) = doors.sell(max_entries=2)
    with_gates(doors, North=None, South=None)

    answers = [
        doors.scan(ticket, gate="Nrth", device_id="phone", sequence=1),
        doors.admit(ticket.id, gate="Nrth"),
    ]

    assert [(answer.status, answer.code) for answer in answers] == [(422, "unknown_gate")] * 2
    assert (answers[0].json["gate"], answers[0].json["known_gates"]) == ("Nrth", ["North", "South"])
    assert answers[0].json["detail"] == "The event has no gate Nrth. Its gates: North, South."
    assert "holder_name" not in answers[0].json
    assert doors.conn.execute("SELECT count(*) FROM scans").fetchone() == (0,)
    assert doors.scan(ticket, gate="North", device_id="phone", sequence=1).status == 200
    invariants.check(doors.conn)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("North Gate", "north gate"),
        ("North Gate", " NORTH   GATE "),
        ("North Gate", "\uff2eorth\u3000Gate"),  # full width
        ("North Gate", "North\u00a0Gate\ufeff"),
        ("Entr\u00e9e", "ENTRE\u0301E"),
        ("Straße", "STRASSE"),
        ("\u0639\u0644\u06cc\u200c\u0631\u0636\u0627", "\u0639\u0644\u06cc\u0631\u0636\u0627"),  # without its joiner
        ("\u0c89\u0dad\u0dd4\u0dbb", "\u0c89\u0dad\u0dd4\u0dbb"),
    ],
)
def test_a_gate_is_known_however_people_write_it(doors: Doors, name: str, written: str) -> None:
    (ticket,) = doors.sell(max_entries=2)
    with_gates(doors, **{name: None})

    assert doors.scan(ticket, gate=written).status == 200
    synced = doors.sync("A", offline(1, ticket, 5, gate=written))

    assert synced.json["results"][0]["outcome"] == "admitted"
    path = f"/v1/events/{doors.event}/scans"
    listed = doors.api.get(path, account=doors.manager, query={"gate": written}).json["items"]
    assert [scan["gate"] for scan in listed] == [name] * 2
    attendance = doors.api.get(f"/v1/events/{doors.event}/attendance", account=doors.scanner).json
    assert attendance["gates"] == [{"gate": name, "entries": 2}]


def test_two_gates_cannot_differ_in_spelling_alone(doors: Doors) -> None:
    gates = [{"name": name, "ticket_type_ids": None} for name in ("North", "NORTH ")]

    answer = doors.api.patch(f"/v1/events/{doors.event}", {"gates": gates}, account=doors.manager)

    assert (answer.status, answer.code) == (422, "invalid")


def test_a_wrong_gate_says_which_gates_would_do(doors: Doors) -> None:
    (standing,), (seated,) = doors.sell(name="Standing"), doors.sell(name="Seated")
    with_gates(doors, North=[type_of(doors, "Standing")], South=[type_of(doors, "Seated")], East=None)

    answer = doors.scan(seated, gate="North")

    assert (answer.status, answer.code, answer.json["gates"]) == (409, "wrong_gate", ["South", "East"])
    assert answer.json["detail"] == "The gate North does not let in Seated. Gates for it: South, East."
    with_gates(doors, North=[type_of(doors, "Standing")])
    nowhere = doors.admit(seated.id, gate="North")
    assert (nowhere.json["gates"], nowhere.json["detail"][-19:]) == ([], "No gate lets it in.")
    assert doors.scan(standing, gate="North").status == 200


def test_a_wrong_event_says_which_event_it_is(doors: Doors) -> None:
    title, starts_at = "Nozze di Figaro", "2027-03-01T19:30:00Z"
    facts = {"title": title, "starts_at": starts_at, "ends_at": "2027-03-01T23:00:00Z", "time_zone": "Africa/Lagos"}
    other = factories.event(doors.conn, organisation_id=doors.organisation, **facts)
    (ticket,) = Doors(doors.api, doors.conn, doors.organisation, other, doors.scanner, doors.manager).sell()

    answers = [doors.scan(ticket, event_id=str(doors.event)), doors.admit(ticket.id)]

    assert [answer.code for answer in answers] == ["wrong_event"] * 2
    for answer in answers:
        assert (answer.json["event_title"], answer.json["starts_at"]) == (title, starts_at)
        assert answer.json["detail"] == "The ticket is for Nozze di Figaro, on 01 March at 20:30."


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
    assert doors.scan(first, device_id="phone", sequence=1, gate="North").code == "sequence_reused"
    assert doors.admit(first.id, device_id="phone", sequence=1).code == "sequence_reused"
    assert doors.admit(second.id, device_id="phone", sequence=1).code == "sequence_reused"
    assert doors.scan(first, device_id="another phone", sequence=1).json["entries"] == 2
    assert doors.conn.execute("SELECT count(*) FROM scans").fetchone() == (3,)
    invariants.check(doors.conn)


def test_a_sequence_needs_a_device(doors: Doors) -> None:
    (ticket,) = doors.sell()

    assert doors.scan(ticket, sequence=1).code == "invalid"
