"""Why a ticket type cannot be as requested."""

from uuid import UUID

from boxoffice.errors import AmountOffStep, DomainError


class OrderLimitsCrossed(DomainError):
    status = 422
    code = "order_limits_crossed"
    meaning = "`max_per_order` or `max_per_buyer` is less than `min_per_order`."
    remedy = "Raise the maximum, or lower `min_per_order`."
    constraint = "ticket_types_order_limits"


class SaleWindowEmpty(DomainError):
    status = 422
    code = "sale_window_empty"
    meaning = "The sale would end before it starts."
    remedy = "Set `sales_end` later than `sales_start`."
    constraint = "ticket_types_sale_window"


class NoTicketTypes(DomainError):
    code = "no_ticket_types"
    meaning = "A published event must have at least one ticket type."
    remedy = "Create another ticket type first."


class TooManyTicketTypes(DomainError):
    code = "too_many_ticket_types"
    meaning = "An event has {max_ticket_types} ticket types at the most."
    remedy = "Delete one of them first, or create another event."
    max_ticket_types: int


class EventCancelled(DomainError):
    code = "event_cancelled"
    meaning = "The event is cancelled."
    remedy = "A cancelled event cannot be changed, sold or used."
    event_id: UUID


class TicketsTaken(DomainError):
    code = "tickets_taken"
    meaning = "{taken} tickets of {ticket_type_name} are sold, or held by orders or offers of the waitlist."
    remedy = "Refund or cancel those orders first, or cancel the event."
    ticket_type_id: UUID
    ticket_type_name: str
    taken: int


class SeatsDecideQuantity(DomainError):
    code = "seats_decide_quantity"
    meaning = "The quantity of this ticket type is the number of its seats."
    remedy = "Change its seats instead."


class CapacityNotSettable(DomainError):
    code = "capacity_not_settable"
    meaning = "{taken} tickets of a ticket type are sold or held already, and the event has no capacity so far."
    remedy = "Lower the quantities of its ticket types instead."
    taken: int


# Why a ticket type cannot be created or edited as requested.
INVALID_TICKET_TYPE = (AmountOffStep, OrderLimitsCrossed, SaleWindowEmpty)
