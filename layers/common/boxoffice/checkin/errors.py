"""Why a ticket does not admit: what a person at the door needs to know."""

from boxoffice.errors import DomainError


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


class Transferred(DomainError):
    code = "transferred"
    detail = "The ticket has passed to somebody else, and this QR admits nobody any more."


class Refunded(DomainError):
    code = "refunded"
    detail = "The ticket was refunded and admits nobody any more."
