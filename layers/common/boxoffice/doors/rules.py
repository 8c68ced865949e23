"""Decisions about door passes."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from boxoffice.doors.errors import DoorEventsNotFound, DoorPassEnded, DoorPassFull, UnknownGates
from boxoffice.doors.models import DoorPassRequest, DoorPassRow, EventAtPass
from boxoffice.errors import EndOutOfRange
from boxoffice.names import key_of

MOST_LIFETIME = timedelta(days=30)
CODE_LIFETIME = timedelta(minutes=15)


def check_request(request: DoorPassRequest, events: Sequence[EventAtPass], now: datetime) -> None:
    """Let a pass be made if its time and its events fit.

    Args:
        events: those events of the request that the organisation has.

    Raises:
        EndOutOfRange: it would end in the past, or too late.
        DoorEventsNotFound: the organisation has not all of the events.
    """
    if not now < request.until <= now + MOST_LIFETIME:
        raise EndOutOfRange(latest=now + MOST_LIFETIME)
    if missing := [each for each in request.event_ids if each not in {event.id for event in events}]:
        raise DoorEventsNotFound(event_ids=missing)


def gates_of(request: DoorPassRequest, events: Sequence[EventAtPass]) -> list[str] | None:
    """Return the gates of a pass, each once and as its event writes it. None for any gate.

    Raises:
        UnknownGates: each event has gates, and none has some of those in the request.
    """
    if request.gates is None:
        return None
    takes_any = any(not event.gates for event in events)  # a scan may name any gate of an event without gates
    known = {key_of(gate): gate for event in events for gate in event.gates}
    if unknown := [gate for gate in request.gates if not takes_any and key_of(gate) not in known]:
        raise UnknownGates(gates=unknown, known_gates=[*known.values()])
    wanted = {key_of(gate): gate for gate in request.gates}
    return [known.get(key, gate) for key, gate in wanted.items()]


def check_open(door_pass: DoorPassRow, now: datetime) -> None:
    """Let a device be paired if the pass is live.

    Raises:
        DoorPassEnded: it is over or revoked.
    """
    if door_pass.revoked_at is not None or now >= door_pass.until:
        raise DoorPassEnded(ended_at=min(door_pass.until, door_pass.revoked_at or door_pass.until))


def check_room(door_pass: DoorPassRow, devices: int) -> None:
    """Let another device be paired beside those that are.

    Raises:
        DoorPassFull: the pass allows no more.
    """
    if devices >= door_pass.max_devices:
        raise DoorPassFull(max_devices=door_pass.max_devices)
