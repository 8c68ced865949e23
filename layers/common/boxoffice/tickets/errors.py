"""What can be wrong with a ticket."""

from boxoffice.errors import DomainError


class TicketRefunded(DomainError):
    code = "ticket_refunded"
    detail = "The ticket was refunded and admits nobody any more."


class KeyRetired(DomainError):
    code = "ticket_key_retired"
    detail = "The key that signed this ticket has been withdrawn, and its QR with it."
