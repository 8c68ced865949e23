"""Decisions about door passes."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from boxoffice.doors.errors import DoorEventsNotFound, DoorPassEnded, DoorPassFull, UnknownGates
from boxoffice.doors.models import DoorPassRequest, DoorPassRow, EventAtPass
from boxoffice.errors import EndOutOfRange

MOST_LIFETIME = timedelta(days=30)
CODE_LIFETIME = timedelta(minutes=15)


def check_request(request: DoorPassRequest, events: Sequence[EventAtPass], now: datetime) -> None:
    """Let a pass be made if its time, its events and its gates fit.

    Args:
        events: those events of the request that the organisation has.

    Raises:
        EndOutOfRange: it would end in the past, or too late.
        DoorEventsNotFound: the organisation has not all of the events.
        UnknownGates: each event has gates, and none has some of those in the request.
    """
    if not now < request.until <= now + MOST_LIFETIME:
        raise EndOutOfRange(latest=now + MOST_LIFETIME)
    if missing := [each for each in request.event_ids if each not in {event.id for event in events}]:
        raise DoorEventsNotFound(event_ids=missing)
    known = {gate for event in events for gate in event.gates}
    takes_any = any(not event.gates for event in events)  # a scan may name any gate of an event without gates
    if unknown := [gate for gate in request.gates or () if not takes_any and gate not in known]:
        raise UnknownGates(gates=unknown)


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
