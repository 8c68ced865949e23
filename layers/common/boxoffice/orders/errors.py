"""What can be wrong with an order."""

from boxoffice.errors import DomainError


class TicketTypeNotFound(DomainError):
    status = 404
    code = "ticket_type_not_found"
    detail = "One of the ticket types does not exist or is not for sale to the public."


class NotOnSale(DomainError):
    code = "not_on_sale"
    detail = "One of the ticket types is not on sale at this time."


class QuantityNotAllowed(DomainError):
    status = 422
    code = "quantity_not_allowed"
    detail = "The quantity is outside of what one order may hold of this ticket type."


class MixedOrder(DomainError):
    status = 422
    code = "mixed_order"
    detail = "The tickets of one order must be of one organisation and one currency."


class OrderNumberTaken(DomainError):
    status = 503
    code = "busy"
    detail = "Try again."
    constraint = "orders_number_key"
    retry_after = 1


class OrderNotPending(DomainError):
    code = "order_not_pending"
    detail = "Only a pending order can be cancelled or paid."


class OrderNotPaid(DomainError):
    code = "order_not_paid"
    detail = "There is nothing to send before the order is paid."
