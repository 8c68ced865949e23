"""What can be wrong with a refund."""

from boxoffice.errors import AmountOffStep, DomainError
from boxoffice.payments.errors import RefundTooLarge
from boxoffice.tickets.errors import TicketNotInOrder, TicketRefunded, TicketUsed


class OrderNotRefundable(DomainError):
    code = "order_not_refundable"
    meaning = "Only a paid order can be refunded. This one is {order_status}."
    remedy = "If the order is pending, cancel it."
    order_status: str


class NothingToRefund(DomainError):
    code = "nothing_to_refund"
    meaning = "The whole order has been refunded already."
    remedy = "Read the order to see its refunds."


class FeeTooLarge(DomainError):
    code = "fee_too_large"
    meaning = "The fee is larger than what would go back for the tickets without it."
    remedy = "Keep `refundable` at the most, which is in the currency's minor unit."
    refundable: int


# Why an order, a ticket or an amount cannot be refunded.
NOT_REFUNDABLE = (
    OrderNotRefundable,
    NothingToRefund,
    AmountOffStep,
    RefundTooLarge,
    FeeTooLarge,
    TicketNotInOrder,
    TicketRefunded,
    TicketUsed,
)
