"""Why nobody can join the waitlist, or buy what it offers."""

from datetime import datetime

from boxoffice.errors import DomainError
from boxoffice.organisations.errors import SellerSuspended
from boxoffice.stock.errors import QuantityNotAllowed


class StillAvailable(DomainError):
    code = "still_available"
    meaning = "As many tickets as you want are still available."
    remedy = "Buy them."


class WaitlistClosed(DomainError):
    code = "waitlist_closed"
    meaning = "The ticket type is not on sale now, so nobody can join its waitlist."
    remedy = "Join between `on_sale_from` and `on_sale_until`."
    on_sale_from: datetime | None
    on_sale_until: datetime


class QuantityOutOfReach(DomainError):
    status = 422
    code = "quantity_out_of_reach"
    meaning = "You can get {most} tickets of this type at the most: there are no more, or not for one buyer."
    remedy = "Wait for fewer. A limit per buyer counts what you have already."
    most: int


class NoOffer(DomainError):
    code = "no_offer"
    meaning = "The waitlist has no open offer of this ticket type for this email address and token."
    remedy = "Use the link of the latest email, before the offer lapses."


class OfferMismatch(DomainError):
    status = 422
    code = "offer_mismatch"
    meaning = (
        "An order with a `waitlist_token` takes only the ticket type that is offered, in the seats that come with it."
    )
    remedy = "Order that ticket type alone, without `seat_ids`."


class OfferTooSmall(DomainError):
    code = "offer_too_small"
    meaning = "The waitlist's offer is of {offered} tickets."
    remedy = "Order that many at the most."
    offered: int


# Why nobody can wait for so many of a ticket type.
CANNOT_BE_AWAITED = (SellerSuspended, WaitlistClosed, QuantityNotAllowed, QuantityOutOfReach)

# Why an order cannot have what the waitlist offers.
NOT_OFFERED = (NoOffer, OfferMismatch, OfferTooSmall)
