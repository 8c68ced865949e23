"""What can be wrong with a ticket."""

from boxoffice.errors import DomainError


class TicketRefunded(DomainError):
    code = "ticket_refunded"
    detail = "The ticket was refunded and admits nobody any more."


class TicketTransferred(DomainError):
    code = "transferred"
    detail = "The ticket has passed to somebody else."


class TicketUsed(DomainError):
    code = "ticket_used"
    detail = "The ticket has been used, and stays with its holder."


class EventOver(DomainError):
    code = "event_over"
    detail = "The event is over or does not take place; its tickets no longer change hands."


class TransferLimit(DomainError):
    code = "transfer_limit"
    detail = "The ticket has changed hands as often as a ticket may."


class TransferExpired(DomainError):
    code = "transfer_expired"
    detail = "The ticket was not accepted in time. Ask its holder to send it again."


class TransferReplaced(DomainError):
    code = "transfer_replaced"
    detail = "The ticket's holder has sent it anew, perhaps to somebody else. Only the latest link is good."


class TransferAccepted(DomainError):
    code = "transfer_accepted"
    detail = "The ticket has been accepted by this link. It is in the email that was sent then."


class TicketsNotIssued(DomainError):
    code = "order_not_paid"
    detail = "There are no tickets before the order is paid."


class NothingToPrint(DomainError):
    code = "no_tickets"
    detail = "The order has no ticket left that is valid and still the buyer's."


class KeyRetired(DomainError):
    code = "ticket_key_retired"
    detail = "The key that signed this ticket has been withdrawn, and its QR with it."
