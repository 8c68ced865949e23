"""A code pairs one device, a pass takes as many as it says, and a revocation ends what is paired at the same moment."""

from datetime import timedelta
from typing import Any

import pytest
from psycopg import Connection

from boxoffice import credentials
from boxoffice.auth import Caller, Who
from boxoffice.checkin import service as checkin
from boxoffice.checkin.models import ScanRequest
from boxoffice.doors import service
from boxoffice.doors.models import DoorPassRequest, PairingRequest
from boxoffice.errors import DomainError
from boxoffice.events import service as events
from boxoffice.events.models import EventPatch
from tests.helpers import factories, invariants
from tests.helpers.doors import Doors, open_doors
from tests.helpers.racing import deadlocks, race
from tests.helpers.support import Client, Database

NOBODY = Caller(Who.PUBLIC)


@pytest.fixture
def doors(api: Client, conn: Connection) -> Doors:
    return open_doors(api, conn)


def pair(conn: Connection, code: str) -> str:
    """Pair a device. Return its token, or the error's code."""
    try:
        with conn.transaction():
            return service.pair(conn, NOBODY, PairingRequest(code=code, name="Phone")).token
    except DomainError as error:
        return error.code


def live_devices(conn: Connection) -> int:
    (count,) = conn.execute(
        """SELECT count(*) FROM door_devices JOIN door_passes ON door_passes.id = pass_id
        WHERE door_devices.revoked_at IS NULL AND door_passes.revoked_at IS NULL"""
    ).fetchone() or (None,)
    return int(count or 0)


def test_of_many_devices_with_one_code_one_is_paired(doors: Doors, database: Database, conn: Connection) -> None:
    code = factories.pairing_code(conn, factories.door_pass(conn, doors.organisation, doors.event))

    outcomes = race(database, 16, lambda conn, _: pair(conn, code))

    assert outcomes.count("pairing_code_invalid") == 15
    assert live_devices(conn) == 1


def test_a_pass_takes_no_more_devices_than_it_says(doors: Doors, database: Database, conn: Connection) -> None:
    door_pass = factories.door_pass(conn, doors.organisation, doors.event, max_devices=3)
    codes = [factories.pairing_code(conn, door_pass) for _ in range(12)]

    outcomes = race(database, 12, lambda conn, number: pair(conn, codes[number]))

    assert outcomes.count("door_pass_full") == 9
    assert live_devices(conn) == 3
    assert conn.execute("SELECT count(*) FROM one_time_tokens").fetchone() == (9,), "a refusal leaves the code"
    assert deadlocks(conn) == 0


@pytest.mark.parametrize("attempt", range(3))
def test_no_pass_names_a_gate_that_its_event_loses_at_the_same_moment(
    doors: Doors, database: Database, conn: Connection, attempt: int
) -> None:
    gates = [{"name": "North", "ticket_type_ids": None}, {"name": "South", "ticket_type_ids": None}]
    doors.api.patch(f"/v1/events/{doors.event}", {"gates": gates}, account=doors.manager)
    until = factories.NOW + timedelta(hours=8)
    without_north = EventPatch.model_validate({"gates": gates[1:]})
    wanted = DoorPassRequest(name="Crew", event_ids=[doors.event], gates=["North"], until=until)

    def act(conn: Connection, number: int) -> str:
        try:
            with conn.transaction():
                if number % 2:
                    service.create_pass(conn, doors.management, doors.organisation, wanted)
                else:
                    events.update_event(conn, doors.management, doors.event, without_north, None)
        except DomainError as error:
            return error.code
        return "done"

    outcomes = race(database, 8, act)

    passes, edits = outcomes[1::2], outcomes[::2]
    assert (set(passes), set(edits)) in [({"done"}, {"gates_in_use"}), ({"unknown_gates"}, {"done"})]
    assert deadlocks(conn) == 0


@pytest.mark.parametrize("attempt", range(5))
def test_a_device_that_is_paired_while_its_pass_is_revoked_is_dead(
    doors: Doors, database: Database, conn: Connection, attempt: int
) -> None:
    door_pass = factories.door_pass(conn, doors.organisation, doors.event)
    codes = [factories.pairing_code(conn, door_pass) for _ in range(4)]

    def act(conn: Connection, number: int) -> str:
        if number < 4:
            return pair(conn, codes[number])
        with conn.transaction():
            service.revoke_pass(conn, doors.management, doors.organisation, door_pass)
        return "revoked"

    *paired, revoked = race(database, 5, act)

    assert revoked == "revoked"
    tokens = [outcome for outcome in paired if outcome != "door_pass_ended"]
    assert [credentials.find_device(token) for token in tokens] == [None] * len(tokens)
    assert live_devices(conn) == 0
    assert deadlocks(conn) == 0


def test_a_device_that_is_revoked_makes_room_for_one_other(doors: Doors, database: Database, conn: Connection) -> None:
    door_pass = factories.door_pass(conn, doors.organisation, doors.event, max_devices=1)
    lost, _ = factories.door_device(conn, door_pass)
    codes = [factories.pairing_code(conn, door_pass) for _ in range(5)]

    def act(conn: Connection, number: int) -> str:
        if number < 5:
            return pair(conn, codes[number])
        with conn.transaction():
            service.revoke_device(conn, doors.management, doors.organisation, door_pass, lost)
        return "revoked"

    outcomes = race(database, 6, act)

    assert live_devices(conn) == len([each for each in outcomes if each.startswith("boxoffice_door_")]) <= 1
    assert deadlocks(conn) == 0


def test_scans_beside_a_revocation_count_or_are_refused(doors: Doors, database: Database, conn: Connection) -> None:
    tickets = doors.sell(12)
    door_pass = factories.door_pass(conn, doors.organisation, doors.event)
    _, token = factories.door_device(conn, door_pass)

    def act(conn: Connection, number: int) -> str:
        if number == 6:
            with conn.transaction():
                service.revoke_pass(conn, doors.management, doors.organisation, door_pass)
            return "revoked"
        return scan(conn, token, tickets[number].qr)

    outcomes = race(database, 12, act)

    admitted = outcomes.count("admitted")
    assert admitted + outcomes.count("unauthenticated") == 11
    assert conn.execute("SELECT sum(entries) FROM tickets").fetchone() == (admitted,)
    assert scan(conn, token, tickets[6].qr) == "unauthenticated"
    invariants.check(conn)


def scan(conn: Connection, token: str, qr: str) -> str:
    """Look the device up as a new environment does, and scan."""
    row = conn.execute("SELECT * FROM use_door_device(sha256(%s::text::bytea))", [token]).fetchone()
    if row is None:
        return "unauthenticated"
    device = credentials.DoorDevice(*row)
    return checkin.scan_ticket(conn, Caller(Who.SCANNER, device=device), ScanRequest(qr=qr)).outcome


def test_uses_at_once_write_the_last_use_once_and_do_not_wait(
    doors: Doors, database: Database, conn: Connection
) -> None:
    device, token = factories.door_device(conn, factories.door_pass(conn, doors.organisation, doors.event))

    def use(conn: Connection, _: int) -> set[tuple[Any, ...]]:
        find = "SELECT id FROM use_door_device(sha256(%s::text::bytea))"
        found = [conn.execute(find, [token]).fetchall() for _ in range(20)]
        assert found == [[(device,)]] * 20
        return set(conn.execute("SELECT last_seen_at FROM door_devices").fetchall())

    seen = set().union(*race(database, 8, use))

    assert len(seen) == 1, "one of the 160 uses has written"
    assert (None,) not in seen
