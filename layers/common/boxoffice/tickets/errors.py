"""What can be wrong with a ticket."""

from datetime import datetime
from uuid import UUID

from boxoffice.errors import DomainError
from boxoffice.events.errors import EventOver
from boxoffice.ticket_types.errors import EventCancelled


class Forged(DomainError):
    status = 422
    code = "forged"
    meaning = "This QR is not one of ours."
    remedy = "Let nobody in and hand nothing over."


class TicketRefunded(DomainError):
    code = "ticket_refunded"
    meaning = "The ticket was refunded."
    remedy = "It admits nobody any more; buy another."
    ticket_ids: list[UUID]


class TicketTransferred(DomainError):
    code = "ticket_transferred"
    meaning = "The ticket has passed to somebody else."
    remedy = "Ask its new holder."


class TicketUsed(DomainError):
    code = "ticket_used"
    meaning = "The ticket has admitted its holder."
    remedy = "It cannot change hands; a seller can refund it with `force`."
    ticket_ids: list[UUID]


class TransferLimit(DomainError):
    code = "transfer_limit"
    meaning = "The ticket has changed hands {max_transfers} times, as often as a ticket may."
    remedy = "It stays with its holder."
    max_transfers: int


class TransferExpired(DomainError):
    code = "transfer_expired"
    meaning = "The ticket was not accepted in time."
    remedy = "Ask its holder to send it again."
    expired_at: datetime


class TransferReplaced(DomainError):
    code = "transfer_replaced"
    meaning = "The ticket's holder has sent it anew, perhaps to somebody else."
    remedy = "Use the latest link."


class TransferAccepted(DomainError):
    code = "transfer_accepted"
    meaning = "The ticket has been accepted by this link already."
    remedy = "Find it in the email that was sent then."


class OrderNotPaid(DomainError):
    code = "order_not_paid"
    meaning = "There are no tickets before the order is paid; it is {order_status}."
    remedy = "Pay it first."
    order_status: str


class NothingToPrint(DomainError):
    code = "no_tickets"
    meaning = "The order has no ticket left that is valid and still the buyer's."
    remedy = "Ask those who hold its tickets now."


class KeyRetired(DomainError):
    code = "ticket_key_retired"
    meaning = "The key that signed this ticket has been withdrawn, and its QR with it."
    remedy = "Ask the seller to admit you by the guest list."


# Why a ticket stays with its holder.
NOT_TRANSFERABLE = (TicketRefunded, TicketUsed, EventOver, EventCancelled, TransferLimit)

# Why a link that sent a ticket is no longer good.
TRANSFER_CLOSED = (TransferAccepted, TransferReplaced, TransferExpired)

# Why there is nothing to print.
NOT_PRINTABLE = (OrderNotPaid, NothingToPrint, KeyRetired)
