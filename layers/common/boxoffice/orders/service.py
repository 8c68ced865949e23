"""Use cases of orders."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg

from boxoffice import audit, db, idempotency, outbox, sql
from boxoffice.auth import Caller, Who, order_token, require_order, require_role
from boxoffice.config import settings
from boxoffice.errors import Busy
from boxoffice.idempotency import IdempotentRequest
from boxoffice.ids import first_id, new_id, new_order_number
from boxoffice.orders import rules
from boxoffice.orders.errors import BuyerLimitReached, OrderNotPending
from boxoffice.orders.models import (
    ALL_STATUSES,
    BuyerLimit,
    Cart,
    OrderDetails,
    OrderFilters,
    OrderItemView,
    OrderPage,
    OrderRequest,
    OrderRow,
    OrderStatus,
    OrderSummary,
    OrderSummaryRow,
    OrderView,
    PlacedOrder,
    Purchase,
    SaleTerms,
)
from boxoffice.pagination import decode_id, page_of
from boxoffice.pricing.rules import charges_of
from boxoffice.seats import service as seats
from boxoffice.seats.errors import SeatNotFound, SeatTaken
from boxoffice.stock import service as stock
from boxoffice.stock.errors import PoolsShort
from boxoffice.stock.models import Draw
from boxoffice.tickets.errors import OrderNotPaid
from boxoffice.vouchers import service as vouchers
from boxoffice.waitlist import service as waitlist

SQL = sql.queries("orders")

_FIRST, _LAST = UUID(int=0), UUID(int=(1 << 128) - 1)

_MOST_READS = 50  # of the terms of sale, for one purchase


def place_order(conn: db.Connection, caller: Caller, request: OrderRequest, key: str) -> PlacedOrder:
    """Hold stock and open an order; a free one is paid at once.

    Runs in autocommit: two statements in the common case, with locks held during the second alone. Each further plan
    is a transaction of its own, so that it lets go of its locks before the next.

    Raises:
        SoldOut: a pool had too little left, at a moment during the call.
        CANNOT_BE_BOUGHT, CANNOT_BE_SEATED: it cannot be had like this, or not by this buyer.
        NOT_REDEEMABLE, NOT_OFFERED: it cannot be had with this voucher, or on this offer of the waitlist.
        KeyReused: the idempotency key belongs to another request.
    """
    scope = str(caller.account_id or request.buyer.email)
    idempotent = IdempotentRequest.of("create_order", scope, key, request)
    return idempotency.run_once(
        conn,
        idempotent,
        lambda: _place_with_retry(conn, caller.account_id, request, idempotent),
        lambda stored: _first_answer(conn, UUID(stored["id"])),
        SQL.get_request,
    )


def _place_with_retry(
    conn: db.Connection, account_id: UUID | None, request: OrderRequest, idempotent: IdempotentRequest
) -> PlacedOrder:
    """Place an order on the terms of now.

    Edits to the terms move the stock to a new pool. Therefore read the terms again before answering "sold out".
    """
    cart = _read_cart(conn, request)
    for _ in range(_MOST_READS):
        purchase = _purchase(conn, account_id, request, idempotent, cart)
        try:
            _place_once(conn, purchase)
        except PoolsShort as error:
            before, cart = cart, _read_cart(conn, request)
            if cart == before:
                seats.check_named(conn, cart.seats)
                raise rules.shortage_error(cart, error.pool_ids) from error
        else:
            return _answer_of(conn, purchase)
    raise Busy


def _read_cart(conn: db.Connection, request: OrderRequest) -> Cart:
    now = datetime.now(UTC)
    wanted = rules.quantities_of(request.items)
    terms = db.many(conn, SaleTerms, SQL.list_sale_terms, ticket_type_ids=list(wanted))
    rules.check_for_sale(terms, wanted)
    event_ids = [each.event_id for each in terms]
    found = vouchers.list_by_code(conn, event_ids, request.voucher) if request.voucher else []
    voucher = rules.redeemed_voucher(terms, found, request.voucher, now)
    items = rules.cart_items(terms, wanted, request.ticket_mode, now)
    charges = charges_of(rules.priced_items(items), voucher)
    return Cart(items, charges, voucher, rules.seat_requests(request.items, items, request.waitlist_token))


def _purchase(
    conn: db.Connection, account_id: UUID | None, request: OrderRequest, idempotent: IdempotentRequest, cart: Cart
) -> Purchase:
    draws = rules.plan_draws(cart.items, cart.voucher, conn.info.backend_pid)
    held = rules.pools_of(cart.items) if request.waitlist_token else set()
    return Purchase(
        request_id=idempotent.id,
        fingerprint=idempotent.fingerprint,
        order=_draft(account_id, request, cart),
        cart=cart,
        limits=rules.limits_of(cart.items, cart.voucher),
        draws=[draw for draw in draws if draw.pool_id not in held],
        offered=[draw for draw in draws if draw.pool_id in held],
        waitlist_token=request.waitlist_token,
    )


def _draft(account_id: UUID | None, request: OrderRequest, cart: Cart) -> OrderRow:
    now = datetime.now(UTC)
    terms = cart.items[0].terms
    return OrderRow(
        id=new_id(),
        number=new_order_number(),
        organisation_id=terms.organisation_id,
        account_id=account_id,
        status="pending",
        buyer_name=request.buyer.name,
        buyer_email=request.buyer.email,
        buyer_phone=request.buyer.phone,
        currency=terms.currency,
        total=cart.total,
        voucher_id=cart.voucher.id if cart.voucher else None,
        expires_at=now + settings().hold,
        created_at=now,
    )


def _place_once(conn: db.Connection, purchase: Purchase) -> None:
    """Try one plan after another until the order is placed.

    Raises:
        SoldOut: there is not enough, as of a moment during the call.
        Busy: others were faster every time.
        NoOffer, OfferTooSmall: the waitlist holds nothing for the buyer, or not so much.
    """
    for number, plan in enumerate(stock.plans(conn, purchase.draws)):
        if _try_plan(conn, purchase, plan, consolidate=number > 0):
            return


def _try_plan(conn: db.Connection, purchase: Purchase, plan: Sequence[Draw], *, consolidate: bool) -> bool:
    """Try to place the order with the stock of a plan. Return True if it was placed.

    One statement does it if nothing but stock has to be locked. Otherwise a transaction takes what the order needs, in
    the order of locks.
    """
    if purchase.is_simple and not consolidate:
        return _write(conn, purchase, plan)
    order, cart = purchase.order, purchase.cart
    with conn.transaction():
        _check_buyer_limits(conn, order, purchase.limits)
        entry_id, offered = _accept_offer(conn, purchase)
        found = stock.consolidate(conn, plan) if consolidate else plan
        if found is None or not _write(conn, purchase, [*found, *offered]):
            raise psycopg.Rollback
        if cart.seats:
            _take_seats(conn, purchase, entry_id)
        if order.total == 0:
            pay(conn, order, reason="nothing to pay")
        if entry_id:
            waitlist.offer_freed(conn, [order.id])
        return True
    return False


def _check_buyer_limits(conn: db.Connection, order: OrderRow, limits: Sequence[BuyerLimit]) -> None:
    """Check that the order keeps the limits of its buyer. A lock on the buyer keeps the count true until the commit.

    Raises:
        BuyerLimitReached: it does not.
    """
    if not limits:
        return
    db.run(conn, SQL.lock_buyer, names=rules.buyer_names(order))
    subjects = [limit.subject_id for limit in limits]
    rows = db.many(conn, dict, SQL.list_taken, subject_ids=subjects, **vars(order))
    rules.check_limits(limits, {row["subject_id"]: row["taken"] for row in rows})


def _accept_offer(conn: db.Connection, purchase: Purchase) -> tuple[UUID | None, list[Draw]]:
    """Free what the waitlist holds for the buyer, in rows that stay locked.

    Returns:
        The entry of the waitlist, and the draws that find its stock; None and no draws if the buyer has no token.

    Raises:
        NoOffer, OfferTooSmall: the waitlist holds nothing for the buyer, or not so much.
    """
    if purchase.waitlist_token is None:
        return None, []
    (item,) = purchase.cart.items
    email, token = purchase.order.buyer_email, purchase.waitlist_token
    entry_id, freed = waitlist.accept(conn, item.terms.ticket_type_id, item.quantity, email, token)
    rows = {taken.pool_id: taken.row_no for taken in freed}
    return entry_id, [replace(draw, start=rows[draw.pool_id]) for draw in purchase.offered if draw.pool_id in rows]


def _write(conn: db.Connection, purchase: Purchase, draws: Sequence[Draw]) -> bool:
    """Write the order and hold its stock. Return True if the stock was there."""
    items, charges = purchase.cart.items, purchase.cart.charges
    order = {
        **vars(purchase.order),
        "request_id": purchase.request_id,
        "fingerprint": purchase.fingerprint,
        "details": None,
    }
    if len(items) == len(draws) == 1:
        item = {**vars(items[0].terms), **vars(draws[0]), **vars(charges[0]), "is_group": items[0].is_group}
        return bool(db.value(conn, SQL.place_order, **item | order))
    return bool(
        db.value(
            conn,
            SQL.place_cart,
            is_group=[item.is_group for item in items],
            ticket_type_ids=[item.terms.ticket_type_id for item in items],
            event_ids=[item.terms.event_id for item in items],
            quantities=[item.quantity for item in items],
            unit_prices=[item.terms.unit_price for item in items],
            discounts=[charge.discount for charge in charges],
            totals=[charge.total for charge in charges],
            terms_ids=[charge.terms_id for charge in charges],
            buyer_fees=[charge.buyer_fee for charge in charges],
            taxes=[charge.tax for charge in charges],
            platform_fees=[charge.platform_fee for charge in charges],
            pool_ids=[draw.pool_id for draw in draws],
            draw_quantities=[draw.quantity for draw in draws],
            starts=[draw.start for draw in draws],
            **order,
        )
    )


def _take_seats(conn: db.Connection, purchase: Purchase, entry_id: UUID | None) -> None:
    """Give the order its seats: those that a waitlist entry had, or those that it asks for."""
    order_id = purchase.order.id
    if entry_id:
        seats.hand_over(conn, entry_id, order_id, purchase.cart.items[0].quantity)
    else:
        seats.take(conn, order_id, purchase.cart.seats)
    db.run(conn, SQL.set_seats, id=order_id)


def _answer_of(conn: db.Connection, purchase: Purchase) -> PlacedOrder:
    """Return the answer to a purchase that was just placed."""
    order, cart = purchase.order, purchase.cart
    if cart.seats:
        return _first_answer(conn, order.id)
    items = [
        OrderItemView(
            **vars(item.terms),
            quantity=item.quantity,
            is_group=item.is_group,
            discount=charge.discount,
            total=charge.total,
        )
        for item, charge in zip(cart.items, cart.charges, strict=True)
    ]
    summary = OrderSummaryRow(**vars(order), subtotal=cart.subtotal, discount=cart.discount)
    return _answer(summary, items, cart.voucher.code if cart.voucher else None)


def _first_answer(conn: db.Connection, order_id: UUID) -> PlacedOrder:
    """Return the answer that was given when the order was placed: all but its state is as it was."""
    order = db.get(conn, OrderDetails, SQL.get_order, id=order_id, number=None)
    return _answer(order, [OrderItemView.model_validate(item) for item in order.items], order.voucher)


def _answer(order: OrderSummaryRow, items: list[OrderItemView], voucher: str | None) -> PlacedOrder:
    """Return what the buyer of an order that was just placed is answered."""
    fields = {name: getattr(order, name) for name in OrderSummary.model_fields}
    fields["status"] = "pending" if order.total else "paid"
    return PlacedOrder(**fields, items=items, voucher=voucher, access_token=order_token(order.id))


def get_order(conn: db.Connection, caller: Caller, reference: str) -> OrderView:
    """An order by its id or its number.

    Raises:
        NotFound: there is none, or the caller may not see it.
    """
    order = db.get(conn, OrderDetails, SQL.get_order, **rules.parse_reference(reference))
    acts_as = require_order(conn, caller, order.id, order.organisation_id, order.account_id)
    return OrderView.model_validate(order if acts_as is Who.MANAGER else replace(order, history=None))


def list_orders(
    conn: db.Connection, caller: Caller, organisation_id: UUID, filters: OrderFilters, limit: int, cursor: str | None
) -> OrderPage:
    """An organisation's orders, newest first."""
    require_role(conn, caller, organisation_id)
    params: dict[str, Any] = {
        "organisation_id": organisation_id,
        "statuses": [filters.status] if filters.status else list(ALL_STATUSES),
        "after": first_id(filters.placed_from) if filters.placed_from else _FIRST,
        "before": min(first_id(filters.placed_before) if filters.placed_before else _LAST, decode_id(cursor) or _LAST),
        "limit": limit,
    }
    if filters.email:
        theirs: dict[str, Any] = {"email": filters.email, "event_id": filters.event_id}
        rows = db.page(conn, OrderSummaryRow, SQL.list_orders_of_buyer, **theirs, **params)
    elif filters.event_id:
        rows = db.page(conn, OrderSummaryRow, SQL.list_orders_of_event, event_id=filters.event_id, **params)
    else:
        rows = db.page(conn, OrderSummaryRow, SQL.list_orders, **params)
    return _page(rows, limit)


def list_my_orders(conn: db.Connection, caller: Caller, limit: int, cursor: str | None) -> OrderPage:
    """The orders of the caller's account, newest first."""
    before = decode_id(cursor) or _LAST
    rows = db.page(
        conn, OrderSummaryRow, SQL.list_orders_of_account, account_id=caller.account, before=before, limit=limit
    )
    return _page(rows, limit)


def cancel_order(conn: db.Connection, caller: Caller, order_id: UUID) -> OrderView:
    """Give a pending order's stock back. To cancel a cancelled order changes nothing.

    Raises:
        NotFound: there is none, or it is not the caller's.
        OrderNotPending: it is paid, or its hold has lapsed already.
    """
    order = db.get(conn, OrderRow, SQL.lock_order, id=order_id)
    acts_as = require_order(conn, caller, order.id, order.organisation_id, order.account_id)
    if order.status == "pending":
        cancel(conn, order, reason=f"cancelled by {acts_as}", actor=caller.account_id)
    elif order.status != "cancelled":
        raise OrderNotPending(order_status=order.status)
    view = get_order(conn, caller, str(order_id))
    if order.status == "pending" and acts_as is Who.MANAGER:
        audit.record(
            conn, "cancel_order", f"order {order.id}", actor=caller.account, organisation=order.organisation_id
        )
    return view


def cancel(conn: db.Connection, order: OrderRow, *, reason: str, actor: UUID | None) -> None:
    """End a pending order, which the transaction has locked, and give its stock to who waits."""
    stock.release(conn, _draws(conn, [order.id]))
    set_status(conn, order, "cancelled", reason=reason, actor=actor)
    offer_freed_stock(conn, [order.id])


def list_lapsed(conn: db.Connection, left: Collection[UUID] = (), batch: int = 1000) -> list[UUID]:
    """A batch of pending orders whose hold has lapsed.

    Args:
        left: orders to leave out.
    """
    rows = db.many(conn, dict, SQL.list_lapsed_orders, left=list(left), batch=batch, **_lapsed_by_now())
    return [row["id"] for row in rows]


def expire_orders(conn: db.Connection, order_ids: Sequence[UUID]) -> int:
    """End those of some orders whose hold has lapsed; how many. Those that somebody has locked stay as they are."""
    rows = db.many(conn, dict, SQL.lock_lapsed_orders, ids=list(order_ids), **_lapsed_by_now())
    lapsed = [row["id"] for row in rows]
    if lapsed:
        stock.release(conn, _draws(conn, lapsed))
        told = db.many(conn, dict, SQL.set_expired, ids=lapsed)
        outbox.owe_webhooks(conn, "order.expired", [(row["organisation_id"], row["facts"]) for row in told])
        offer_freed_stock(conn, lapsed)
    return len(lapsed)


def _lapsed_by_now() -> dict[str, datetime]:
    """When a hold has lapsed, and since when one waits in vain for an open payment."""
    now = datetime.now(UTC)
    return {"now": now, "grace_cutoff": now - rules.GRACE_PERIOD}


def offer_freed_stock(conn: db.Connection, order_ids: Sequence[UUID]) -> None:
    """Free the seats of orders whose stock the transaction has just released, and offer all of it to who waits."""
    if order_ids:
        seats.release(conn, order_ids)
        waitlist.offer_freed(conn, order_ids)


def resend_order_email(conn: db.Connection, caller: Caller, order_id: UUID) -> None:
    """Owe the confirmation of a paid order once more.

    Raises:
        NotFound: there is no such order, or it is not the caller's.
        OrderNotPaid: there are no tickets to send.
    """
    order = find_order(conn, caller, order_id)
    if order.status not in ("paid", "partially_refunded"):
        raise OrderNotPaid(order_status=order.status)
    _owe_confirmation(conn, order)


def find_order(conn: db.Connection, caller: Caller, order_id: UUID) -> OrderRow:
    """An order itself, without what belongs to it.

    Raises:
        NotFound: there is none, or the caller may not see it.
    """
    order = db.get(conn, OrderRow, SQL.get_order_row, id=order_id)
    require_order(conn, caller, order.id, order.organisation_id, order.account_id)
    return order


def find_managed(conn: db.Connection, caller: Caller, order_id: UUID) -> OrderRow:
    """An order of the caller's organisation, in which they have the role that the route declares.

    Raises:
        NotFound: there is none, or it is another organisation's.
        Forbidden: the role is too low.
    """
    order = db.get(conn, OrderRow, SQL.get_order_row, id=order_id)
    require_role(conn, caller, order.organisation_id)
    return order


def lock_order(conn: db.Connection, order_id: UUID) -> OrderRow:
    """An order that is known to exist, locked until the transaction ends."""
    return db.exactly_one(conn, OrderRow, SQL.lock_order, id=order_id)


def take_order(conn: db.Connection, order_id: UUID) -> OrderRow | None:
    """An order, locked until the transaction ends; None if somebody else has it."""
    return db.one(conn, OrderRow, SQL.take_order, id=order_id)


def retake_stock(conn: db.Connection, order: OrderRow) -> bool:
    """Take stock once more for a lapsed or cancelled order, which the transaction has locked.

    Nothing is taken for an event that is no longer on, or for a buyer who has had as much as they may since. The order
    then holds its stock as a pending one does, and the transaction goes on to pay it. Return True if there was enough.
    """
    try:
        _check_buyer_limits(conn, order, db.many(conn, BuyerLimit, SQL.list_limits, id=order.id))
    except BuyerLimitReached:
        return False
    draws = db.many(conn, Draw, SQL.list_draws, id=order.id)
    for _ in range(_MOST_READS):
        try:
            return bool(draws) and any(_hold_plan(conn, order, plan) for plan in stock.plans(conn, draws))
        except (SeatTaken, SeatNotFound):
            return False
        except PoolsShort:
            before, draws = draws, db.many(conn, Draw, SQL.list_draws, id=order.id)
            if draws == before:
                return False
    raise Busy


def _hold_plan(conn: db.Connection, order: OrderRow, plan: Sequence[Draw]) -> bool:
    with conn.transaction():
        found = stock.consolidate(conn, plan)
        held = stock.take(conn, found) if found else None
        if held is None:
            raise psycopg.Rollback
        db.run(conn, SQL.set_draws, id=order.id, draws=held)
        seats.take_again(conn, order.id)
        return True
    return False


def pay(conn: db.Connection, order: OrderRow, *, reason: str, actor: UUID | None = None) -> None:
    """Turn an order that holds its stock, and that the transaction has locked, into a paid one.

    Its stock is sold, its tickets are issued and the confirmation is owed.
    """
    from boxoffice.tickets import service as tickets  # most purchases are paid later, by another function

    stock.sell(conn, _draws(conn, [order.id]))
    seats.sell(conn, order.id)
    set_status(conn, order, "paid", reason=reason, actor=actor)
    tickets.issue(conn, order.id)
    _owe_confirmation(conn, order)


def give_back_stock(
    conn: db.Connection, order: OrderRow, quantities: dict[UUID, int] | None, ticket_ids: Sequence[UUID] = ()
) -> None:
    """Make available again what a paid order, which the transaction has locked, has sold, and offer it to who waits.

    Args:
        quantities: how many of which pool; None for all that the order holds, its voucher's redemption and seats too.
        ticket_ids: the tickets that are given back, whose seats are free then, where it is not all.
    """
    given = quantities or {}
    back = {"everything": quantities is None, "pool_ids": list(given), "quantities": list(given.values())}
    stock.give_back(conn, db.value(conn, SQL.give_back_draws, id=order.id, **back))
    if quantities is None:
        seats.release(conn, [order.id])
    else:
        seats.release_tickets(conn, ticket_ids)
    waitlist.offer_freed(conn, [order.id])


def set_status(
    conn: db.Connection, order: OrderRow, to: OrderStatus, *, reason: str, actor: UUID | None, **facts: Any
) -> None:
    """Change an order's state, with its history row and its webhook, which carries the ``facts`` too."""
    change = {"from_status": order.status, "to_status": to, "reason": reason, "actor_id": actor}
    events = [row["event_id"] for row in db.many(conn, dict, SQL.set_status, id=order.id, **change)]
    if kind := rules.webhook_of(to):
        told = {
            "order_id": order.id,
            "number": order.number,
            "status": to,
            "currency": order.currency,
            "total": order.total,
            "event_ids": events,
        }
        outbox.owe_webhook(conn, order.organisation_id, kind, told | facts)


def _draws(conn: db.Connection, order_ids: Sequence[UUID]) -> str:
    """What some orders, which the transaction has locked, hold or have sold of the stock."""
    return str(db.value(conn, SQL.get_draws, ids=list(order_ids)))


def _owe_confirmation(conn: db.Connection, order: OrderRow) -> None:
    outbox.owe_email(conn, "order_confirmation", order.buyer_email, {"order_id": str(order.id)})


def _page(rows: list[OrderSummaryRow], limit: int) -> OrderPage:
    items, next_cursor = page_of(rows, limit, lambda row: (row.id,))
    return OrderPage(items=[OrderSummary.model_validate(row) for row in items], next_cursor=next_cursor)
