"""Every minute: offers that have lapsed end, as does waiting in vain, and what is free is offered to those who wait."""

from boxoffice.jobs import Step, job
from boxoffice.waitlist import service


@job()
def handler() -> list[Step]:
    """End the waiting for what is over, end lapsed offers, and make new ones, each in a transaction."""
    return [
        Step(
            "closed",
            find=service.list_awaited,
            do=service.close_over,
            done="WaitingClosed",
            failed="WaitingNotClosed",
            at_once=1000,
        ),
        Step("lapsed", find=service.list_lapsed, do=service.lapse, done="OffersLapsed", failed="OffersNotLapsed"),
        Step("offered", find=service.list_awaited, do=service.offer_next, done="OffersMade", failed="OffersNotMade"),
    ]
