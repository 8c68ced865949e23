"""Who may join the waitlist, who gets the next offers, and how long an offer holds its stock."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from uuid import UUID

from boxoffice.organisations.errors import SellerSuspended
from boxoffice.stock.errors import QuantityNotAllowed
from boxoffice.stock.models import Draw
from boxoffice.waitlist.errors import QuantityOutOfReach, WaitlistClosed
from boxoffice.waitlist.rows import NextEntry, OpenOffers, WaitlistTerms

LINK_LIFETIME = timedelta(hours=24)
"""How long the link works that confirms an address. Without it nobody is in the line."""

MOST_OFFERS = 3
"""How many open offers a mailbox has, of all ticket types together."""

DAY_BEGINS, DAY_ENDS = time(8), time(22)
"""When people read their email, at the venue. The time of an offer does not run at night."""

_MOST_DAYS = 400  # more than any offer lasts


def check_joinable(terms: WaitlistTerms, quantity: int, now: datetime) -> None:
    """Check that the sale terms of a ticket type let somebody wait for so many of it now.

    Raises:
        SellerSuspended, WaitlistClosed, QuantityNotAllowed, QuantityOutOfReach: they do not.
    """
    if not terms.seller_sells:
        raise SellerSuspended(organisation_id=terms.organisation_id)
    if (terms.on_sale_from and now < terms.on_sale_from) or now >= terms.on_sale_until:
        raise WaitlistClosed(on_sale_from=terms.on_sale_from, on_sale_until=terms.on_sale_until)
    if not terms.min_per_order <= quantity <= terms.max_per_order:
        raise QuantityNotAllowed(
            ticket_type_id=terms.ticket_type_id,
            ticket_type_name=terms.ticket_type_name,
            quantity=quantity,
            min_per_order=terms.min_per_order,
            max_per_order=terms.max_per_order,
        )
    check_within_reach(quantity, terms.pool_quantity, terms.max_per_buyer)


def check_within_reach(quantity: int, most: int, max_per_buyer: int | None, owned: int = 0) -> None:
    """Check that a person could ever get so many tickets.

    Args:
        most: how many the ticket type and the event have in all.
        owned: how many the person has already, as the limit per buyer counts.

    Raises:
        QuantityOutOfReach: they could not.
    """
    if max_per_buyer is not None:
        most = min(most, max(0, max_per_buyer - owned))
    if quantity > most:
        raise QuantityOutOfReach(most=most)


def plan_draws(pool_ids: Sequence[UUID], quantity: int) -> list[Draw]:
    """Return what an offer takes from each pool, in the order of locks."""
    return [Draw(pool_id, quantity, start=0) for pool_id in sorted(pool_ids)]


def next_in_line(entries: Sequence[NextEntry], open_offers: Sequence[OpenOffers]) -> list[NextEntry]:
    """Return the entries that get the next offers: each time the earliest whose full quantity is still available.

    A mailbox gets no more than `MOST_OFFERS`. Where buyers have a limit it gets one, since two might be more than that
    allows. Of seats only one entry is served, since which seats are left depends on those that it gets.

    Args:
        entries: in the order of the line, with what is available to them all.
        open_offers: those that their mailboxes have.
    """
    left = entries[0].available if entries else 0
    offers = Counter({each.mailbox: each.offers for each in open_offers})
    of_type = Counter({each.mailbox: each.of_type for each in open_offers})
    served = []
    for entry in entries:
        has_enough = offers[entry.mailbox] >= MOST_OFFERS or (entry.has_limit and of_type[entry.mailbox] > 0)
        if entry.quantity <= left and not has_enough:
            left -= entry.quantity
            offers[entry.mailbox] += 1
            of_type[entry.mailbox] += 1
            served.append(entry)
    return served[:1] if served and served[0].seated else served


def offer_until(now: datetime, lifetime: timedelta, time_zone: str, on_sale_until: datetime) -> datetime:
    """Return when an offer that is made now lapses: after its time has run, at the end of the sale at the latest.

    The time runs from 8 to 22 o'clock at the venue, on the clocks there. A change of the clocks makes a night shorter
    or longer, and a day that a zone has left out does not count.

    Args:
        lifetime: how long the offer lasts, without nights.
        time_zone: of the venue.
    """
    from boxoffice.times import zone_of  # whoever buys does not wait for it

    zone = zone_of(time_zone)
    moment, left, day = now, lifetime, now.astimezone(zone).date()
    for _ in range(_MOST_DAYS):
        begin, end = (datetime.combine(day, clock, zone).astimezone(UTC) for clock in (DAY_BEGINS, DAY_ENDS))
        moment = max(moment, begin)
        if moment + left <= end:
            break
        if moment < end:
            moment, left = end, left - (end - moment)
        day += timedelta(days=1)
    return min(moment + left, on_sale_until)
