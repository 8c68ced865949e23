"""Decide what goes into an order, and whether it may be bought."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from boxoffice import money
from boxoffice.erased import is_erased
from boxoffice.errors import DomainError, rfc_3339
from boxoffice.ids import normalise_order_number
from boxoffice.mailboxes import mailbox_of
from boxoffice.orders.errors import (
    BuyerErased,
    BuyerLimitReached,
    MixedOrder,
    NotOnSale,
    OrderEnded,
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
from boxoffice.organisations.errors import SellerSuspended
from boxoffice.outbox import WebhookType
from boxoffice.pricing.models import PricedItem
from boxoffice.seats.errors import NotSeated, SeatCountMismatch
from boxoffice.seats.models import SeatRequest
from boxoffice.stock.errors import QuantityNotAllowed, SoldOut, TicketTypeLeft
from boxoffice.stock.models import Draw
from boxoffice.stock.rules import start_row
from boxoffice.vouchers.errors import VoucherNotApplicable, VoucherNotFound, VoucherUnlocksFewer, VoucherUsedUp
from boxoffice.vouchers.rows import Voucher
from boxoffice.vouchers.rules import choose_voucher, covers
from boxoffice.waitlist.errors import OfferMismatch

NOTHING_TO_PAY = "nothing to pay"
OFFERED = "nothing to pay for what the waitlist offered"
CONFIRMED = "confirmed by the link in the email"
"""Why a free order is paid, as its history says."""

NEW_ADDRESS = "confirmed: email address"
"""Why an order has another buyer, as its history says, if the address has confirmed that."""

PAID_AT_ONCE = (NOTHING_TO_PAY, OFFERED)
PROVEN = (OFFERED, CONFIRMED, NEW_ADDRESS)
"""Then the buyer has proved, by the link of an email, that they read the mailbox. Limits per buyer ask for that."""

GRACE_PERIOD = timedelta(minutes=15)
"""How long an order with an open payment keeps its stock after its hold, since a provider may be slow (decision 21)."""


def quantity_by_ticket_type(items: Sequence[OrderItemRequest]) -> dict[UUID, int]:
    """Return the requested quantity of each ticket type, the sum over all items that name it."""
    quantities: Counter[UUID] = Counter()
    for item in items:
        quantities[item.ticket_type_id] += item.quantity
    return quantities


def check_for_sale(terms: Sequence[SaleTerms], ticket_type_ids: Collection[UUID]) -> None:
    """Check that each requested ticket type has sale terms, all of one seller.

    Raises:
        TicketTypeNotFound: a ticket type has none, because it does not exist or its event is not for sale.
        MixedOrder: they have several sellers or currencies.
        SellerSuspended: the seller sells nothing now.
    """
    if missing := set(ticket_type_ids) - {each.ticket_type_id for each in terms}:
        raise TicketTypeNotFound(ticket_type_ids=sorted(missing))
    organisations, currencies = {each.organisation_id for each in terms}, {each.currency for each in terms}
    if len(organisations) > 1 or len(currencies) > 1:
        raise MixedOrder(organisation_ids=sorted(organisations), currencies=sorted(currencies))
    if not all(each.seller_sells for each in terms):
        raise SellerSuspended(organisation_id=terms[0].organisation_id)


def redeemed_voucher(
    terms: Sequence[SaleTerms],
    quantities: dict[UUID, int],
    vouchers: Sequence[Voucher],
    code: str | None,
    now: datetime,
) -> Voucher | None:
    """Return the voucher that an order redeems, or None without a code. Check that it unlocks all hidden tickets.

    Args:
        quantities: the requested quantity of each ticket type, by its id.
        vouchers: the vouchers of the order's events that have this code.

    Raises:
        TicketTypeNotFound: a ticket type is hidden, and no voucher unlocks it.
        VoucherUnlocksFewer: the voucher does not unlock so many hidden tickets in one order.
        VoucherNotFound, VoucherExpired, VoucherNotApplicable: the order cannot redeem the code.
    """
    voucher = choose_voucher(vouchers, [each.event_id for each in terms], now)
    hidden = [each for each in terms if each.hidden and not (voucher and _unlocks(voucher, each))]
    if hidden:
        raise TicketTypeNotFound(ticket_type_ids=[each.ticket_type_id for each in hidden])
    if code is not None and voucher is None:
        raise VoucherNotFound
    if voucher and not any(covers(voucher, each.event_id, each.ticket_type_id) for each in terms):
        raise VoucherNotApplicable
    if voucher and voucher.max_tickets_per_redemption is not None:
        unlocked = sum(quantities[each.ticket_type_id] for each in terms if each.hidden)
        if unlocked > voucher.max_tickets_per_redemption:
            raise VoucherUnlocksFewer(max_tickets_per_redemption=voucher.max_tickets_per_redemption)
    return voucher


def _unlocks(voucher: Voucher, terms: SaleTerms) -> bool:
    return voucher.unlocks_hidden and covers(voucher, terms.event_id, terms.ticket_type_id)


def cart_items(
    terms: Sequence[SaleTerms], quantities: dict[UUID, int], ticket_mode: TicketModeChoice | None, now: datetime
) -> list[CartItem]:
    """Return the items of a cart, one for each ticket type.

    Args:
        quantities: the requested quantity of each ticket type, by its id.
        ticket_mode: the buyer's choice, if there is one.

    Raises:
        NotOnSale, QuantityNotAllowed, TicketModeNotOffered: the items cannot be bought like this.
    """
    for each in terms:
        check_on_sale(each, quantities[each.ticket_type_id], now)
    if ticket_mode and not any(each.ticket_mode in (ticket_mode, "choice") for each in terms):
        raise TicketModeNotOffered(offered=sorted({each.ticket_mode for each in terms}))
    return [CartItem(each, quantities[each.ticket_type_id], is_group(each, ticket_mode)) for each in terms]


def seat_requests(
    items: Sequence[OrderItemRequest], cart: Sequence[CartItem], waitlist_token: str | None
) -> list[SeatRequest]:
    """Return the seats that a request asks for, one entry for each seated ticket type.

    An offer of the waitlist comes with its own seats, so a request with its token can name none.

    Raises:
        NotSeated: the request names seats of a ticket type without seats.
        SeatCountMismatch: it does not name as many seats as the quantity, or it names a seat twice.
        OfferMismatch: it has a waitlist token, and several ticket types or named seats.
    """
    if waitlist_token and (len(cart) > 1 or any(item.seat_ids for item in items)):
        raise OfferMismatch
    requests = []
    for each in cart:
        terms, quantity = each.terms, each.quantity
        same_type = [item for item in items if item.ticket_type_id == terms.ticket_type_id]
        seat_ids = [seat_id for item in same_type for seat_id in item.seat_ids or ()]
        if seat_ids and not terms.seated:
            raise NotSeated(ticket_type_id=terms.ticket_type_id, ticket_type_name=terms.ticket_type_name)
        if seat_ids and not len(seat_ids) == len(set(seat_ids)) == quantity:
            raise SeatCountMismatch(
                ticket_type_id=terms.ticket_type_id,
                ticket_type_name=terms.ticket_type_name,
                quantity=quantity,
                seats=len(set(seat_ids)),
            )
        if terms.seated:
            together = all(item.together for item in same_type)
            requests.append(SeatRequest(terms.ticket_type_id, quantity, tuple(seat_ids), together))
    return requests


def is_group(terms: SaleTerms, ticket_mode: TicketModeChoice | None) -> bool:
    """Return True if one ticket admits all that is bought of a ticket type.

    Args:
        ticket_mode: the buyer's choice, which counts only if the ticket type lets the buyer choose.
    """
    if terms.ticket_mode == "choice":
        return ticket_mode == "group"
    return terms.ticket_mode == "group"


def check_on_sale(terms: SaleTerms, quantity: int, now: datetime) -> None:
    """Check that a quantity of a ticket type may be bought now.

    Raises:
        NotOnSale: it is before or after the sale window.
        QuantityNotAllowed: the quantity is below or above the limits per order.
    """
    if (terms.on_sale_from and now < terms.on_sale_from) or now >= terms.on_sale_until:
        begins = terms.on_sale_from if terms.on_sale_from and now < terms.on_sale_from else None
        when = f"begins at {rfc_3339(begins)}" if begins else f"ended at {rfc_3339(terms.on_sale_until)}"
        raise NotOnSale(
            detail=f"The sale of {terms.ticket_type_name} {when}.",
            ticket_type_id=terms.ticket_type_id,
            ticket_type_name=terms.ticket_type_name,
            on_sale_from=terms.on_sale_from,
            on_sale_until=terms.on_sale_until,
        )
    if not terms.min_per_order <= quantity <= terms.max_per_order:
        raise QuantityNotAllowed(
            ticket_type_id=terms.ticket_type_id,
            ticket_type_name=terms.ticket_type_name,
            quantity=quantity,
            min_per_order=terms.min_per_order,
            max_per_order=terms.max_per_order,
        )


def priced_items(items: Sequence[CartItem]) -> list[PricedItem]:
    """Return the items of a cart as `pricing` needs them."""
    return [
        PricedItem(item.terms.event_id, item.terms.ticket_type_id, item.quantity, item.terms.unit_price)
        for item in items
    ]


def plan_draws(items: Sequence[CartItem], voucher: Voucher | None, backend_pid: int) -> list[Draw]:
    """Return what an order takes from each pool, in the order in which pools are locked.

    A ticket takes from the pool of its ticket type, and from the pool of its event's capacity if there is one. An order
    with a voucher takes one redemption.

    Args:
        backend_pid: the process of the connection at the server, which decides on the start row.
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
    return [Draw(pool_id, quantities[pool_id], start_row(backend_pid, rows[pool_id])) for pool_id in sorted(rows)]


def pools_of(items: Sequence[CartItem]) -> set[UUID | None]:
    """Return the pools that the tickets of a cart are taken from. None stands for an event without a capacity."""
    return {pool_id for item in items for pool_id in (item.terms.pool_id, item.terms.capacity_pool_id)}


def buyer_limits(items: Sequence[CartItem], voucher: Voucher | None) -> list[BuyerLimit]:
    """Return the limits per buyer of the ticket types in a cart and of the voucher."""
    limits = [
        BuyerLimit(item.terms.ticket_type_id, item.terms.ticket_type_name, item.quantity, item.terms.max_per_buyer)
        for item in items
        if item.terms.max_per_buyer is not None
    ]
    if voucher and voucher.max_per_buyer is not None:
        limits.append(BuyerLimit(voucher.id, voucher.code, 1, voucher.max_per_buyer))
    return limits


def shortage_error(cart: Cart, left: Mapping[UUID, int]) -> DomainError:
    """Return the error for a cart whose pools have too little left.

    Args:
        left: how much is left of each pool that has too little.
    """
    if cart.voucher is not None and left.keys() == {cart.voucher.pool_id}:
        return VoucherUsedUp(voucher=cart.voucher.code)
    short = []
    for terms in (item.terms for item in cart.items):
        counts = [left[pool_id] for pool_id in (terms.pool_id, terms.capacity_pool_id) if pool_id and pool_id in left]
        if counts:
            name = terms.ticket_type_name
            short.append(TicketTypeLeft(id=terms.ticket_type_id, name=name, available=min(counts)))
    said = " ".join(f"{each['name']}: {each['available'] or 'none'} left." for each in short)
    return SoldOut(detail=f"{said} {SoldOut.remedy}", ticket_types=short)


def check_buyer_limits(limits: Sequence[BuyerLimit], owned: dict[UUID, int]) -> None:
    """Check that an order respects the limits of its buyer.

    Args:
        owned: how much of each ticket type or voucher the buyer has in other live orders, by its id.

    Raises:
        BuyerLimitReached: with the order, the buyer would have more than a limit.
    """
    for limit in limits:
        taken = owned.get(limit.subject_id, 0)
        if taken + limit.quantity > limit.max_per_buyer:
            raise BuyerLimitReached(
                subject_id=limit.subject_id, name=limit.name, max_per_buyer=limit.max_per_buyer, taken=taken
            )


def check_changeable(order: OrderRow) -> None:
    """Check that the buyer of an order can change.

    Raises:
        OrderEnded: it has no valid ticket, and gets none.
        BuyerErased: the buyer's data was erased, so that nobody's data comes in its place.
    """
    if order.status not in ("pending", "paid", "partially_refunded"):
        raise OrderEnded(order_status=order.status)
    if is_erased(order.buyer_email):
        raise BuyerErased


def buyer_keys(order: OrderRow) -> list[str]:
    """Return the keys of a buyer at an organisation: one for the mailbox, and one for the account if there is one."""
    keys = [f"{order.organisation_id} {mailbox_of(order.buyer_email)}"]
    if order.account_id:
        keys.append(f"{order.organisation_id} {order.account_id}")
    return keys


def without_new_holders(tickets: Sequence[dict[str, object]]) -> list[dict[str, object]]:
    """Return the tickets of an order as its buyer sees them: without who holds those that have passed on."""
    hidden: dict[str, object] = {"holder_name": None, "holder_contact": None, "answers": []}
    return [ticket | hidden if ticket["transferred"] else ticket for ticket in tickets]


def without_fees(items: Sequence[dict[str, object]]) -> list[dict[str, object]]:
    """Return the items of an order as its buyer sees them: without what the platform keeps."""
    return [item | {"platform_fee": None} for item in items]


def webhook_type(status: OrderStatus) -> WebhookType | None:
    """Return the type of the webhook that reports an order's new state. None if no webhook reports it."""
    match status:
        case "paid":
            return "order.paid"
        case "cancelled":
            return "order.cancelled"
        case "partially_refunded" | "refunded":
            return "order.refunded"
        case _:
            return None


def webhook_data(
    *, order_id: UUID, number: str, status: OrderStatus, currency: str, total: int, event_ids: Sequence[UUID]
) -> dict[str, Any]:
    """Return what every webhook says of an order."""
    return {
        "order_id": order_id,
        "number": number,
        "status": status,
        "currency": currency,
        "currency_exponent": money.exponent(currency),
        "total": total,
        "event_ids": event_ids,
    }


def parse_reference(text: str) -> dict[str, UUID | str | None]:
    """Return the parameters that find an order by a text: its id, or its number in any spelling."""
    try:
        return {"id": UUID(text), "number": None}
    except ValueError:
        return {"id": None, "number": normalise_order_number(text)}
