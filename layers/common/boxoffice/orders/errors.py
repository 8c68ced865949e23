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


class IssueNotOffered(DomainError):
    status = 422
    code = "issue_not_offered"
    detail = "None of the ticket types is issued like this."


class BuyerLimitReached(DomainError):
    code = "buyer_limit_reached"
    detail = "One buyer may not have so many."


class NotSeated(DomainError):
    status = 422
    code = "not_seated"
    detail = "This ticket type has no seats to choose."


class SeatsNotCounted(DomainError):
    status = 422
    code = "seats_not_counted"
    detail = "Name as many different seats as the quantity, or none of a ticket type."


class NotTheOffer(DomainError):
    status = 422
    code = "not_the_offer"
    detail = "An order with a waitlist_token holds only the ticket type that is offered; its seats are given."


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
