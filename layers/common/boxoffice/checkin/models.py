"""Scans as requested, as stored and as shown; what a device needs to scan offline, and what it reports afterwards."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

from pydantic import AfterValidator, Field, model_validator

from boxoffice.events.models import GateView
from boxoffice.models import Id, Moment, Page, Request, ShortText, View

MOST_SCANS = 500  # a sync
MOST_TICKETS = 50_000  # a page of the manifest, which stays far below the 6 MB that Lambda can answer

type Outcome = Literal[
    "admitted",
    "already_scanned",
    "wrong_event",
    "wrong_gate",
    "not_yet",
    "event_over",
    "event_cancelled",
    "refunded",
    "transferred",
    "forged",
    "undone",
]
type SyncOutcome = Literal[
    "admitted", "already_scanned", "refunded", "transferred", "undone", "forged", "wrong_event", "sequence_reused"
]

Qr = Annotated[str, Field(max_length=500, description="What the QR says")]
Sequence = Annotated[
    int,
    Field(strict=True, ge=1, le=2**53 - 1, description="The device's own number of the scan: a repeat counts once"),
]


class TicketScanRequest(Request):
    event_id: Id | None = Field(default=None, description="Where the door is; tickets of other events are refused")
    gate: ShortText | None = None
    device_id: ShortText | None = None
    sequence: Sequence | None = None

    @model_validator(mode="after")
    def _is_numbered_by_a_device(self) -> "TicketScanRequest":
        if self.sequence is not None and self.device_id is None:
            raise ValueError("sequence takes a device_id")
        return self


class ScanRequest(TicketScanRequest):
    qr: Qr


class GuestScanRequest(TicketScanRequest):
    event_id: Id = Field(description="Whose guest list it is")


class OfflineScan(Request):
    sequence: Sequence
    qr: Qr
    at: Moment = Field(description="When it admitted, by the device's clock")
    gate: ShortText | None = None


def _numbered_once(scans: list[OfflineScan]) -> list[OfflineScan]:
    if len({scan.sequence for scan in scans}) < len(scans):
        raise ValueError("must not give a sequence to two scans")
    return scans


class SyncRequest(Request):
    device_id: ShortText
    sent_at: Moment = Field(description="The device's clock now; what it differs from ours is corrected in its scans")
    scans: Annotated[list[OfflineScan], Field(min_length=1, max_length=MOST_SCANS), AfterValidator(_numbered_once)]


class ScanView(View):
    outcome: Literal["admitted"]
    scan_id: Id
    ticket_id: Id
    event_id: Id
    ticket_type_name: str
    holder_name: str
    seat: str | None
    group_size: int = Field(description="How many people it lets in this time")
    entries: int = Field(description="How often the ticket has admitted, this time included")
    max_entries: int


class FirstScanView(View):
    scan_id: Id
    device_id: str | None
    gate: str | None
    at: datetime


class ScanRecordView(View):
    id: Id
    ticket_id: Id
    event_id: Id
    ticket_type_name: str
    holder_name: str
    outcome: Outcome = Field(description="What is made of it; `undone` once a manager has taken it back")
    let_in: bool = Field(description="Whether somebody was let in. If so and not `admitted`, it is a conflict")
    first: FirstScanView | None = Field(description="Of `already_scanned`, the entry that counts before it")
    gate: str | None
    device_id: str | None
    sequence: int | None
    scanned_by: Id
    at: datetime
    device_time: datetime | None = Field(description="Of an offline scan, what the device's clock said")
    skew_ms: int | None = Field(description="By how much that clock was ahead, in milliseconds")
    received_at: datetime
    undone_at: datetime | None
    undone_by: Id | None


class ScanPage(Page[ScanRecordView]):
    """A page of scans, latest first."""


class SyncedScanView(View):
    sequence: int
    outcome: SyncOutcome
    scan_id: Id | None = Field(description="Null where nothing is kept: `forged`, `wrong_event`, `sequence_reused`")
    at: datetime | None = Field(description="When it admitted, by our clock")
    refunded_at: datetime | None = Field(description="When the ticket was refunded, if it was, be it after the scan")


class ConflictView(View):
    scan_id: Id
    ticket_id: Id
    outcome: SyncOutcome = Field(description="Why it should not have been let in")
    device_id: str | None
    sequence: int | None
    gate: str | None
    at: datetime
    first: FirstScanView | None = Field(description="The entry that counts, if one does")


class SyncView(View):
    skew_ms: int = Field(description="By how much the device's clock is ahead of ours, in milliseconds")
    results: list[SyncedScanView]
    conflicts: list[ConflictView] = Field(
        description="All of the tickets in this sync: also those in which another device was later"
    )


class ManifestTypeView(View):
    ticket_type_id: Id
    name: str
    max_entries: int


class ManifestView(View):
    event_id: Id
    title: str
    time_zone: str
    status: str
    doors_open_at: datetime | None
    starts_at: datetime
    ends_at: datetime
    gates: list[GateView]
    ticket_types: list[ManifestTypeView]
    whole: bool = Field(description="Whether this begins anew: forget the tickets that you had")
    tickets: dict[Id, list[tuple[str, int, int]]] = Field(
        description="By ticket type, `[hash, left, group_size]`: the first 16 bytes of the SHA-256 of the QR's text, "
        "in base64url without padding; how many entries it has left, 0 if used up, -1 if refunded, -2 if passed to "
        "somebody else; how many people an entry lets in. An entry replaces the one of the same hash"
    )
    next_cursor: str = Field(description="Where the changes after this begin")
    more: bool = Field(description="Whether there are more now: go on with `next_cursor` at once")


class TypeAttendance(View):
    ticket_type_id: Id
    name: str
    issued: int = Field(description="Tickets that are valid")
    admitted: int = Field(description="Tickets that have been used at least once")
    entries: int = Field(description="Entries, more than admitted where tickets admit several times")
    inside: int = Field(description="People: each ticket that was used counts as many as it admits")


class GateAttendance(View):
    gate: str | None
    entries: int


class MinuteAttendance(View):
    minute: datetime
    entries: int


class AttendanceView(View):
    event_id: Id
    issued: int
    admitted: int
    entries: int
    inside: int
    conflicts: int = Field(description="How many more were let in than should have been")
    ticket_types: list[TypeAttendance]
    gates: list[GateAttendance]
    minutes: list[MinuteAttendance] = Field(description="Those of the last 24 hours in which somebody came, in order")


@dataclass(frozen=True)
class Scanned:
    """A ticket as the scan left it, and what came of it."""

    outcome: Outcome | Literal["sequence_reused"]
    scan_id: UUID
    ticket_id: UUID
    event_id: UUID
    ticket_type_name: str
    holder_name: str
    seat: str | None
    group_size: int
    entries: int
    max_entries: int
    first_scan_at: datetime | None
    first_scan_gate: str | None
    doors_open_at: datetime | None
    time_zone: str


@dataclass(frozen=True)
class ScanRecord:
    """A scan as it is listed."""

    id: UUID
    ticket_id: UUID
    event_id: UUID
    ticket_type_name: str
    holder_name: str
    outcome: Outcome
    let_in: bool
    first: dict[str, Any] | None
    gate: str | None
    device_id: str | None
    sequence: int | None
    scanned_by: UUID
    at: datetime
    device_time: datetime | None
    skew_ms: int | None
    received_at: datetime
    undone_at: datetime | None
    undone_by: UUID | None


@dataclass(frozen=True)
class ScanFilters:
    """Which scans to list; the names are the statement's."""

    conflicts: bool
    gate: str | None
    ticket_id: UUID | None


@dataclass(frozen=True)
class HeldScan:
    """A scan whose ticket the transaction has locked."""

    ticket_id: UUID
    organisation_id: UUID
    let_in: bool


@dataclass(frozen=True)
class Verdict:
    """An offline scan that was kept, to be weighed against the others of its ticket, or why it was not.

    Attributes:
        told: what an organisation that listens is told of it; None if that was done before.
    """

    sequence: int
    ticket_id: UUID
    refusal: Literal["forged", "wrong_event"] | None
    told: dict[str, object] | None


@dataclass(frozen=True)
class Settled:
    """One of those that a ticket let in, as it stands among them."""

    scan_id: UUID
    ticket_id: UUID
    outcome: SyncOutcome
    device_id: str | None
    sequence: int | None
    gate: str | None
    at: datetime
    refunded_at: datetime | None


@dataclass(frozen=True)
class Door:
    """An event as its doors need to know it.

    Attributes:
        floor: the oldest transaction that was still open. What had changed before it can be seen and is final.
        ceiling: the first transaction that had not begun.
    """

    event_id: UUID
    organisation_id: UUID
    title: str
    time_zone: str
    status: str
    doors_open_at: datetime | None
    starts_at: datetime
    ends_at: datetime
    gates: list[dict[str, Any]]
    ticket_types: list[dict[str, Any]]
    floor: int
    ceiling: int


class Position(NamedTuple):
    """How far a device has read a manifest: up to a ticket, in the order of changes.

    Attributes:
        floor: where the changes after this reading begin; 0 if none is under way.
    """

    floor: int
    changed_in: int
    ticket_id: UUID


@dataclass(frozen=True)
class ManifestTicket:
    id: UUID
    ticket_type_id: UUID
    qr_hash: bytes
    former_hashes: list[bytes] | None
    entries_left: int
    group_size: int
    changed_in: int


@dataclass(frozen=True)
class Attendance:
    organisation_id: UUID
    conflicts: int
    ticket_types: list[dict[str, Any]]
    gates: list[dict[str, Any]]
    minutes: list[dict[str, Any]]
