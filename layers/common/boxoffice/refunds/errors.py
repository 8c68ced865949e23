"""Why something cannot be given back."""

from uuid import UUID

from boxoffice.errors import DomainError
from boxoffice.payments.errors import RefundTooLarge
from boxoffice.tickets.errors import TicketRefunded, TicketUsed


class OrderNotRefundable(DomainError):
    code = "order_not_refundable"
    meaning = "Only a paid order can be refunded; this one is {order_status}."
    remedy = "Cancel it if it is pending."
    order_status: str


class NothingToRefund(DomainError):
    code = "nothing_to_refund"
    meaning = "All of this order has been given back already."
    remedy = "Read the order to see its refunds."


class TicketNotInOrder(DomainError):
    status = 404
    code = "ticket_not_found"
    meaning = "Some of the tickets are not of this order."
    remedy = "Leave out those in `ticket_ids`."
    ticket_ids: list[UUID]


# Why an order, a ticket or an amount cannot be refunded.
NOT_REFUNDABLE = (OrderNotRefundable, NothingToRefund, RefundTooLarge, TicketNotInOrder, TicketRefunded, TicketUsed)
