"""What makes an order."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from boxoffice.ids import normalise_order_number
from boxoffice.orders.errors import MixedOrder, NotOnSale, QuantityNotAllowed, TicketTypeNotFound
from boxoffice.orders.models import Offer, OrderItemRequest, OrderLine
from boxoffice.stock.models import Draw
from boxoffice.stock.rules import home_row


def quantities_of(items: Sequence[OrderItemRequest]) -> dict[UUID, int]:
    """How many of each ticket type are wanted; lines that repeat one are added up."""
    wanted: Counter[UUID] = Counter()
    for item in items:
        wanted[item.ticket_type_id] += item.quantity
    return wanted


def lines_of(offers: Sequence[Offer], wanted: dict[UUID, int], now: datetime) -> list[OrderLine]:
    """The lines of an order, as they were asked for.

    Raises:
        TicketTypeNotFound, NotOnSale, QuantityNotAllowed, MixedOrder: the order cannot be had like this.
    """
    if len(offers) != len(wanted):
        raise TicketTypeNotFound
    for offer in offers:
        check_offer(offer, wanted[offer.ticket_type_id], now)
    if len({(offer.organisation_id, offer.currency) for offer in offers}) > 1:
        raise MixedOrder
    by_id = {offer.ticket_type_id: offer for offer in offers}
    return [OrderLine(by_id[ticket_type_id], quantity) for ticket_type_id, quantity in wanted.items()]


def check_offer(offer: Offer, quantity: int, now: datetime) -> None:
    """Whether so many of a ticket type may be bought now, by its own terms.

    Raises:
        NotOnSale, QuantityNotAllowed: they may not.
    """
    name = offer.ticket_type_name
    if (offer.on_sale_from and now < offer.on_sale_from) or now >= offer.on_sale_until:
        raise NotOnSale(f"{name} is not on sale at this time.")
    if not offer.min_per_order <= quantity <= offer.max_per_order:
        raise QuantityNotAllowed(f"An order takes {offer.min_per_order} to {offer.max_per_order} of {name}.")


def draws_of(lines: Sequence[OrderLine], backend_pid: int) -> list[Draw]:
    """What an order takes from each pool, in the order of locks."""
    return [
        Draw(line.offer.pool_id, line.quantity, home_row(backend_pid, line.offer.pool_rows))
        for line in sorted(lines, key=lambda line: line.offer.pool_id)
    ]


def total_of(lines: Sequence[OrderLine]) -> int:
    """What an order costs, in the minor unit."""
    return sum(line.offer.unit_price * line.quantity for line in lines)


def reference_of(text: str) -> dict[str, UUID | str | None]:
    """What to look an order up by: its id, or its number however it was typed."""
    try:
        return {"id": UUID(text), "number": None}
    except ValueError:
        return {"id": None, "number": normalise_order_number(text)}
