"""Why a door pass cannot be as requested, and why a device cannot be paired."""

from datetime import datetime
from uuid import UUID

from boxoffice.errors import DomainError


class DoorEventsNotFound(DomainError):
    status = 404
    code = "door_events_not_found"
    meaning = "The organisation has no such events."
    remedy = "Leave out those in `event_ids`."
    event_ids: list[UUID]


class UnknownGates(DomainError):
    status = 422
    code = "unknown_gates"
    meaning = "None of the events has these gates."
    remedy = "Instead of those in `gates`, name some of `known_gates`. Or add them to an event first."
    gates: list[str]
    known_gates: list[str]


class PairingCodeInvalid(DomainError):
    code = "pairing_code_invalid"
    security_event = "credential"
    meaning = "The code was used already, has expired, or is none of ours."
    remedy = "Ask a manager to show a new code."


class DoorPassFull(DomainError):
    code = "door_pass_full"
    meaning = "As many devices are paired as the door pass allows, which is {max_devices}."
    remedy = "Ask a manager to revoke one of them, or to make another door pass."
    max_devices: int


class DoorPassEnded(DomainError):
    code = "door_pass_ended"
    meaning = "The door pass ended or was revoked at {ended_at}."
    remedy = "Make a new one."
    ended_at: datetime


# Why a pass cannot be made as requested.
INVALID_PASS = (DoorEventsNotFound, UnknownGates)
