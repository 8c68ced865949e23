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
from boxoffice.idempotency import Once
from boxoffice.ids import first_id, new_id, new_order_number
from boxoffice.orders import rules
from boxoffice.orders.errors import BuyerLimitReached, OrderNotPaid, OrderNotPending
from boxoffice.orders.models import (
    ALL_STATUSES,
    BuyerLimit,
    Offer,
    OrderDetails,
    OrderFilters,
    OrderItemView,
    OrderLine,
    OrderPage,
    OrderRequest,
    OrderRow,
    OrderStatus,
    OrderSummary,
    OrderView,
    PlacedOrder,
    Terms,
)
from boxoffice.pagination import decode_id, page_of
from boxoffice.seats import service as seats
from boxoffice.seats.errors import SeatNotFound, SeatTaken
from boxoffice.stock import service as stock
from boxoffice.stock.errors import SoldOut
from boxoffice.stock.models import Draw
from boxoffice.vouchers import service as vouchers
from boxoffice.waitlist import service as waitlist

SQL = sql.queries("orders")

_FIRST, _LAST = UUID(int=0), UUID(int=(1 << 128) - 1)


def place_order(conn: db.Connection, caller: Caller, request: OrderRequest, key: str) -> PlacedOrder:
    """Hold stock and open an order; a free one is paid at once.

    Runs in autocommit: two statements in the common case, with locks held during the second alone. Attempts that need
    more are transactions of their own, since each must let go of its locks before the next.

    Raises:
        SoldOut: a pool had too little left, at a moment during the call.
        TicketTypeNotFound, NotOnSale, QuantityNotAllowed, MixedOrder, IssueNotOffered: it cannot be had like this.
        VoucherNotFound, VoucherExpired, VoucherNotApplicable, VoucherUsedUp: nor with this voucher.
        BuyerLimitReached: nor by this buyer.
        KeyReused: the idempotency key belongs to another request.
    """
    once = idempotency.once("create_order", str(caller.account_id or request.buyer.email), key, request)
    return idempotency.perform(
        conn,
        once,
        lambda: _place(conn, caller.account_id, request, once),
        lambda stored: _first_answer(conn, stored),
        SQL.get_request,
    )


def _place(conn: db.Connection, account_id: UUID | None, request: OrderRequest, once: Once) -> PlacedOrder:
    """Place an order on the terms of now. What changes them takes the stock away that they were about, so that they are
    read again before anything is called sold out."""
    terms = _read_terms(conn, request)
    while True:
        try:
            return _place_on(conn, account_id, request, once, terms)
        except SoldOut as error:
            before, terms = terms, _read_terms(conn, request)
            if terms == before:
                seats.check_named(conn, terms.seats)
                raise rules.lack_of(terms, error.pool_ids) from error


def _read_terms(conn: db.Connection, request: OrderRequest) -> Terms:
    now = datetime.now(UTC)
    wanted = rules.quantities_of(request.items)
    offers = db.many(conn, Offer, SQL.list_offers, ticket_type_ids=list(wanted))
    rules.check_found(offers, wanted)
    events = [offer.event_id for offer in offers]
    found = vouchers.list_by_code(conn, events, request.voucher) if request.voucher else []
    voucher = rules.voucher_of(offers, found, request.voucher, now)
    lines = rules.lines_of(offers, wanted, request.issue, now)
    return Terms(lines, voucher, rules.wishes_of(request.items, lines, request.waitlist_token))


def _place_on(
    conn: db.Connection, account_id: UUID | None, request: OrderRequest, once: Once, terms: Terms
) -> PlacedOrder:
    order = _draft(account_id, request, terms)
    draws = rules.draws_of(terms, conn.info.backend_pid)
    if request.waitlist_token:
        _place_offered(conn, once, order, terms, draws, request.waitlist_token)
    else:
        for number, attempt in enumerate(stock.attempts(conn, draws)):
            if _attempt(conn, once, order, terms, attempt, gather=number > 0):
                break
    if terms.seats:
        return _first_answer(conn, {"id": str(order.id)})
    items = [OrderItemView(**vars(line.offer), quantity=line.quantity, grouped=line.grouped) for line in terms.lines]
    return _answer(order, items, terms.voucher.code if terms.voucher else None)


def _attempt(
    conn: db.Connection,
    once: Once,
    order: OrderRow,
    terms: Terms,
    draws: Sequence[Draw],
    *,
    gather: bool,
) -> bool:
    """Try to place the order; whether it was.

    One statement, unless stock must be gathered, the order is free, or something besides stock must be claimed for it:
    before the stock, in the order of locks.
    """
    limits = rules.limits_of(terms)
    if order.total > 0 and not gather and not limits and not terms.seats:
        return _write(conn, once, order, terms.lines, draws)
    with conn.transaction():
        _claim_for_buyer(conn, order, limits)
        found = stock.gather(conn, draws) if gather else draws
        if found is None or not _write(conn, once, order, terms.lines, found):
            raise psycopg.Rollback
        if terms.seats:
            seats.take(conn, order.id, terms.seats)
            db.run(conn, SQL.set_seats, id=order.id)
        if order.total == 0:
            pay(conn, order, reason="nothing to pay")
        return True
    return False


def _place_offered(
    conn: db.Connection, once: Once, order: OrderRow, terms: Terms, draws: Sequence[Draw], token: str
) -> None:
    """Place an order on what the waitlist offers to its buyer: what was held for the offer is held for the order.

    Raises:
        NoOffer, OfferTooSmall: it is not offered.
        Busy: others were faster with the voucher every time.
    """
    line = terms.lines[0]
    offered = {line.offer.pool_id, line.offer.capacity_pool_id}
    others = [draw for draw in draws if draw.pool_id not in offered]
    for number, attempt in enumerate(stock.attempts(conn, others)):
        with conn.transaction():
            _claim_for_buyer(conn, order, rules.limits_of(terms))
            entry_id, rows = waitlist.accept(conn, line.offer.ticket_type_id, line.quantity, order.buyer_email, token)
            found = stock.gather(conn, attempt) if number else attempt
            accepted = [replace(draw, home=rows[draw.pool_id]) for draw in draws if draw.pool_id in rows]
            if found is None or not _write(conn, once, order, terms.lines, [*found, *accepted]):
                raise psycopg.Rollback
            if terms.seats:
                seats.hand_over(conn, entry_id, order.id, line.quantity)
                db.run(conn, SQL.set_seats, id=order.id)
            if order.total == 0:
                pay(conn, order, reason="nothing to pay")
            waitlist.offer_freed(conn, [order.id])
            return


def _claim_for_buyer(conn: db.Connection, order: OrderRow, limits: Sequence[BuyerLimit]) -> None:
    """Make sure that the order keeps the limits of its buyer. Their purchases follow each other until the transaction
    ends, so that what is counted stays true.

    Raises:
        BuyerLimitReached: it does not.
    """
    if not limits:
        return
    db.run(conn, SQL.lock_buyer, names=rules.buyer_names(order))
    subjects = [limit.subject_id for limit in limits]
    rows = db.many(conn, dict, SQL.list_taken, subject_ids=subjects, **vars(order))
    rules.check_limits(limits, {row["subject_id"]: row["taken"] for row in rows})


def _write(conn: db.Connection, once: Once, order: OrderRow, lines: Sequence[OrderLine], draws: Sequence[Draw]) -> bool:
    """Write the order and hold its stock; whether the stock was there."""
    columns = {"request_id": once.id, "fingerprint": once.fingerprint, **vars(order)}
    if len(lines) == len(draws) == 1:
        item = {**vars(lines[0].offer), **vars(draws[0]), "grouped": lines[0].grouped}
        return bool(db.value(conn, SQL.place_order, **item | columns))
    return bool(
        db.value(
            conn,
            SQL.place_cart,
            grouped=[line.grouped for line in lines],
            ticket_type_ids=[line.offer.ticket_type_id for line in lines],
            event_ids=[line.offer.event_id for line in lines],
            quantities=[line.quantity for line in lines],
            unit_prices=[line.offer.unit_price for line in lines],
            pool_ids=[draw.pool_id for draw in draws],
            draw_quantities=[draw.quantity for draw in draws],
            homes=[draw.home for draw in draws],
            **columns,
        )
    )


def _draft(account_id: UUID | None, request: OrderRequest, terms: Terms) -> OrderRow:
    now = datetime.now(UTC)
    offer = terms.lines[0].offer
    discount = rules.discount_of(terms)
    return OrderRow(
        id=new_id(),
        number=new_order_number(),
        organisation_id=offer.organisation_id,
        account_id=account_id,
        status="pending",
        buyer_name=request.buyer.name,
        buyer_email=request.buyer.email,
        buyer_phone=request.buyer.phone,
        currency=offer.currency,
        total=rules.subtotal_of(terms.lines) - discount,
        discount=discount,
        voucher_id=terms.voucher.id if terms.voucher else None,
        expires_at=now + settings().hold,
        created_at=now,
    )


def _first_answer(conn: db.Connection, stored: dict[str, Any]) -> PlacedOrder:
    """What was answered when the order was placed: all but its state is as it was."""
    order = db.get(conn, OrderDetails, SQL.get_order, **rules.reference_of(stored["id"]))
    return _answer(order, [OrderItemView.model_validate(item) for item in order.items], order.voucher)


def _answer(order: OrderRow, items: list[OrderItemView], voucher: str | None) -> PlacedOrder:
    """What the buyer of an order that was just placed is answered."""
    fields = {name: getattr(order, name) for name in OrderSummary.model_fields}
    fields["status"] = "pending" if order.total else "paid"
    return PlacedOrder(**fields, items=items, voucher=voucher, access_token=order_token(order.id))


def get_order(conn: db.Connection, caller: Caller, reference: str) -> OrderView:
    """An order by its id or its number.

    Raises:
        NotFound: there is none, or the caller may not see it.
    """
    order = db.get(conn, OrderDetails, SQL.get_order, **rules.reference_of(reference))
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
        rows = db.page(conn, OrderRow, SQL.list_orders_of_buyer, **theirs, **params)
    elif filters.event_id:
        rows = db.page(conn, OrderRow, SQL.list_orders_of_event, event_id=filters.event_id, **params)
    else:
        rows = db.page(conn, OrderRow, SQL.list_orders, **params)
    return _page(rows, limit)


def list_my_orders(conn: db.Connection, caller: Caller, limit: int, cursor: str | None) -> OrderPage:
    """The orders of the caller's account, newest first."""
    before = decode_id(cursor) or _LAST
    rows = db.page(conn, OrderRow, SQL.list_orders_of_account, account_id=caller.account, before=before, limit=limit)
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
        raise OrderNotPending
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
    pass_on(conn, [order.id])


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
        pass_on(conn, lapsed)
    return len(lapsed)


def _lapsed_by_now() -> dict[str, datetime]:
    """When a hold has lapsed, and since when one waits in vain for an open payment."""
    now = datetime.now(UTC)
    return {"now": now, "waited_since": now - rules.PATIENCE}


def pass_on(conn: db.Connection, order_ids: Sequence[UUID]) -> None:
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
        raise OrderNotPaid
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
    return db.many(conn, OrderRow, SQL.lock_order, id=order_id)[0]


def take_order(conn: db.Connection, order_id: UUID) -> OrderRow | None:
    """An order, locked until the transaction ends; None if somebody else has it."""
    return db.one(conn, OrderRow, SQL.take_order, id=order_id)


def hold_again(conn: db.Connection, order: OrderRow) -> bool:
    """Take stock once more for a lapsed or cancelled order, which the transaction has locked; whether there was enough.

    Nothing is taken for an event that is no longer on, or for a buyer who has had as much as they may since. The order
    then holds its stock as a pending one does, and the transaction goes on to pay it.
    """
    try:
        _claim_for_buyer(conn, order, db.many(conn, BuyerLimit, SQL.list_limits, id=order.id))
    except BuyerLimitReached:
        return False
    draws = db.many(conn, Draw, SQL.list_draws, id=order.id)
    while draws:
        try:
            return any(_gather_for(conn, order, attempt) for attempt in stock.attempts(conn, draws))
        except (SeatTaken, SeatNotFound):
            break
        except SoldOut:
            before, draws = draws, db.many(conn, Draw, SQL.list_draws, id=order.id)
            if draws == before:
                break
    return False


def _gather_for(conn: db.Connection, order: OrderRow, draws: Sequence[Draw]) -> bool:
    with conn.transaction():
        found = stock.gather(conn, draws)
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


def return_stock(
    conn: db.Connection, order: OrderRow, quantities: dict[UUID, int] | None, ticket_ids: Sequence[UUID] = ()
) -> None:
    """Make available again what a paid order, which the transaction has locked, has sold, and offer it to who waits.

    Args:
        quantities: how many of which pool; None for all that the order holds, its voucher's redemption and seats too.
        ticket_ids: the tickets that are given back, whose seats are free then, where it is not all.
    """
    given = quantities or {}
    back = {"everything": quantities is None, "pool_ids": list(given), "quantities": list(given.values())}
    stock.give_back(conn, db.value(conn, SQL.return_draws, id=order.id, **back))
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


def _page(rows: list[OrderRow], limit: int) -> OrderPage:
    items, next_cursor = page_of(rows, limit, lambda row: (row.id,))
    return OrderPage(items=[OrderSummary.model_validate(row) for row in items], next_cursor=next_cursor)
