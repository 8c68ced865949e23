"""Who may wait, and how long an offer stands."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from boxoffice.stock.errors import QuantityNotAllowed
from boxoffice.stock.models import Draw
from boxoffice.waitlist.errors import WaitlistClosed
from boxoffice.waitlist.models import Sale

OFFER_LIFETIME = timedelta(hours=6)


def check_joinable(sale: Sale, quantity: int, now: datetime) -> None:
    """Whether so many of a ticket type may be waited for now, by its own terms.

    Raises:
        WaitlistClosed, QuantityNotAllowed: they may not.
    """
    if (sale.on_sale_from and now < sale.on_sale_from) or now >= sale.on_sale_until:
        raise WaitlistClosed(on_sale_from=sale.on_sale_from, on_sale_until=sale.on_sale_until)
    if not sale.min_per_order <= quantity <= sale.max_per_order:
        raise QuantityNotAllowed(
            ticket_type_id=sale.ticket_type_id, min_per_order=sale.min_per_order, max_per_order=sale.max_per_order
        )


def plan_draws(pool_ids: Sequence[UUID], quantity: int) -> list[Draw]:
    """Return what an offer takes from each pool, in the order of locks."""
    return [Draw(pool_id, quantity, start=0) for pool_id in sorted(pool_ids)]


def offer_until(now: datetime, on_sale_until: datetime) -> datetime:
    """When an offer lapses: with the sale at the latest."""
    return min(now + OFFER_LIFETIME, on_sale_until)
