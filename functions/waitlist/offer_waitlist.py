"""Every minute: close entries of events that are over, end offers that have lapsed, and make new offers."""

from boxoffice.jobs import Step, job
from boxoffice.waitlist import service

CLOSE_WAITING = Step(
    "closed",
    find=service.list_awaited,
    do=service.close_waiting,
    done="WaitingClosed",
    failed="WaitingNotClosed",
    at_once=1000,
)
END_OFFERS = Step(
    "lapsed", find=service.list_lapsed, do=service.end_lapsed_offer, done="OffersLapsed", failed="OffersNotLapsed"
)
MAKE_OFFERS = Step(
    "offered", find=service.list_awaited, do=service.make_offers, done="OffersMade", failed="OffersNotMade"
)


@job()
def handler() -> list[Step]:
    """Close waiting entries, end lapsed offers and make new ones."""
    return [CLOSE_WAITING, END_OFFERS, MAKE_OFFERS]
