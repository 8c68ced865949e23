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


class CurrencyFixed(DomainError):
    code = "currency_fixed"
    detail = "The currency of an event cannot change once it is published."


class OrganisationNotApproved(DomainError):
    code = "organisation_not_approved"
    detail = "Only an approved organisation can publish events."


class EventOver(DomainError):
    code = "event_over"
    detail = "The event is over."


class EventNotPublished(DomainError):
    code = "event_not_published"
    detail = "Nobody has seen the event yet; a draft is deleted."
