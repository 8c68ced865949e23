"""Failures of tickets and transfers."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from boxoffice.errors import DomainError, FieldError
from boxoffice.events.errors import EventEnded
from boxoffice.ticket_types.errors import EventCancelled


class Forged(DomainError):
    status = 422
    code = "forged"
    security_event = "qr"
    meaning = "This QR is not one of ours."
    remedy = "Let nobody in and hand nothing over."


class TicketRefunded(DomainError):
    code = "ticket_refunded"
    meaning = "The ticket was refunded."
    remedy = "It is no longer valid. Buy another ticket."
    ticket_ids: list[UUID]


class TicketTransferred(DomainError):
    code = "ticket_transferred"
    meaning = "The ticket now belongs to somebody else."
    remedy = "Ask the new holder."


class TicketUsed(DomainError):
    code = "ticket_used"
    meaning = "The ticket has been used at the door."
    remedy = "It cannot be transferred. A manager can refund it with `force`."
    ticket_ids: list[UUID]


class TransferLimit(DomainError):
    code = "transfer_limit"
    meaning = "The ticket was transferred {max_transfers} times, which is the limit."
    remedy = "It stays with its holder."
    max_transfers: int


class TransferExpired(DomainError):
    code = "transfer_expired"
    meaning = "The ticket could be accepted until {expired_at}."
    remedy = "Ask the holder to send it again."
    expired_at: datetime


class TransferReplaced(DomainError):
    code = "transfer_replaced"
    meaning = "The holder has sent the ticket again, and this link has ended."
    remedy = "Use the latest link."


class TransferAccepted(DomainError):
    code = "transfer_accepted"
    meaning = "Somebody has accepted the ticket with this link already."
    remedy = "Find the ticket in the email that was sent then."


class TicketNotInOrder(DomainError):
    status = 404
    code = "ticket_not_found"
    meaning = "Some of the tickets do not belong to this order."
    remedy = "Leave out those in `ticket_ids`."
    ticket_ids: list[UUID]


class DoorsOpen(DomainError):
    code = "doors_open"
    meaning = "The doors of the event have opened."
    remedy = "Leave out the tickets in `ticket_ids`, and what the events in `event_ids` ask. They stay as they are."
    ticket_ids: list[UUID]
    event_ids: list[UUID]


class AnswersNeeded(DomainError):
    status = 422
    code = "answers_needed"
    meaning = "The event asks the holder of each ticket, and the answers do not fit."
    remedy = "`GET /v1/events/{event_id}` shows what it asks. Each of `errors` says where and why one does not fit."
    event_id: UUID
    errors: Sequence[FieldError]
    more_errors: int


class OrderNotPaid(DomainError):
    code = "order_not_paid"
    meaning = "An order has tickets once it is paid. This one is {order_status}."
    remedy = "Pay the order first."
    order_status: str


class NothingToPrint(DomainError):
    code = "no_tickets"
    meaning = "All tickets of the order were refunded or transferred."
    remedy = "Ask the new holders for transferred tickets."


class KeyRetired(DomainError):
    code = "ticket_key_retired"
    meaning = "The key that signed this ticket was withdrawn, so its QR is no longer valid."
    remedy = "Ask the seller to admit you by the guest list."


# Why the holder of a ticket cannot be named.
NOT_NAMEABLE = (TicketNotInOrder, TicketRefunded, TicketTransferred, DoorsOpen)

# Why a ticket cannot be transferred.
NOT_TRANSFERABLE = (TicketRefunded, TicketUsed, EventEnded, EventCancelled, TransferLimit)

# Why a transfer can no longer be accepted.
TRANSFER_CLOSED = (TransferAccepted, TransferReplaced, TransferExpired)

# Why an order's tickets cannot be printed.
NOT_PRINTABLE = (OrderNotPaid, NothingToPrint, KeyRetired)
