"""Every minute: close entries of events that are over, end offers that have lapsed, and make new offers."""

from boxoffice.jobs import Step, job
from boxoffice.waitlist import service


@job()
def handler() -> list[Step]:
    """List the steps: close waiting entries, end lapsed offers, make new offers."""
    return [
        Step(
            "closed",
            find=service.list_awaited,
            do=service.close_waiting,
            done="WaitingClosed",
            failed="WaitingNotClosed",
            at_once=1000,
        ),
        Step(
            "lapsed",
            find=service.list_lapsed,
            do=service.end_lapsed_offer,
            done="OffersLapsed",
            failed="OffersNotLapsed",
        ),
        Step("offered", find=service.list_awaited, do=service.offer_to_next, done="OffersMade", failed="OffersNotMade"),
    ]
