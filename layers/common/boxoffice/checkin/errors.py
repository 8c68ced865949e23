"""Why a ticket does not admit: what a person at the door needs to know."""

from boxoffice.errors import DomainError
from boxoffice.events.errors import EventOver
from boxoffice.ticket_types.errors import EventCancelled


class Forged(DomainError):
    status = 422
    code = "forged"
    detail = "This is no ticket of ours. Do not admit."


class AlreadyScanned(DomainError):
    code = "already_scanned"
    detail = "The ticket has been used for as many entries as it has."


class WrongEvent(DomainError):
    code = "wrong_event"
    detail = "The ticket is for another event."


class WrongGate(DomainError):
    code = "wrong_gate"
    detail = "This gate is not for tickets of this type."


class NotYet(DomainError):
    code = "not_yet"
    detail = "The doors are not open yet."


class Transferred(DomainError):
    code = "transferred"
    detail = "The ticket has passed to somebody else, and this QR admits nobody any more."


class Refunded(DomainError):
    code = "refunded"
    detail = "The ticket was refunded and admits nobody any more."


class SequenceReused(DomainError):
    code = "sequence_reused"
    detail = "The device has given this number to another scan."


class Undone(DomainError):
    code = "undone"
    detail = "A manager has taken this admission back."


class NotAdmitted(DomainError):
    code = "not_admitted"
    detail = "The scan let nobody in: there is nothing to undo."


# Why a ticket that is known does not admit, however it was scanned.
REFUSALS = (
    AlreadyScanned,
    WrongEvent,
    WrongGate,
    NotYet,
    EventOver,
    EventCancelled,
    Refunded,
    Undone,
    SequenceReused,
)
