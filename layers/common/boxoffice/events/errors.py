"""What can be wrong with an event."""

from uuid import UUID

from boxoffice.errors import DomainError


class EndsBeforeStart(DomainError):
    status = 422
    code = "ends_before_start"
    meaning = "An event ends after it starts."
    remedy = "Set `ends_at` later than `starts_at`."
    constraint = "events_end_after_start"


class DoorsAfterEnd(DomainError):
    status = 422
    code = "doors_after_end"
    meaning = "The doors open before the event ends."
    remedy = "Set `doors_open_at` earlier than `ends_at`."
    constraint = "events_doors_before_end"


class UnknownTicketType(DomainError):
    status = 422
    code = "unknown_ticket_type"
    meaning = "A gate names ticket types that the event does not have."
    remedy = "Leave out those in `ticket_type_ids`, or create them first."
    ticket_type_ids: list[UUID]


class EndsInThePast(DomainError):
    status = 422
    code = "ends_in_the_past"
    meaning = "The event would be over already."
    remedy = "Set `ends_at` to a time in the future."


class CurrencyFixed(DomainError):
    code = "currency_fixed"
    meaning = "The event has been published with prices in {currency}."
    remedy = "Keep the currency, or create another event."
    currency: str


class OrganisationNotApproved(DomainError):
    code = "organisation_not_approved"
    meaning = "Only an approved organisation can publish events; this one is {organisation_status}."
    remedy = "Wait for the approval, and publish the event then."
    organisation_status: str


class EventOver(DomainError):
    code = "event_over"
    meaning = "The event is over."
    remedy = "Nothing of it can be sold, transferred or used any more."


class EventNotPublished(DomainError):
    code = "event_not_published"
    meaning = "The event is a draft: nobody has seen it yet."
    remedy = "Delete it instead."


# What an event can say that does not fit together.
INVALID_EVENT = (EndsBeforeStart, EndsInThePast, DoorsAfterEnd, UnknownTicketType)
