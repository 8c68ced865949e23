"""Scans as requested, stored and shown. The manifest that a device scans offline with, and its reports."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

from pydantic import Field, GetPydanticSchema, ValidationError, model_validator
from pydantic_core import core_schema

from boxoffice.events.models import GateView
from boxoffice.models import ActorView, Id, Moment, Page, Request, ShortText, View
from boxoffice.questions.answers import DoorAnswerView

MOST_SCANS = 500  # in one sync
MOST_SEQUENCE = 2**53 - 1  # the largest integer that each language reads in JSON
MOST_TICKETS = 50_000  # on one page of the manifest: about 1.6 MB, and Lambda answers 6 MB at most

type ScanOutcome = Literal[
    "admitted",
    "already_scanned",
    "wrong_event",
    "wrong_gate",
    "not_yet",
    "event_over",
    "event_cancelled",
    "refunded",
    "disputed",
    "transferred",
    "withdrawn",
    "forged",
    "undone",
]
type GuestState = Literal["valid", "used", "refunded", "disputed"]
type NotStored = Literal["invalid", "forged", "wrong_event", "sequence_reused", "outside_door_pass"]
type SyncOutcome = Literal["admitted", "already_scanned", "refunded", "transferred", "undone"] | NotStored

Qr = Annotated[str, Field(max_length=500, description="What the QR says")]
Sequence = Annotated[
    int,
    Field(strict=True, ge=1, le=MOST_SEQUENCE, description="The device's own number of the scan. A repeat counts once"),
]


TimeUnknown = Annotated[
    bool,
    Field(
        description="True if the device's clock cannot have been right: before the ticket was issued, or long before "
        "the doors opened. Then `at` is when the scan was reported, and all entries of known time count before it"
    ),
]


class TicketScanRequest(Request):
    event_id: Id | None = Field(default=None, description="The event at this door. Tickets of other events are refused")
    gate: ShortText | None = None
    device_id: ShortText | None = None
    sequence: Sequence | None = None

    @model_validator(mode="after")
    def _is_numbered_by_a_device(self) -> "TicketScanRequest":
        if self.sequence is not None and self.device_id is None:
            raise ValueError("must have a `device_id` if it has a `sequence`")
        return self


class ScanRequest(TicketScanRequest):
    qr: Qr


class GuestListScanRequest(TicketScanRequest):
    event_id: Id = Field(description="The event whose guest list the ticket is on")


class OfflineScan(Request):
    sequence: Sequence
    qr: Qr
    at: Moment = Field(description="When the device let the holder in, by its own clock")
    gate: ShortText | None = None


@dataclass(frozen=True)
class InvalidScan:
    """A scan of a sync that cannot be read, and why."""

    content: object
    error: ValidationError

    @property
    def sequence(self) -> int | None:
        """Its number, if that can be read."""
        number = self.content.get("sequence") if isinstance(self.content, dict) else None
        return number if type(number) is int and 1 <= number <= MOST_SEQUENCE else None


def _read_each(scan: object, _: object) -> OfflineScan | InvalidScan:
    """Read a scan, so that one which cannot be read is told singly and does not refuse the others."""
    try:
        return OfflineScan.model_validate(scan)
    except ValidationError as error:
        return InvalidScan(scan, error)


type SentScan = Annotated[
    OfflineScan | InvalidScan,
    GetPydanticSchema(lambda _, handler: core_schema.no_info_wrap_validator_function(_read_each, handler(OfflineScan))),
]


class SyncRequest(Request):
    device_id: ShortText
    sent_at: Moment = Field(
        description="The device's clock now. The server compares it with its own, and corrects the scans' times"
    )
    scans: Annotated[list[SentScan], Field(min_length=1, max_length=MOST_SCANS)]


class ScanView(View):
    outcome: Literal["admitted"]
    scan_id: Id
    ticket_id: Id
    event_id: Id
    ticket_type_name: str
    holder_name: str
    seat: str | None
    group_size: int = Field(description="How many people this entry lets in")
    entries: int = Field(description="How many entries the ticket has used, this one included")
    max_entries: int
    answers: list[DoorAnswerView] = Field(description="To the questions that the event shows at the door")


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
    outcome: ScanOutcome = Field(
        description="`admitted`: the entry counts. `undone`: a manager has undone it. Others: why it does not count"
    )
    let_in: bool = Field(
        description="True if the door let somebody in. It is a conflict then, unless `admitted` or `undone`"
    )
    first_scan: FirstScanView | None = Field(description="For `already_scanned`: the ticket's first entry that counts")
    gate: str | None
    device_id: str | None
    sequence: int | None
    scanned_by: ActorView
    at: datetime
    device_time: datetime | None = Field(description="For an offline scan: the time on the device's clock")
    skew_ms: int | None = Field(description="By how much that clock was ahead of ours, in milliseconds")
    time_unknown: TimeUnknown
    received_at: datetime
    undone_at: datetime | None
    undone_by: ActorView | None


class ScanPage(Page[ScanRecordView]):
    """A page of scans, latest first."""


class ScanErrorView(View):
    loc: list[str | int]
    msg: str
    type: str


class SyncedScanView(View):
    index: int = Field(description="The place of the scan in `scans`, from 0")
    sequence: int | None = Field(description="Null if it cannot be read")
    outcome: SyncOutcome
    scan_id: Id | None = Field(
        description="Null if the scan is not stored: `invalid`, `forged`, `wrong_event`, `sequence_reused`, "
        "`outside_door_pass`"
    )
    at: datetime | None = Field(description="When the device let the holder in, by our clock")
    time_unknown: TimeUnknown
    refunded_at: datetime | None = Field(description="When the ticket was refunded, even if that was after the scan")
    errors: list[ScanErrorView] = Field(
        description="For `invalid`: which parts of the scan cannot be read, and why. A sync tells the first twenty"
    )


class ConflictView(View):
    scan_id: Id
    ticket_id: Id
    outcome: SyncOutcome = Field(description="Why the entry does not count")
    device_id: str | None
    sequence: int | None
    gate: str | None
    at: datetime
    time_unknown: TimeUnknown
    first_scan: FirstScanView | None = Field(description="The ticket's first entry that counts, if there is one")


class SyncView(View):
    skew_ms: int = Field(description="By how much the device's clock is ahead of ours, in milliseconds")
    results: list[SyncedScanView]
    conflicts: list[ConflictView] = Field(
        description="All conflicts of the tickets in this sync, including those of other devices"
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
    starts_over: bool = Field(description="True if the manifest starts over: forget the tickets that you had")
    tickets: dict[Id, list[tuple[str, int, int]]] = Field(
        description="By ticket type, lists of `[hash, entries_left, group_size]`. "
        "The `hash` is the first 16 bytes of the SHA-256 of the QR's text, in base64url without padding. "
        "The `entries_left` are 0 if the ticket is used up, -1 if it was refunded, -2 for a former QR of the ticket. "
        "They are -3 for a disputed ticket, if the deployment refuses these, and -4 for a QR whose key was withdrawn. "
        "The `group_size` is how many people an entry lets in. An item replaces the one of the same hash"
    )
    next_cursor: str = Field(description="Where the next changes begin")
    has_more: bool = Field(description="True if there are more tickets now: go on with `next_cursor` at once")


class GuestView(View):
    ticket_id: Id = Field(description="Admit the holder with `scan_ticket_by_id`")
    order_number: str = Field(description="As people read it, such as K7QW-3MPX")
    ticket_type_id: Id
    ticket_type_name: str
    holder_name: str
    holder_email: str = Field(description="Masked, such as `a…@example.com`")
    buyer_name: str
    seat: str | None
    group_size: int = Field(description="How many people an entry lets in")
    answers: list[DoorAnswerView] = Field(description="To the questions that the event shows at the door")
    state: GuestState = Field(description="`valid`, or why the ticket does not admit. The event's times are not in it")
    entries: int = Field(description="How many entries the ticket has used")
    max_entries: int
    first_scan_at: datetime | None
    first_scan_gate: str | None


class GuestPage(Page[GuestView]):
    """A page of the guest list, in the order of purchase."""


class TypeAttendance(View):
    ticket_type_id: Id
    name: str
    valid_tickets: int = Field(description="Tickets that were not refunded")
    used_tickets: int = Field(description="Tickets with at least one entry")
    entries: int = Field(description="Entries. A ticket can have several")
    people: int = Field(description="People who have come: each used ticket counts its `group_size`")


class GateAttendance(View):
    gate: str | None
    entries: int


class MinuteAttendance(View):
    minute: datetime
    entries: int


class AttendanceView(View):
    event_id: Id
    valid_tickets: int
    used_tickets: int
    entries: int
    people: int
    conflicts: int = Field(description="How many entries the doors let in that do not count")
    ticket_types: list[TypeAttendance]
    gates: list[GateAttendance]
    minutes: list[MinuteAttendance] = Field(
        description="The minutes of the last 24 hours with an entry, in order of time"
    )


@dataclass(frozen=True)
class ScannedTicket:
    """A ticket as a scan left it, with the scan's outcome.

    Attributes:
        gate: where it was scanned, as the event writes the gate's name.
        gates: for a wrong gate, those that let the ticket in. For an unknown gate, all of the event.
        answers: to the questions that the event shows at the door, if the ticket is admitted.
    """

    outcome: ScanOutcome | Literal["sequence_reused", "unknown_gate"]
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
    event_title: str
    starts_at: datetime
    doors_open_at: datetime | None
    time_zone: str
    gate: str | None
    gates: list[str]
    answers: list[dict[str, str]]


@dataclass(frozen=True)
class ScanRecord:
    """A scan as lists show it."""

    id: UUID
    ticket_id: UUID
    event_id: UUID
    ticket_type_name: str
    holder_name: str
    outcome: ScanOutcome
    let_in: bool
    first_scan: dict[str, Any] | None
    gate: str | None
    device_id: str | None
    sequence: int | None
    scanned_by: dict[str, Any]
    at: datetime
    device_time: datetime | None
    skew_ms: int | None
    time_unknown: bool
    received_at: datetime
    undone_at: datetime | None
    undone_by: dict[str, Any] | None


@dataclass(frozen=True)
class ScanFilters:
    """Which scans of an event to list.

    Attributes:
        only_conflicts: leave out all others.
        gate: those at this gate; None for any.
        ticket_id: those of this ticket; None for any.
    """

    only_conflicts: bool
    gate: str | None
    ticket_id: UUID | None


@dataclass(frozen=True)
class LockedScan:
    """A scan whose ticket the transaction has locked."""

    ticket_id: UUID
    organisation_id: UUID
    let_in: bool


@dataclass(frozen=True)
class ReportedScan:
    """An offline scan of a sync that names a ticket: stored, or refused.

    Attributes:
        refusal: why the scan is not stored; None if it is.
        webhook: what to tell an organisation that listens; None if this sync has not stored a new entry.
    """

    sequence: int
    ticket_id: UUID
    qr_hash: bytes
    gate: str | None
    refusal: Literal["forged", "wrong_event"] | None
    webhook: dict[str, object] | None


@dataclass(frozen=True)
class RecountedScan:
    """A scan that let somebody in, with its outcome among all such scans of its ticket."""

    scan_id: UUID
    ticket_id: UUID
    qr_hash: bytes | None
    outcome: SyncOutcome
    device_id: str | None
    sequence: int | None
    gate: str | None
    at: datetime
    time_unknown: bool
    refunded_at: datetime | None


@dataclass(frozen=True)
class EventAtDoor:
    """What a device at the door needs to know of an event.

    Attributes:
        oldest_open_xid: the oldest transaction that was still open. What was written before it is final and visible.
        next_xid: the transaction that begins next.
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
    oldest_open_xid: int
    next_xid: int


class ManifestCursor(NamedTuple):
    """How far a device has read the manifest. Tickets are read in the order of their changes, then by id.

    Attributes:
        oldest_open_xid: the oldest open transaction when this reading began; 0 between two readings.
        changed_in: the transaction that changed the last ticket that was read.
        withdrawn_keys: how many keys were withdrawn when the device read all tickets.
        ticket_id: the last ticket that was read.
    """

    oldest_open_xid: int
    changed_in: int
    withdrawn_keys: int
    ticket_id: UUID


@dataclass(frozen=True)
class ManifestTicket:
    """A ticket in the manifest.

    Attributes:
        replaced_qrs: the ``qr_hash`` (in hex), ``key_id`` and ``transfer_count`` of the QRs that it had before it was
            reissued; None if it was not.
        changed_in: the transaction that wrote the ticket last.
    """

    id: UUID
    ticket_type_id: UUID
    key_id: int
    transfer_count: int
    qr_hash: bytes
    former_hashes: list[bytes] | None
    replaced_qrs: list[dict[str, Any]] | None
    entries_left: int
    group_size: int
    changed_in: int


@dataclass(frozen=True)
class Guest:
    """A ticket as a search of the guest list finds it."""

    ticket_id: UUID
    order_number: str
    ticket_type_id: UUID
    ticket_type_name: str
    holder_name: str
    holder_email: str
    buyer_name: str
    seat: str | None
    group_size: int
    answers: list[dict[str, str]]
    state: GuestState
    entries: int
    max_entries: int
    first_scan_at: datetime | None
    first_scan_gate: str | None


@dataclass(frozen=True)
class Attendance:
    """How many have come to an event, as the database counts them."""

    organisation_id: UUID
    conflicts: int
    ticket_types: list[dict[str, Any]]
    gates: list[dict[str, Any]]
    minutes: list[dict[str, Any]]
