"""Why a ticket does not admit: what a person at the door needs to know."""

from datetime import datetime
from uuid import UUID

from boxoffice.errors import DomainError
from boxoffice.events.errors import EventOver
from boxoffice.ticket_types.errors import EventCancelled


class Transferred(DomainError):
    code = "transferred"
    meaning = "The ticket has passed to somebody else, and this QR admits nobody any more."
    remedy = "Ask for the QR that its new holder was sent."
    ticket_id: UUID
    event_id: UUID


class NotAdmitted(DomainError):
    code = "not_admitted"
    meaning = "The scan let nobody in."
    remedy = "There is nothing to undo."


class Refusal(DomainError):
    """A ticket that is known and does not admit, with whose it is and when it was first used."""

    ticket_id: UUID
    event_id: UUID
    ticket_type_name: str
    holder_name: str
    entries: int
    max_entries: int
    first_scan_at: datetime | None
    first_scan_gate: str | None
    doors_open_at: datetime | None
    detail: str = ""


class AlreadyScanned(Refusal):
    code = "already_scanned"
    meaning = "The ticket has been used for as many entries as it has."
    remedy = "Do not admit. `first_scan_at` and `first_scan_gate` say when and where it was first used."


class WrongEvent(Refusal):
    code = "wrong_event"
    meaning = "The ticket is for another event."
    remedy = "Do not admit. `event_id` says which."


class WrongGate(Refusal):
    code = "wrong_gate"
    meaning = "This gate is not for tickets of the type {ticket_type_name}."
    remedy = "Send its holder to another gate."


class NotYet(Refusal):
    code = "not_yet"
    meaning = "The doors are not open yet."
    remedy = "Scan again after `doors_open_at`."


class EventOverAtDoor(Refusal, EventOver):
    """The event is over, told with the ticket."""


class EventCancelledAtDoor(Refusal, EventCancelled):
    """The event is cancelled, told with the ticket."""


class Refunded(Refusal):
    code = "refunded"
    meaning = "The ticket was refunded and admits nobody any more."
    remedy = "Do not admit."


class Undone(Refusal):
    code = "undone"
    meaning = "A manager has taken this admission back."
    remedy = "Scan the ticket with a new `sequence`."


class SequenceReused(Refusal):
    code = "sequence_reused"
    meaning = "The device has given this `sequence` to another scan."
    remedy = "Give each scan a number of its own."


# Why a ticket that is known does not admit, however it was scanned.
REFUSALS = (
    AlreadyScanned,
    WrongEvent,
    WrongGate,
    NotYet,
    EventOverAtDoor,
    EventCancelledAtDoor,
    Refunded,
    Undone,
    SequenceReused,
)
