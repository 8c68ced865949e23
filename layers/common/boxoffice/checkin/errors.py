"""Why a scan does not admit, in words for the person at the door."""

from datetime import datetime
from uuid import UUID

from boxoffice.errors import DomainError
from boxoffice.events.errors import EventOver
from boxoffice.ticket_types.errors import EventCancelled


class Transferred(DomainError):
    code = "transferred"
    meaning = "The ticket now belongs to somebody else. This QR is no longer valid."
    remedy = "Ask for the QR that the new holder received."
    ticket_id: UUID
    event_id: UUID


class UnknownGate(DomainError):
    status = 422
    code = "unknown_gate"
    meaning = "The event has no gate {gate}."
    remedy = "Choose one of `known_gates` on the device, and scan again."
    gate: str
    known_gates: list[str]
    detail: str


class NotAdmitted(DomainError):
    code = "not_admitted"
    meaning = "The scan let nobody in."
    remedy = "There is nothing to undo."


class Refusal(DomainError):
    """Why a ticket does not admit, with its holder and its first entry."""

    ticket_id: UUID
    event_id: UUID
    ticket_type_name: str
    holder_name: str
    entries: int
    max_entries: int
    first_scan_at: datetime | None
    first_scan_gate: str | None
    doors_open_at: datetime | None
    detail: str


class AlreadyScanned(Refusal):
    code = "already_scanned"
    meaning = "The ticket has no entries left."
    remedy = "Do not admit. `first_scan_at` and `first_scan_gate` say when and where it was first used."


class WrongEvent(Refusal):
    code = "wrong_event"
    meaning = "The ticket is for another event."
    remedy = "Do not admit. `event_title` and `starts_at` say which event it is for."
    event_title: str
    starts_at: datetime


class WrongGate(Refusal):
    code = "wrong_gate"
    meaning = "This gate does not admit tickets of the type {ticket_type_name}."
    remedy = "Send the holder to one of `gates`."
    gates: list[str]


class NotYet(Refusal):
    code = "not_yet"
    meaning = "The doors are not open yet."
    remedy = "Scan again after `doors_open_at`."


class EventOverAtDoor(Refusal, EventOver):
    """The event is over. The error shows the ticket too."""


class EventCancelledAtDoor(Refusal, EventCancelled):
    """The event is cancelled. The error shows the ticket too."""


class Refunded(Refusal):
    code = "refunded"
    meaning = "The ticket was refunded and is no longer valid."
    remedy = "Do not admit."


class Disputed(Refusal):
    code = "disputed"
    meaning = "The payer disputes the payment of the ticket."
    remedy = "Do not admit. Ask a manager, who sees the dispute among the money matters."


class QrWithdrawn(Refusal):
    code = "withdrawn"
    meaning = "The key that signed this QR was withdrawn. The QR is no longer valid, but the ticket may be."
    remedy = "Ask for the QR in a newer email, or admit the holder by the guest list."


class Undone(Refusal):
    code = "undone"
    meaning = "A manager has undone this scan."
    remedy = "Scan the ticket with a new `sequence`."


class SequenceReused(Refusal):
    code = "sequence_reused"
    meaning = "The device has used this `sequence` for another scan."
    remedy = "Give each scan a new number."


# Why a ticket of the organisation does not admit by the guest list.
REFUSALS_BY_LIST = (
    AlreadyScanned,
    WrongEvent,
    WrongGate,
    NotYet,
    EventOverAtDoor,
    EventCancelledAtDoor,
    Refunded,
    Disputed,
    Undone,
    SequenceReused,
)

# Why it does not admit by its QR.
REFUSALS = (*REFUSALS_BY_LIST, QrWithdrawn)
