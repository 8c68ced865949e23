"""Who may join the waitlist, and how long an offer holds its stock."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from boxoffice.organisations.errors import SellerSuspended
from boxoffice.stock.errors import QuantityNotAllowed
from boxoffice.stock.models import Draw
from boxoffice.waitlist.errors import WaitlistClosed
from boxoffice.waitlist.models import NextEntry, WaitlistTerms

OFFER_LIFETIME = timedelta(hours=6)


def check_joinable(terms: WaitlistTerms, quantity: int, now: datetime) -> None:
    """Check that the sale terms of a ticket type let somebody wait for so many of it now.

    Raises:
        SellerSuspended, WaitlistClosed, QuantityNotAllowed: they do not.
    """
    if not terms.seller_sells:
        raise SellerSuspended
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


def plan_draws(pool_ids: Sequence[UUID], quantity: int) -> list[Draw]:
    """Return what an offer takes from each pool, in the order of locks."""
    return [Draw(pool_id, quantity, start=0) for pool_id in sorted(pool_ids)]


def next_in_line(entries: Sequence[NextEntry]) -> list[NextEntry]:
    """Return the entries that get the next offers: each time the earliest whose full quantity is still available.

    Of seats only one, since which seats are left depends on those that it gets.

    Args:
        entries: in order of joining, with what is available to them all.
    """
    left = entries[0].available if entries else 0
    served = []
    for entry in entries:
        if entry.quantity <= left:
            left -= entry.quantity
            served.append(entry)
    return served[:1] if served and served[0].seated else served


def offer_until(now: datetime, on_sale_until: datetime) -> datetime:
    """Return when an offer that is made now lapses: at the end of the sale at the latest."""
    return min(now + OFFER_LIFETIME, on_sale_until)
