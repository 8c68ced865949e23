"""Which door passes can be made, and when a device can be paired."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from boxoffice.doors import rules
from boxoffice.doors.errors import DoorEventsNotFound, DoorPassEnded, DoorPassFull, UnknownGates
from boxoffice.doors.models import DoorPassRequest, DoorPassRow, EventAtPass
from boxoffice.errors import EndOutOfRange

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
TONIGHT, TOMORROW = uuid4(), uuid4()


def request(until: datetime = NOW + timedelta(hours=8), **fields: Any) -> DoorPassRequest:
    return DoorPassRequest(name="North", event_ids=[TONIGHT, TOMORROW], until=until, **fields)


def events(tonight: list[str], tomorrow: list[str]) -> list[EventAtPass]:
    return [EventAtPass(TONIGHT, tonight), EventAtPass(TOMORROW, tomorrow)]


def door_pass(**fields: Any) -> DoorPassRow:
    row: dict[str, Any] = {
        "id": uuid4(),
        "organisation_id": uuid4(),
        "name": "North",
        "event_ids": [TONIGHT],
        "gates": None,
        "until": NOW + timedelta(hours=1),
        "max_devices": 2,
        "created_by": uuid4(),
        "created_at": NOW,
        "revoked_at": None,
    }
    return DoorPassRow(**row | fields)


@pytest.mark.parametrize("until", [NOW + timedelta(microseconds=1), NOW + timedelta(days=30)])
def test_a_pass_ends_within_30_days(until: datetime) -> None:
    rules.check_request(request(until), events([], []), NOW)


@pytest.mark.parametrize("until", [NOW, NOW - timedelta(days=1), NOW + timedelta(days=30, microseconds=1)])
def test_a_pass_cannot_end_in_the_past_or_later(until: datetime) -> None:
    with pytest.raises(EndOutOfRange) as refusal:
        rules.check_request(request(until), events([], []), NOW)
    assert refusal.value.facts == {"latest": datetime(2026, 12, 26, 12, tzinfo=UTC)}


@pytest.mark.parametrize(("found", "missing"), [([], [TONIGHT, TOMORROW]), ([EventAtPass(TOMORROW, [])], [TONIGHT])])
def test_the_organisation_has_each_event(found: list[EventAtPass], missing: list[UUID]) -> None:
    with pytest.raises(DoorEventsNotFound) as refusal:
        rules.check_request(request(), found, NOW)
    assert refusal.value.facts == {"event_ids": missing}


@pytest.mark.parametrize(
    ("gates", "tonight", "tomorrow"),
    [
        (None, ["North"], ["North"]),
        (["North"], ["North", "South"], ["West"]),
        (["North", "West"], ["North"], ["West"]),
        (["Anything"], ["North"], []),  # an event without gates takes any
    ],
)
def test_gates_are_those_of_an_event(gates: list[str] | None, tonight: list[str], tomorrow: list[str]) -> None:
    assert rules.gates_of(request(gates=gates), events(tonight, tomorrow)) == gates


def test_a_gate_is_known_however_people_write_it() -> None:
    wanted = request(gates=["north  gate", "NORTH GATE", "\uff37est"])

    assert rules.gates_of(wanted, events(["North Gate"], ["West"])) == ["North Gate", "West"]


def test_a_gate_that_no_event_has_is_unknown() -> None:
    with pytest.raises(UnknownGates) as refusal:
        rules.gates_of(request(gates=["North", "north", "Nrth", "East"]), events(["North"], ["West"]))
    assert refusal.value.facts == {"gates": ["Nrth", "East"], "known_gates": ["North", "West"]}


@pytest.mark.parametrize("fields", [{"until": NOW}, {"until": NOW - timedelta(hours=1)}, {"revoked_at": NOW}])
def test_no_device_is_paired_with_a_pass_that_has_ended(fields: dict[str, datetime]) -> None:
    with pytest.raises(DoorPassEnded) as refusal:
        rules.check_open(door_pass(**fields), NOW)
    assert refusal.value.facts == {"ended_at": next(iter(fields.values()))}


def test_as_many_devices_are_paired_as_the_pass_allows() -> None:
    rules.check_open(door_pass(), NOW)
    rules.check_room(door_pass(), 1)
    with pytest.raises(DoorPassFull) as refusal:
        rules.check_room(door_pass(), 2)
    assert refusal.value.facts == {"max_devices": 2}
