"""Scans as requested, as stored and as shown."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from boxoffice.models import Id, Line, Request, View

type Outcome = Literal["admitted", "already_scanned", "wrong_event", "refunded", "transferred", "forged"]


class ScanRequest(Request):
    qr: Annotated[str, Field(max_length=500, description="What the QR says")]
    event_id: Id | None = Field(default=None, description="Where the door is; tickets of other events are refused")
    gate: Line | None = None
    device_id: Line | None = None


class ScanView(View):
    outcome: Literal["admitted"]
    scan_id: Id
    ticket_id: Id
    event_id: Id
    ticket_type_name: str
    holder_name: str
    admits: int = Field(description="How many people it lets in this time")
    entries: int = Field(description="How often the ticket has admitted, this time included")
    max_entries: int


class TypeAttendance(View):
    ticket_type_id: Id
    name: str
    issued: int = Field(description="Tickets that are valid")
    admitted: int = Field(description="Tickets that have been used at least once")
    entries: int = Field(description="Entries, more than admitted where tickets admit several times")


class GateAttendance(View):
    gate: str | None
    entries: int


class AttendanceView(View):
    event_id: Id
    issued: int
    admitted: int
    entries: int
    ticket_types: list[TypeAttendance]
    gates: list[GateAttendance]


@dataclass(frozen=True)
class Scanned:
    """A ticket as the scan left it, and what came of it."""

    outcome: Outcome
    scan_id: UUID
    ticket_id: UUID
    event_id: UUID
    ticket_type_name: str
    holder_name: str
    admits: int
    entries: int
    max_entries: int
    first_scan_at: datetime | None
    first_scan_gate: str | None


@dataclass(frozen=True)
class Attendance:
    organisation_id: UUID
    ticket_types: list[dict[str, Any]]
    gates: list[dict[str, Any]]
