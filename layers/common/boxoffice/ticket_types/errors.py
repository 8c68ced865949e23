"""What can be wrong with a ticket type."""

from boxoffice.errors import DomainError


class OrderLimitsCrossed(DomainError):
    status = 422
    code = "order_limits_crossed"
    detail = "max_per_order and max_per_buyer are at least min_per_order."
    constraint = "ticket_types_order_limits"


class SaleWindowEmpty(DomainError):
    status = 422
    code = "sale_window_empty"
    detail = "sales_end comes after sales_start."
    constraint = "ticket_types_sale_window"


class NoTicketTypes(DomainError):
    code = "no_ticket_types"
    detail = "A published event has at least one ticket type."


class TooManyTicketTypes(DomainError):
    code = "too_many_ticket_types"
    detail = "The event has as many ticket types as an event can have."


class EventCancelled(DomainError):
    code = "event_cancelled"
    detail = "The event is cancelled."


class TicketsTaken(DomainError):
    code = "tickets_taken"
    detail = "Tickets of it are sold, or held by pending orders."


class SeatsDecideQuantity(DomainError):
    code = "seats_decide_quantity"
    detail = "The quantity of this ticket type is that of its seats. Define those."


class CapacityNotSettable(DomainError):
    code = "capacity_not_settable"
    detail = "An event is given a capacity before the first of its tickets is sold or held."
