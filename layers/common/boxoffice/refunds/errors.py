"""Why something cannot be given back."""

from boxoffice.errors import DomainError


class OrderNotRefundable(DomainError):
    code = "order_not_refundable"
    detail = "Only a paid order can be refunded."


class NothingToRefund(DomainError):
    code = "nothing_to_refund"
    detail = "All of this order has been given back already."


class TicketNotInOrder(DomainError):
    status = 404
    code = "ticket_not_found"
    detail = "One of the tickets is not of this order."


class TicketUsed(DomainError):
    code = "ticket_used"
    detail = "One of the tickets has admitted its holder. Refund it with `force` if that is meant."
