"""Managers make door passes, see their devices, and revoke them."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from tests.helpers import factories
from tests.helpers.doors import Doors
from tests.helpers.support import Answer, Client

NAMES = ["دروازه شمالی", "උතුරු දොරටුව", "🚪 North 👩‍👩‍👧", "Veranstaltungseinlasskontrollgerätebezeichnung"]


def passes_of(doors: Doors) -> str:
    return f"/v1/organisations/{doors.organisation}/door-passes"


def create(doors: Doors, **fields: Any) -> Answer:
    until = (datetime.now(UTC) + timedelta(hours=8)).isoformat()
    body = {"name": "North", "event_ids": [str(doors.event)], "until": until, **fields}
    return doors.api.post(passes_of(doors), body, account=doors.manager)


def pair(api: Client, code: str, name: str = "Sade's phone") -> Answer:
    return api.post("/v1/door-devices", {"code": code, "name": name})


def new_code(doors: Doors, pass_id: object) -> Answer:
    return doors.api.post(f"{passes_of(doors)}/{pass_id}/codes", account=doors.manager)


def listed(doors: Doors, **query: Any) -> Any:
    return doors.api.get(passes_of(doors), account=doors.manager, query=query).json


def attendance(doors: Doors, token: str) -> int:
    path = f"/v1/events/{doors.event}/attendance"
    return doors.api.get(path, headers={"Authorization": f"Bearer {token}"}).status


@pytest.mark.parametrize("spoil", ["\ufeff{}", " {}\r\n", "\u200b{}\u200b"])
def test_a_code_is_known_however_a_scanner_sends_it(doors: Doors, spoil: str) -> None:
    code = create(doors).json["pairing_code"]["code"]

    assert pair(doors.api, spoil.format("\n".join((code[:20], code[20:])))).status == 201


@pytest.mark.parametrize("name", NAMES)
def test_a_pass_pairs_a_device_with_its_first_code(doors: Doors, name: str) -> None:
    made = create(doors, name=name, gates=["North"])

    paired = pair(doors.api, made.json["pairing_code"]["code"], name)

    assert (made.status, paired.status) == (201, 201)
    assert paired.json | {"token": "", "device_id": ""} == {
        "device_id": "",
        "token": "",
        "organisation_id": str(doors.organisation),
        "name": name,
        "event_ids": [str(doors.event)],
        "gates": ["North"],
        "until": made.json["until"],
    }
    assert attendance(doors, paired.json["token"]) == 200
    (shown,) = listed(doors)["items"]
    (device,) = shown["devices"]
    assert (shown["name"], device["name"], device["id"]) == (name, name, paired.json["device_id"])
    seen = datetime.now(UTC) - datetime.fromisoformat(device["last_seen_at"])
    assert timedelta(0) <= seen < timedelta(minutes=1)


def test_the_database_holds_neither_the_code_nor_the_token(doors: Doors, conn: Connection) -> None:
    made = create(doors).json["pairing_code"]["code"]
    tables = ("one_time_tokens", "door_passes", "door_devices", "audit_log", "outbox")

    def stored() -> str:
        return " ".join(
            row for table in tables for (row,) in conn.execute(f"SELECT t::text FROM {table} AS t".encode())
        )

    assert made.rpartition(".")[2] not in stored()
    assert pair(doors.api, made).json["token"][15:] not in stored()


def test_a_code_works_once(doors: Doors) -> None:
    made = create(doors).json
    code = made["pairing_code"]["code"]

    first, second = pair(doors.api, code), pair(doors.api, code)

    assert (first.status, second.status, second.code) == (201, 409, "pairing_code_invalid")
    assert "new code" in second.json["detail"]
    assert pair(doors.api, new_code(doors, made["id"]).json["code"]).status == 201


def test_a_code_lasts_a_quarter_of_an_hour(doors: Doors, conn: Connection) -> None:
    made = create(doors).json["pairing_code"]
    left = datetime.fromisoformat(made["expires_at"]) - datetime.now(UTC)
    conn.execute("UPDATE one_time_tokens SET expires_at = expires_at - interval '15 minutes'")

    assert timedelta(minutes=14) < left <= timedelta(minutes=15)
    assert pair(doors.api, made["code"]).code == "pairing_code_invalid"


@pytest.mark.parametrize("code", ["x", "a.b.c", "0" * 200, "\u00e9.1.\u00e9"])
def test_a_wrong_code_is_refused_and_counted(api: Client, conn: Connection, code: str) -> None:
    answer = pair(api, code)

    assert (answer.status, answer.code) == (409, "pairing_code_invalid")
    assert conn.execute("SELECT bucket, attempts FROM rate_limits").fetchall() == [("pair address 203.0.113.7", 1)]


def test_three_hundred_wrong_codes_are_read_and_a_right_one_always(doors: Doors, conn: Connection) -> None:
    made = create(doors).json["pairing_code"]["code"]
    pair(doors.api, "x")
    conn.execute("UPDATE rate_limits SET attempts = 299")

    assert (pair(doors.api, "x").status, pair(doors.api, "x").status) == (409, 429)
    assert pair(doors.api, made).status == 201, "a venue shares one address"


def test_a_pass_takes_as_many_devices_as_it_says(doors: Doors) -> None:
    made = create(doors, max_devices=2).json
    codes = [made["pairing_code"]["code"], *(new_code(doors, made["id"]).json["code"] for _ in range(2))]

    first, _, third = (pair(doors.api, code) for code in codes)

    assert (third.status, third.code, third.json["max_devices"]) == (409, "door_pass_full", 2)
    refused = new_code(doors, made["id"])
    assert (refused.status, refused.code) == (409, "door_pass_full")
    doors.api.delete(f"{passes_of(doors)}/{made['id']}/devices/{first.json['device_id']}", account=doors.manager)
    assert pair(doors.api, codes[2]).status == 201, "a refusal leaves the code as it was"


@pytest.mark.parametrize("ended", ["until = now(), created_at = now() - interval '1 day'", "revoked_at = now()"])
def test_no_device_is_paired_with_a_pass_that_has_ended(doors: Doors, conn: Connection, ended: str) -> None:
    made = create(doors).json
    conn.execute(f"UPDATE door_passes SET {ended}".encode())

    refused = pair(doors.api, made["pairing_code"]["code"]), new_code(doors, made["id"])

    assert [(answer.status, answer.code) for answer in refused] == [(409, "door_pass_ended")] * 2


@pytest.mark.parametrize("days", [-1, 31])
def test_a_pass_ends_within_thirty_days(doors: Doors, days: int) -> None:
    answer = create(doors, until=(datetime.now(UTC) + timedelta(days=days)).isoformat())

    assert (answer.status, answer.code) == (422, "end_out_of_range")


def test_a_pass_is_for_events_of_the_organisation(doors: Doors, conn: Connection) -> None:
    theirs, never = factories.event(conn), uuid4()
    deleted = factories.event(conn, organisation_id=doors.organisation, deleted_at=factories.NOW)

    answer = create(doors, event_ids=[str(each) for each in (theirs, doors.event, never, deleted)])

    assert (answer.status, answer.code) == (404, "door_events_not_found")
    assert answer.json["event_ids"] == [str(theirs), str(never), str(deleted)]


def test_a_pass_is_for_gates_of_its_events(doors: Doors) -> None:
    answer = create(doors, gates=["North", "East"])

    assert (answer.status, answer.code, answer.json["gates"]) == (422, "unknown_gates", ["East"])
    assert answer.json["known_gates"] == ["North", "South"]
    assert create(doors, gates=["north ", "NORTH"]).json["gates"] == ["North"]


def test_an_event_keeps_the_gates_that_live_passes_name(doors: Doors, conn: Connection) -> None:
    def rename(*names: str) -> Answer:
        gates = [{"name": name, "ticket_type_ids": None} for name in names]
        return doors.api.patch(f"/v1/events/{doors.event}", {"gates": gates}, account=doors.manager)

    door_pass = create(doors, gates=["North"]).json["id"]
    create(doors)  # for any gate

    refused = rename("North Hall", "South")

    assert (refused.status, refused.code) == (409, "gates_in_use")
    assert (refused.json["gates"], refused.json["door_passes"]) == (["North"], [door_pass])
    assert rename("NORTH", "West").status == 200
    assert rename().status == 200  # without gates it takes any name
    assert rename("South").code == "gates_in_use"
    path = f"/v1/organisations/{doors.organisation}/door-passes/{door_pass}"
    assert doors.api.delete(path, account=doors.manager).status == 204
    assert rename("South").status == 200


@pytest.mark.parametrize(
    "fields", [{"event_ids": []}, {"gates": []}, {"max_devices": 0}, {"max_devices": 51}, {"name": "\u200b"}]
)
def test_what_is_no_pass_is_refused(doors: Doors, fields: dict[str, Any]) -> None:
    assert create(doors, **fields).status == 422


def test_the_list_is_paged_latest_first(doors: Doors, conn: Connection) -> None:
    ids = [str(factories.door_pass(conn, doors.organisation, doors.event)) for _ in range(3)]
    other = factories.organisation(conn)
    factories.door_device(conn, factories.door_pass(conn, other, factories.event(conn, organisation_id=other)))
    factories.door_device(conn, UUID(ids[0]), revoked_at=factories.NOW)

    first = listed(doors, limit=2)
    second = listed(doors, limit=2, cursor=first["next_cursor"])

    shown = first["items"] + second["items"]
    assert [each["id"] for each in shown] == ids[::-1]
    assert [each["devices"] for each in shown] == [[], [], []]


# ------------------------------------------------------------------------------------------------------ revocation


def test_a_revoked_device_ends_alone(doors: Doors) -> None:
    made = create(doors).json
    lost, kept = (
        pair(doors.api, code).json for code in (made["pairing_code"]["code"], new_code(doors, made["id"]).json["code"])
    )
    assert [attendance(doors, device["token"]) for device in (lost, kept)] == [200, 200]
    path = f"{passes_of(doors)}/{made['id']}/devices/{lost['device_id']}"

    assert [doors.api.delete(path, account=doors.manager).status for _ in range(2)] == [204, 204]

    assert [attendance(doors, device["token"]) for device in (lost, kept)] == [401, 200]
    (shown,) = listed(doors)["items"]
    assert [device["id"] for device in shown["devices"]] == [kept["device_id"]]


def test_a_revoked_pass_ends_all_its_devices(doors: Doors) -> None:
    made, other = create(doors).json, create(doors).json
    device, spared = (pair(doors.api, each["pairing_code"]["code"]).json for each in (made, other))
    assert attendance(doors, device["token"]) == 200
    path = f"{passes_of(doors)}/{made['id']}"

    assert [doors.api.delete(path, account=doors.manager).status for _ in range(2)] == [204, 204]

    assert [attendance(doors, each["token"]) for each in (device, spared)] == [401, 200]
    assert [each["revoked_at"] is None for each in listed(doors)["items"]] == [True, False]


@pytest.mark.parametrize("table", ["door_passes", "door_devices"])
def test_what_is_revoked_elsewhere_ends_within_half_a_minute(
    doors: Doors, conn: Connection, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    token = pair(doors.api, create(doors).json["pairing_code"]["code"]).json["token"]
    assert attendance(doors, token) == 200
    conn.execute(f"UPDATE {table} SET revoked_at = now()".encode())
    now = time.monotonic()

    monkeypatch.setattr(time, "monotonic", lambda: now + 29)
    believed = attendance(doors, token)
    monkeypatch.setattr(time, "monotonic", lambda: now + 31)

    assert (believed, attendance(doors, token)) == (200, 401)


def test_what_is_another_organisations_is_not_there(doors: Doors, conn: Connection) -> None:
    other = factories.organisation(conn)
    theirs = factories.door_pass(conn, other, doors.event)
    device, _ = factories.door_device(conn, theirs)
    ours = factories.door_pass(conn, doors.organisation, doors.event)
    ours_device, _ = factories.door_device(conn, ours)
    paths = [
        f"{passes_of(doors)}/{theirs}",
        f"{passes_of(doors)}/{theirs}/devices/{device}",
        f"{passes_of(doors)}/{ours}/devices/{device}",
        f"{passes_of(doors)}/{uuid4()}/devices/{ours_device}",
        f"/v1/organisations/{other}/door-passes/{theirs}",
    ]

    assert [doors.api.delete(path, account=doors.manager).status for path in paths] == [404] * len(paths)
    assert new_code(doors, theirs).status == 404
    revoked = conn.execute("SELECT count(revoked_at) FROM door_devices").fetchone()
    assert revoked == (0,)


def test_what_managers_and_devices_do_is_in_the_audit_log(doors: Doors, conn: Connection) -> None:
    made = create(doors).json
    code = new_code(doors, made["id"]).json["code"]
    device = pair(doors.api, code).json["device_id"]
    doors.api.delete(f"{passes_of(doors)}/{made['id']}/devices/{device}", account=doors.manager)
    doors.api.delete(f"{passes_of(doors)}/{made['id']}", account=doors.manager)

    entries = conn.execute(
        "SELECT action, actor_kind, subject FROM audit_log WHERE chain = %s ORDER BY entry", [doors.organisation]
    ).fetchall()
    door_pass, door_device = f"door pass {made['id']}", f"door device {device}"
    assert entries == [
        ("create_door_pass", "account", door_pass),
        ("create_pairing_code", "account", door_pass),
        ("pair_door_device", "guest", door_device),
        ("revoke_door_device", "account", door_device),
        ("revoke_door_pass", "account", door_pass),
    ]
