"""What can be wrong with waiting."""

from boxoffice.errors import DomainError


class StillAvailable(DomainError):
    code = "still_available"
    detail = "There are as many tickets as you want: buy them."


class WaitlistClosed(DomainError):
    code = "waitlist_closed"
    detail = "The ticket type is not on sale at this time, so there is nothing to wait for."


class WaitlistQuantity(DomainError):
    status = 422
    code = "quantity_not_allowed"
    detail = "The quantity is outside of what one order may hold of this ticket type."


class NoOffer(DomainError):
    code = "no_offer"
    detail = "The waitlist has no open offer of this ticket type for this email address and token."


class OfferTooSmall(DomainError):
    code = "offer_too_small"
    detail = "The waitlist's offer is of fewer tickets than that."
