"""Why an event cannot be as requested."""

from datetime import datetime
from typing import Self
from uuid import UUID

from boxoffice.errors import DomainError, rfc_3339


class EndsBeforeStart(DomainError):
    status = 422
    code = "ends_before_start"
    meaning = "The event would end before it starts."
    remedy = "Set `ends_at` later than `starts_at`."
    constraint = "events_end_after_start"


class UnknownTimeZone(DomainError):
    status = 422
    code = "unknown_time_zone"
    meaning = "The database does not know the time zone, which is newer than its own list."
    remedy = "Choose a zone with the same clock. Whoever runs the platform can update the database."
    constraint = "time_zone_check"


class DoorsAfterEnd(DomainError):
    status = 422
    code = "doors_after_end"
    meaning = "The doors would open after the event has ended."
    remedy = "Set `doors_open_at` earlier than `ends_at`."
    constraint = "events_doors_before_end"


class LatePaymentsAfterStart(DomainError):
    status = 422
    code = "late_payments_after_start"
    meaning = "Payments that take days could start after the event has started."
    remedy = "Set `late_payments.until` no later than `starts_at`."
    constraint = "events_late_payments_before_start"


class UnknownTicketType(DomainError):
    status = 422
    code = "unknown_ticket_type"
    meaning = "A gate or a question names ticket types that the event does not have."
    remedy = "Leave out those in `ticket_type_ids`, or create them first."
    ticket_type_ids: list[UUID]


class GatesInUse(DomainError):
    code = "gates_in_use"
    meaning = "Door passes name gates that the event would no longer have. Their devices could not scan there."
    remedy = "Keep those in `gates`, or revoke the passes in `door_passes` first."
    gates: list[str]
    door_passes: list[UUID]


class EventSlugTaken(DomainError):
    code = "event_slug_taken"
    meaning = "Another event of the organisation has this slug, or had it."
    remedy = "Choose another one, or leave `slug` out."


class EndsInThePast(DomainError):
    status = 422
    code = "ends_in_the_past"
    meaning = "The event would be over already."
    remedy = "Let it end in the future: send a later `ends_at`, or for a copy a later `starts_at`."


class TooManyCopies(DomainError):
    status = 422
    code = "too_many_copies"
    meaning = "The event has so much stock, or so many seats, that one request copies it to {max_dates} dates at most."
    remedy = "Send the dates in several requests. The copies are one series all the same."
    max_dates: int


class CurrencyFixed(DomainError):
    code = "currency_fixed"
    meaning = "The event has been published with prices in {currency}."
    remedy = "Keep the currency, or create another event."
    currency: str


class OrganisationNotApproved(DomainError):
    code = "organisation_not_approved"
    meaning = "Only an approved organisation can publish events. This one is {organisation_status}."
    remedy = "Publish the event once the organisation is approved."
    organisation_status: str


class EventOver(DomainError):
    code = "event_over"
    meaning = "The event is over."
    remedy = "Its tickets can no longer be sold, transferred or used."


class EventEnded(EventOver):
    """The event is over. The error says since when."""

    ended_at: datetime
    detail: str = ""

    @classmethod
    def at(cls, ended_at: datetime) -> Self:
        """Return the error for an event that ended at this time."""
        return cls(detail=f"The event ended at {rfc_3339(ended_at)}. {cls.remedy}", ended_at=ended_at)


class EventNotPublished(DomainError):
    code = "event_not_published"
    meaning = "The event is a draft. The public has not seen it yet."
    remedy = "Delete it instead."


class NoChallenge(DomainError):
    code = "no_challenge"
    meaning = "The platform has no challenge that guests could solve."
    remedy = "Leave `asks_challenge` false, or ask who runs the platform to set one up."


# Why an event cannot be created or edited as requested.
INVALID_EVENT = (
    EndsBeforeStart,
    EndsInThePast,
    UnknownTimeZone,
    DoorsAfterEnd,
    LatePaymentsAfterStart,
    UnknownTicketType,
    NoChallenge,
)
