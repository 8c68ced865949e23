"""What can be wrong with an event or a ticket type."""

from boxoffice.errors import DomainError


class EndsBeforeStart(DomainError):
    status = 422
    code = "ends_before_start"
    detail = "An event ends after it starts."
    constraint = "events_end_after_start"


class DoorsAfterEnd(DomainError):
    status = 422
    code = "doors_after_end"
    detail = "The doors open before the event ends."
    constraint = "events_doors_before_end"


class UnknownTicketType(DomainError):
    status = 422
    code = "unknown_ticket_type"
    detail = "A gate names a ticket type that the event does not have."


class EndsInThePast(DomainError):
    status = 422
    code = "ends_in_the_past"
    detail = "The end of an event is set to a time to come."


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


class CurrencyFixed(DomainError):
    code = "currency_fixed"
    detail = "The currency of an event cannot change once it is published."


class OrganisationNotApproved(DomainError):
    code = "organisation_not_approved"
    detail = "Only an approved organisation can publish events."


class NoTicketTypes(DomainError):
    code = "no_ticket_types"
    detail = "A published event has at least one ticket type."


class TooManyTicketTypes(DomainError):
    code = "too_many_ticket_types"
    detail = "The event has as many ticket types as an event can have."


class EventOver(DomainError):
    code = "event_over"
    detail = "The event is over."


class EventNotPublished(DomainError):
    code = "event_not_published"
    detail = "Nobody has seen the event yet; a draft is deleted."


class EventCancelled(DomainError):
    code = "event_cancelled"
    detail = "The event is cancelled."


class TicketsTaken(DomainError):
    code = "tickets_taken"
    detail = "Tickets of it are sold, or held by pending orders."


class CapacityNotSettable(DomainError):
    code = "capacity_not_settable"
    detail = "An event is given a capacity before the first of its tickets is sold or held."


class SeatsDecideQuantity(DomainError):
    code = "seats_decide_quantity"
    detail = "The quantity of this ticket type is that of its seats. Define those."
