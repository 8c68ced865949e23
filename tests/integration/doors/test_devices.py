"""What a device with a door pass may do: scan at its events and gates, until its pass ends."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.ids import new_id
from tests.helpers import factories, invariants
from tests.helpers.doors import Doors, offline
from tests.helpers.support import Answer


class Device:
    """A paired device."""

    def __init__(self, doors: Doors, *event_ids: UUID, **pass_fields: Any) -> None:
        self._doors = doors
        door_pass = factories.door_pass(doors.conn, doors.organisation, *(event_ids or [doors.event]), **pass_fields)
        self.id, token = factories.door_device(doors.conn, door_pass, name="Sade's phone")
        self._headers = {"Authorization": f"Bearer {token}"}

    def get(self, path: str) -> Answer:
        return self._doors.api.get(path, headers=self._headers)

    def post(self, path: str, body: Any = None, **options: Any) -> Answer:
        return self._doors.api.post(path, body, headers=self._headers, **options)

    def scan(self, text: str, **fields: Any) -> Answer:
        return self.post("/v1/scans", {"qr": text, "gate": "North", **fields})

    def sync(self, *scans: dict[str, Any], ahead: timedelta = timedelta(0), event: UUID | None = None) -> Answer:
        body = {"device_id": "anything", "sent_at": (datetime.now(UTC) + ahead).isoformat(), "scans": list(scans)}
        return self.post(f"/v1/events/{event or self._doors.event}/scan-sync", body)


def outcomes(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.body
    return [result["outcome"] for result in answer.json["results"]]


def ago(**time: float) -> datetime:
    return datetime.now(UTC) - timedelta(**time)


def refused(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.code


def test_it_admits_and_managers_see_who_did(doors: Doors, conn: Connection) -> None:
    device, (ticket, guest) = Device(doors), doors.sell(2)

    admitted = device.scan(ticket.qr, event_id=str(doors.event), device_id="phone 9", sequence=1)
    by_name = device.post(f"/v1/tickets/{guest.id}/scans", {"event_id": str(doors.event), "gate": "North"})

    assert (admitted.status, by_name.status) == (200, 200)
    scans = doors.api.get(f"/v1/events/{doors.event}/scans", account=doors.manager).json["items"]
    who = {"id": str(device.id), "kind": "device", "name": "Sade's phone"}
    assert [(scan["scanned_by"], scan["device_id"]) for scan in scans] == [(who, str(device.id))] * 2
    assert conn.execute("SELECT count(*) FROM audit_log WHERE chain = %s", [doors.organisation]).fetchone() == (0,)
    invariants.check(conn)


def test_it_reads_the_event_the_manifest_and_the_attendance(doors: Doors, conn: Connection) -> None:
    draft = factories.event(conn, organisation_id=doors.organisation, status="draft")
    device = Device(doors, doors.event, draft)

    for event in (doors.event, draft):
        for path in (f"/v1/events/{event}", f"/v1/events/{event}/scan-manifest", f"/v1/events/{event}/attendance"):
            assert device.get(path).status == 200


def test_another_event_is_refused(doors: Doors, conn: Connection) -> None:
    other = factories.event(conn, organisation_id=doors.organisation)
    (ticket,) = doors.sell()
    device = Device(doors, other)

    answers = [
        device.get(f"/v1/events/{doors.event}"),
        device.get(f"/v1/events/{doors.event}/scan-manifest"),
        device.get(f"/v1/events/{doors.event}/attendance"),
        device.scan(ticket.qr, event_id=str(doors.event)),
        device.post(f"/v1/tickets/{ticket.id}/scans", {"event_id": str(doors.event)}),
        device.sync(offline(1, ticket, 1)),
    ]

    assert [refused(answer) for answer in answers] == [(403, "outside_door_pass")] * len(answers)
    assert {tuple(answer.json["event_ids"]) for answer in answers} == {(str(other),)}
    assert refused(device.scan(ticket.qr)) == (409, "wrong_event"), "it names no event, so the pass does"
    assert conn.execute("SELECT sum(entries) FROM tickets").fetchone() == (0,)


def test_without_an_event_it_admits_tickets_of_its_events(doors: Doors, conn: Connection) -> None:
    other = factories.event(conn, organisation_id=doors.organisation)
    (ticket,) = doors.sell()

    assert Device(doors, other, doors.event).scan(ticket.qr).status == 200


def test_another_gate_or_none_is_refused(doors: Doors, conn: Connection) -> None:
    (ticket,) = doors.sell()
    device = Device(doors, gates=["North"])

    answers = [device.scan(ticket.qr, gate=gate) for gate in ("South", None)]

    assert [refused(answer) for answer in answers] == [(403, "outside_door_pass")] * 2
    assert answers[0].json["gates"] == ["North"]
    assert device.scan(ticket.qr, gate=" NORTH").status == 200


def test_another_organisations_ticket_is_not_there(doors: Doors, conn: Connection) -> None:
    order = factories.paid_order(conn, factories.ticket_type(conn), quantity=1)
    (ticket_id,) = conn.execute("SELECT id FROM tickets WHERE order_id = %s", [order]).fetchone() or (None,)

    answer = Device(doors).post(f"/v1/tickets/{ticket_id}/scans", {"event_id": str(doors.event), "gate": "North"})

    assert refused(answer) == (404, "not_found")


def test_a_device_cannot_scan_in_the_name_of_another(doors: Doors, conn: Connection) -> None:
    first, second = doors.sell(2)
    one, other = Device(doors), Device(doors)
    numbered = {"device_id": str(one.id), "sequence": 1}

    assert one.scan(first.qr, **numbered).status == 200
    assert other.scan(second.qr, **numbered).status == 200, "its own sequence 1"
    assert outcomes(other.sync(offline(1, first, 1))) == ["sequence_reused"], "the same for its offline scans"
    names = conn.execute("SELECT device_id FROM scans ORDER BY id").fetchall()
    assert names == [(str(one.id),), (str(other.id),)]


def test_nobody_else_scans_in_the_name_of_a_device(doors: Doors, conn: Connection) -> None:
    """Or they could use up the numbers of its next scans, and none of these would count."""
    ticket, guest = doors.sell(2)
    device = Device(doors)
    _, key = factories.api_key(conn, doors.organisation, "scan")
    body = {"qr": ticket.qr, "device_id": str(device.id), "sequence": 1}

    refusals = [
        doors.scan(ticket, device_id=str(device.id), sequence=1),
        doors.admit(ticket.id, device_id=str(device.id), sequence=1),
        doors.sync(str(device.id), offline(1, ticket, 1)),
        doors.api.post("/v1/scans", body, headers={"X-Api-Key": key}),
    ]

    assert [(answer.status, answer.json["errors"][0]["loc"]) for answer in refusals] == [
        (422, ["body", "device_id"])
    ] * 4
    assert conn.execute("SELECT count(*) FROM scans").fetchone() == (0,)
    assert device.scan(ticket.qr, device_id="any", sequence=1).status == 200
    assert doors.scan(guest, device_id=str(new_id()), sequence=1).status == 200, "any other name is free"


def test_offline_scans_are_reported_and_repeated(doors: Doors, conn: Connection) -> None:
    device, (ticket,) = Device(doors), doors.sell()

    answers = [device.sync(offline(1, ticket, 5), offline(2, ticket, 4)) for _ in range(2)]

    assert [outcomes(answer) for answer in answers] == [["admitted", "already_scanned"]] * 2
    assert {conflict["device_id"] for answer in answers for conflict in answer.json["conflicts"]} == {str(device.id)}
    assert conn.execute("SELECT scanned_by FROM scans").fetchall() == [(device.id,)] * 2
    invariants.check(conn)


def test_offline_scans_at_another_gate_are_not_stored(doors: Doors, conn: Connection) -> None:
    device, (ticket, other) = Device(doors, gates=["North"]), doors.sell(2)

    answer = device.sync(offline(1, ticket, 3, gate="South"), offline(2, ticket, 2), offline(3, other, 1, gate="North"))

    assert outcomes(answer) == ["outside_door_pass", "outside_door_pass", "admitted"]
    assert [result["scan_id"] is None for result in answer.json["results"]] == [True, True, False]
    assert conn.execute("SELECT ticket_id FROM scans").fetchall() == [(other.id,)]


# ------------------------------------------------------------------------------------------------ after its time


def test_after_its_time_it_reports_what_it_admitted_before_and_no_more(doors: Doors, conn: Connection) -> None:
    before, after = doors.sell(2)
    device = Device(doors, until=ago(minutes=30))

    answer = device.sync(offline(1, before, 31), offline(2, after, 29))

    assert outcomes(answer) == ["admitted", "outside_door_pass"]
    for refusal in (
        device.scan(after.qr),
        device.post(f"/v1/tickets/{after.id}/scans", {"event_id": str(doors.event)}),
        device.get(f"/v1/events/{doors.event}"),
        device.get(f"/v1/events/{doors.event}/scan-manifest"),
        device.get(f"/v1/events/{doors.event}/attendance"),
    ):
        assert (refusal.status, refusal.json["detail"]) == (
            401,
            "The door pass has ended. Ask a manager for another one.",
        )
    invariants.check(conn)


@pytest.mark.parametrize("ahead", [timedelta(hours=-3), timedelta(hours=3)])
def test_a_wrong_clock_makes_no_scan_late_or_early(doors: Doors, ahead: timedelta) -> None:
    before, after = doors.sell(2)
    device = Device(doors, until=ago(minutes=30))

    answer = device.sync(offline(1, before, 31, ahead=ahead), offline(2, after, 29, ahead=ahead), ahead=ahead)

    assert outcomes(answer) == ["admitted", "outside_door_pass"]


def test_after_an_hour_it_reports_nothing(doors: Doors) -> None:
    (ticket,) = doors.sell()

    assert outcomes(Device(doors, until=ago(minutes=59)).sync(offline(1, ticket, 90))) == ["admitted"]
    assert refused(Device(doors, until=ago(minutes=61)).sync(offline(1, ticket, 90))) == (401, "unauthenticated")


def test_a_revoked_device_reports_nothing(doors: Doors, conn: Connection) -> None:
    (ticket,) = doors.sell()
    device = Device(doors)
    conn.execute("UPDATE door_devices SET revoked_at = now()")

    assert refused(device.sync(offline(1, ticket, 5))) == (401, "unauthenticated")


def test_it_may_do_nothing_else(doors: Doors, conn: Connection) -> None:
    device, (ticket,) = Device(doors), doors.sell()
    scan_id = device.scan(ticket.qr).json["scan_id"]

    answers = [
        device.post(f"/v1/scans/{scan_id}/undo"),
        device.get(f"/v1/events/{doors.event}/scans"),
        device.get(f"/v1/events/{doors.event}/availability"),
        device.get("/v1/events"),
        device.get("/v1/me"),
        device.get(f"/v1/tickets/{ticket.id}"),
        device.post(f"/v1/services/{new_id()}/claims", {"customer": {"email": "ada@example.com"}}, key="new"),
    ]

    assert [refused(answer) for answer in answers] == [(403, "account_needed")] * len(answers)
