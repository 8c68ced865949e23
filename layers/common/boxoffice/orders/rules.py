"""What makes an order."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from boxoffice.errors import DomainError
from boxoffice.ids import normalise_order_number
from boxoffice.orders.errors import (
    BuyerLimitReached,
    IssueNotOffered,
    MixedOrder,
    NotOnSale,
    TicketTypeNotFound,
)
from boxoffice.orders.models import (
    BuyerLimit,
    IssueChoice,
    Offer,
    OrderItemRequest,
    OrderLine,
    OrderRow,
    OrderStatus,
    Terms,
)
from boxoffice.seats.errors import NotSeated, SeatsNotCounted
from boxoffice.seats.models import Wish
from boxoffice.stock.errors import QuantityNotAllowed, SoldOut
from boxoffice.stock.models import Draw
from boxoffice.stock.rules import home_row
from boxoffice.vouchers.errors import VoucherNotApplicable, VoucherNotFound, VoucherUsedUp
from boxoffice.vouchers.models import Voucher
from boxoffice.vouchers.rules import discount_on, is_for, valid_among
from boxoffice.waitlist.errors import NotTheOffer

PATIENCE = timedelta(minutes=15)
"""How long an order with an open payment keeps its stock beyond its hold: its provider may be slow to answer."""


def quantities_of(items: Sequence[OrderItemRequest]) -> dict[UUID, int]:
    """How many of each ticket type are wanted; lines that repeat one are added up."""
    wanted: Counter[UUID] = Counter()
    for item in items:
        wanted[item.ticket_type_id] += item.quantity
    return wanted


def check_found(offers: Sequence[Offer], wanted: dict[UUID, int]) -> None:
    """Whether all that is wanted can be bought at all.

    Raises:
        TicketTypeNotFound: something cannot.
    """
    if missing := wanted.keys() - {offer.ticket_type_id for offer in offers}:
        raise TicketTypeNotFound(ticket_type_ids=sorted(missing))


def voucher_of(offers: Sequence[Offer], vouchers: Sequence[Voucher], code: str | None, now: datetime) -> Voucher | None:
    """The voucher of an order, and whether all it holds is public or unlocked by that.

    Raises:
        TicketTypeNotFound: a ticket type is hidden and stays so.
        VoucherNotFound, VoucherExpired, VoucherNotApplicable: the code does nothing for this order.
    """
    voucher = valid_among(vouchers, [offer.event_id for offer in offers], now)
    hidden = [offer for offer in offers if offer.hidden and not (voucher and _unlocks(voucher, offer))]
    if hidden:
        raise TicketTypeNotFound(ticket_type_ids=[offer.ticket_type_id for offer in hidden])
    if code is not None and voucher is None:
        raise VoucherNotFound
    if voucher and not any(is_for(voucher, offer.event_id, offer.ticket_type_id) for offer in offers):
        raise VoucherNotApplicable
    return voucher


def _unlocks(voucher: Voucher, offer: Offer) -> bool:
    return voucher.unlocks_hidden and is_for(voucher, offer.event_id, offer.ticket_type_id)


def lines_of(
    offers: Sequence[Offer], wanted: dict[UUID, int], issue: IssueChoice | None, now: datetime
) -> list[OrderLine]:
    """The lines of an order, as they were asked for.

    Raises:
        NotOnSale, QuantityNotAllowed, IssueNotOffered, MixedOrder: the order cannot be had like this.
    """
    for offer in offers:
        check_offer(offer, wanted[offer.ticket_type_id], now)
    organisations, currencies = {offer.organisation_id for offer in offers}, {offer.currency for offer in offers}
    if len(organisations) > 1 or len(currencies) > 1:
        raise MixedOrder(organisation_ids=sorted(organisations), currencies=sorted(currencies))
    if issue and not any(offer.issue in (issue, "choice") for offer in offers):
        raise IssueNotOffered
    return [OrderLine(offer, wanted[offer.ticket_type_id], is_grouped(offer, issue)) for offer in offers]


def wishes_of(items: Sequence[OrderItemRequest], lines: Sequence[OrderLine], waitlist_token: str | None) -> list[Wish]:
    """The seats that an order wants of its seated ticket types. Those of a waitlist's offer are given.

    Raises:
        NotSeated, SeatsNotCounted, NotTheOffer: it does not make sense.
    """
    if waitlist_token and (len(lines) > 1 or any(item.seat_ids for item in items)):
        raise NotTheOffer
    wishes = []
    for line in lines:
        mine = [item for item in items if item.ticket_type_id == line.offer.ticket_type_id]
        named = [seat_id for item in mine for seat_id in item.seat_ids or ()]
        if line.offer.seated:
            if named and (len(named) != line.quantity or len(set(named)) != line.quantity):
                raise SeatsNotCounted(ticket_type_id=line.offer.ticket_type_id, quantity=line.quantity)
            together = all(item.together for item in mine)
            wishes.append(Wish(line.offer.ticket_type_id, line.quantity, tuple(named), together))
        elif named:
            raise NotSeated(ticket_type_id=line.offer.ticket_type_id, ticket_type_name=line.offer.ticket_type_name)
    return wishes


def is_grouped(offer: Offer, issue: IssueChoice | None) -> bool:
    """Whether one ticket stands for all that are bought of a ticket type, which may leave that to the buyer."""
    return (issue if offer.issue == "choice" else offer.issue) == "group"


def check_offer(offer: Offer, quantity: int, now: datetime) -> None:
    """Whether so many of a ticket type may be bought now, by its own terms.

    Raises:
        NotOnSale, QuantityNotAllowed: they may not.
    """
    if (offer.on_sale_from and now < offer.on_sale_from) or now >= offer.on_sale_until:
        raise NotOnSale(
            ticket_type_id=offer.ticket_type_id,
            ticket_type_name=offer.ticket_type_name,
            on_sale_from=offer.on_sale_from,
            on_sale_until=offer.on_sale_until,
        )
    if not offer.min_per_order <= quantity <= offer.max_per_order:
        raise QuantityNotAllowed(
            ticket_type_id=offer.ticket_type_id, min_per_order=offer.min_per_order, max_per_order=offer.max_per_order
        )


def draws_of(terms: Terms, backend_pid: int) -> list[Draw]:
    """What an order takes from each pool, in the order of locks.

    A ticket is drawn from its ticket type's pool and, if its event has a capacity of its own, from that one too; an
    order with a voucher draws a redemption.
    """
    quantities: Counter[UUID] = Counter()
    rows: dict[UUID, int] = {}
    for line in terms.lines:
        offer = line.offer
        quantities[offer.pool_id] += line.quantity
        rows[offer.pool_id] = offer.pool_rows
        if offer.capacity_pool_id and offer.capacity_rows:
            quantities[offer.capacity_pool_id] += line.quantity
            rows[offer.capacity_pool_id] = offer.capacity_rows
    if terms.voucher:
        quantities[terms.voucher.pool_id] = 1
        rows[terms.voucher.pool_id] = terms.voucher.pool_rows
    return [Draw(pool_id, quantities[pool_id], home_row(backend_pid, rows[pool_id])) for pool_id in sorted(rows)]


def subtotal_of(lines: Sequence[OrderLine]) -> int:
    """What the items of an order cost, in the minor unit."""
    return sum(line.offer.unit_price * line.quantity for line in lines)


def discount_of(terms: Terms) -> int:
    """What an order's voucher takes off: off the ticket types it is for, together."""
    voucher = terms.voucher
    if voucher is None:
        return 0
    lines = [line for line in terms.lines if is_for(voucher, line.offer.event_id, line.offer.ticket_type_id)]
    return discount_on(voucher, subtotal_of(lines))


def limits_of(terms: Terms) -> list[BuyerLimit]:
    """The limits that the buyer of an order has to keep, over all their orders."""
    limits = [
        BuyerLimit(line.offer.ticket_type_id, line.offer.ticket_type_name, line.quantity, line.offer.max_per_buyer)
        for line in terms.lines
        if line.offer.max_per_buyer is not None
    ]
    voucher = terms.voucher
    if voucher and voucher.max_per_buyer is not None:
        limits.append(BuyerLimit(voucher.id, voucher.code, 1, voucher.max_per_buyer))
    return limits


def lack_of(terms: Terms, pool_ids: Collection[UUID]) -> DomainError:
    """What it means for an order that these pools have too little left."""
    if terms.voucher is not None and set(pool_ids) == {terms.voucher.pool_id}:
        return VoucherUsedUp()
    offers = [line.offer for line in terms.lines]
    short = [offer for offer in offers if not {offer.pool_id, offer.capacity_pool_id}.isdisjoint(pool_ids)]
    return SoldOut(ticket_type_ids=[offer.ticket_type_id for offer in short])


def check_limits(limits: Sequence[BuyerLimit], taken: dict[UUID, int]) -> None:
    """Whether a buyer who has this much already may have what an order adds.

    Raises:
        BuyerLimitReached: they may not.
    """
    for limit in limits:
        has = taken.get(limit.subject_id, 0)
        if has + limit.wanted > limit.most:
            raise BuyerLimitReached(name=limit.name, max_per_buyer=limit.most, taken=has)


def buyer_names(order: OrderRow) -> list[str]:
    """By what a buyer is known to an organisation: an account, and an email address."""
    names = [f"{order.organisation_id} {order.buyer_email}"]
    return [*names, f"{order.organisation_id} {order.account_id}"] if order.account_id else names


def webhook_of(status: OrderStatus) -> str | None:
    """The webhook that tells of an order's new state, if any does."""
    match status:
        case "paid":
            return "order.paid"
        case "partially_refunded" | "refunded":
            return "order.refunded"
        case _:
            return None


def reference_of(text: str) -> dict[str, UUID | str | None]:
    """What to look an order up by: its id, or its number however it was typed."""
    try:
        return {"id": UUID(text), "number": None}
    except ValueError:
        return {"id": None, "number": normalise_order_number(text)}
