"""What makes an order."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from boxoffice.errors import DomainError
from boxoffice.ids import normalise_order_number
from boxoffice.orders.errors import (
    BuyerLimitReached,
    MixedOrder,
    NotOnSale,
    TicketModeNotOffered,
    TicketTypeNotFound,
)
from boxoffice.orders.models import (
    BuyerLimit,
    Cart,
    CartItem,
    OrderItemRequest,
    OrderRow,
    OrderStatus,
    SaleTerms,
    TicketModeChoice,
)
from boxoffice.pricing.models import PricedItem
from boxoffice.seats.errors import NotSeated, SeatsNotCounted
from boxoffice.seats.models import SeatRequest
from boxoffice.stock.errors import QuantityNotAllowed, SoldOut
from boxoffice.stock.models import Draw
from boxoffice.stock.rules import home_row
from boxoffice.vouchers.errors import VoucherNotApplicable, VoucherNotFound, VoucherUsedUp
from boxoffice.vouchers.models import Voucher
from boxoffice.vouchers.rules import covers, choose_voucher
from boxoffice.waitlist.errors import NotTheOffer

GRACE_PERIOD = timedelta(minutes=15)
"""How long an order with an open payment keeps its stock beyond its hold: a provider may be slow (decision 21)."""


def quantities_of(items: Sequence[OrderItemRequest]) -> dict[UUID, int]:
    """Return how many of each ticket type are wanted: items that repeat a ticket type are added up."""
    wanted: Counter[UUID] = Counter()
    for item in items:
        wanted[item.ticket_type_id] += item.quantity
    return wanted


def check_for_sale(terms: Sequence[SaleTerms], wanted: dict[UUID, int]) -> None:
    """Check that each ticket type that is wanted is for sale.

    Raises:
        TicketTypeNotFound: one is not.
    """
    if missing := wanted.keys() - {each.ticket_type_id for each in terms}:
        raise TicketTypeNotFound(ticket_type_ids=sorted(missing))


def redeemed_voucher(
    terms: Sequence[SaleTerms], vouchers: Sequence[Voucher], code: str | None, now: datetime
) -> Voucher | None:
    """Return the voucher that an order redeems. Check that each ticket type is public, or unlocked by the voucher.

    Raises:
        TicketTypeNotFound: a ticket type is hidden and stays so.
        VoucherNotFound, VoucherExpired, VoucherNotApplicable: the code does nothing for this order.
    """
    voucher = choose_voucher(vouchers, [each.event_id for each in terms], now)
    hidden = [each for each in terms if each.hidden and not (voucher and _unlocks(voucher, each))]
    if hidden:
        raise TicketTypeNotFound(ticket_type_ids=[each.ticket_type_id for each in hidden])
    if code is not None and voucher is None:
        raise VoucherNotFound
    if voucher and not any(covers(voucher, each.event_id, each.ticket_type_id) for each in terms):
        raise VoucherNotApplicable
    return voucher


def _unlocks(voucher: Voucher, terms: SaleTerms) -> bool:
    return voucher.unlocks_hidden and covers(voucher, terms.event_id, terms.ticket_type_id)


def cart_items(
    terms: Sequence[SaleTerms], wanted: dict[UUID, int], ticket_mode: TicketModeChoice | None, now: datetime
) -> list[CartItem]:
    """Return the items of a cart, as they were asked for.

    Raises:
        NotOnSale, QuantityNotAllowed, TicketModeNotOffered, MixedOrder: they cannot be bought like this.
    """
    for each in terms:
        check_on_sale(each, wanted[each.ticket_type_id], now)
    organisations, currencies = {each.organisation_id for each in terms}, {each.currency for each in terms}
    if len(organisations) > 1 or len(currencies) > 1:
        raise MixedOrder(organisation_ids=sorted(organisations), currencies=sorted(currencies))
    if ticket_mode and not any(each.ticket_mode in (ticket_mode, "choice") for each in terms):
        raise TicketModeNotOffered
    return [CartItem(each, wanted[each.ticket_type_id], is_group(each, ticket_mode)) for each in terms]


def seat_requests(
    items: Sequence[OrderItemRequest], cart: Sequence[CartItem], waitlist_token: str | None
) -> list[SeatRequest]:
    """Return the seats that an order wants of its seated ticket types. A waitlist's offer comes with its seats.

    Raises:
        NotSeated, SeatsNotCounted, NotTheOffer: the seats do not fit the cart.
    """
    if waitlist_token and (len(cart) > 1 or any(item.seat_ids for item in items)):
        raise NotTheOffer
    requests = []
    for each in cart:
        mine = [item for item in items if item.ticket_type_id == each.terms.ticket_type_id]
        named = [seat_id for item in mine for seat_id in item.seat_ids or ()]
        if each.terms.seated:
            if named and (len(named) != each.quantity or len(set(named)) != each.quantity):
                raise SeatsNotCounted(ticket_type_id=each.terms.ticket_type_id, quantity=each.quantity)
            together = all(item.together for item in mine)
            requests.append(SeatRequest(each.terms.ticket_type_id, each.quantity, tuple(named), together))
        elif named:
            raise NotSeated(ticket_type_id=each.terms.ticket_type_id, ticket_type_name=each.terms.ticket_type_name)
    return requests


def is_group(terms: SaleTerms, ticket_mode: TicketModeChoice | None) -> bool:
    """Return True if one ticket stands for all that is bought of a ticket type. It may leave that to the buyer."""
    return (ticket_mode if terms.ticket_mode == "choice" else terms.ticket_mode) == "group"


def check_on_sale(terms: SaleTerms, quantity: int, now: datetime) -> None:
    """Check that a quantity of a ticket type may be bought now.

    Raises:
        NotOnSale, QuantityNotAllowed: it may not.
    """
    if (terms.on_sale_from and now < terms.on_sale_from) or now >= terms.on_sale_until:
        raise NotOnSale(
            ticket_type_id=terms.ticket_type_id,
            ticket_type_name=terms.ticket_type_name,
            on_sale_from=terms.on_sale_from,
            on_sale_until=terms.on_sale_until,
        )
    if not terms.min_per_order <= quantity <= terms.max_per_order:
        raise QuantityNotAllowed(
            ticket_type_id=terms.ticket_type_id, min_per_order=terms.min_per_order, max_per_order=terms.max_per_order
        )


def priced_items(items: Sequence[CartItem]) -> list[PricedItem]:
    """Return the items of a cart as they are priced."""
    return [
        PricedItem(item.terms.event_id, item.terms.ticket_type_id, item.quantity, item.terms.unit_price)
        for item in items
    ]


def plan_draws(items: Sequence[CartItem], voucher: Voucher | None, backend_pid: int) -> list[Draw]:
    """Return what an order takes from each pool, in the order of locks.

    A ticket is drawn from the pool of its ticket type, and from its event's capacity if there is one. An order with a
    voucher draws one redemption.
    """
    quantities: Counter[UUID] = Counter()
    rows: dict[UUID, int] = {}
    for item in items:
        terms = item.terms
        quantities[terms.pool_id] += item.quantity
        rows[terms.pool_id] = terms.pool_rows
        if terms.capacity_pool_id and terms.capacity_rows:
            quantities[terms.capacity_pool_id] += item.quantity
            rows[terms.capacity_pool_id] = terms.capacity_rows
    if voucher:
        quantities[voucher.pool_id] = 1
        rows[voucher.pool_id] = voucher.pool_rows
    return [Draw(pool_id, quantities[pool_id], home_row(backend_pid, rows[pool_id])) for pool_id in sorted(rows)]


def pools_of(items: Sequence[CartItem]) -> set[UUID | None]:
    """Return the pools that the tickets of a cart are drawn from."""
    return {pool_id for item in items for pool_id in (item.terms.pool_id, item.terms.capacity_pool_id)}


def limits_of(items: Sequence[CartItem], voucher: Voucher | None) -> list[BuyerLimit]:
    """Return the limits that the buyer of an order has to keep, over all their orders."""
    limits = [
        BuyerLimit(item.terms.ticket_type_id, item.terms.ticket_type_name, item.quantity, item.terms.max_per_buyer)
        for item in items
        if item.terms.max_per_buyer is not None
    ]
    if voucher and voucher.max_per_buyer is not None:
        limits.append(BuyerLimit(voucher.id, voucher.code, 1, voucher.max_per_buyer))
    return limits


def shortage_error(cart: Cart, pool_ids: Collection[UUID]) -> DomainError:
    """Return what it means for a cart that these pools have too little left."""
    if cart.voucher is not None and set(pool_ids) == {cart.voucher.pool_id}:
        return VoucherUsedUp()
    terms = [item.terms for item in cart.items]
    short = [each for each in terms if not {each.pool_id, each.capacity_pool_id}.isdisjoint(pool_ids)]
    return SoldOut(ticket_type_ids=[each.ticket_type_id for each in short])


def check_limits(limits: Sequence[BuyerLimit], taken: dict[UUID, int]) -> None:
    """Check that a buyer who has this much already may have what an order adds.

    Raises:
        BuyerLimitReached: they may not.
    """
    for limit in limits:
        has = taken.get(limit.subject_id, 0)
        if has + limit.wanted > limit.most:
            raise BuyerLimitReached(name=limit.name, max_per_buyer=limit.most, taken=has)


def buyer_names(order: OrderRow) -> list[str]:
    """Return the names by which an organisation knows a buyer: an email address, and an account if there is one."""
    names = [f"{order.organisation_id} {order.buyer_email}"]
    return [*names, f"{order.organisation_id} {order.account_id}"] if order.account_id else names


def webhook_of(status: OrderStatus) -> str | None:
    """Return the type of the webhook that tells of an order's new state, if there is one."""
    match status:
        case "paid":
            return "order.paid"
        case "partially_refunded" | "refunded":
            return "order.refunded"
        case _:
            return None


def parse_reference(text: str) -> dict[str, UUID | str | None]:
    """Return what to look an order up by: its id, or its number however it was typed."""
    try:
        return {"id": UUID(text), "number": None}
    except ValueError:
        return {"id": None, "number": normalise_order_number(text)}
