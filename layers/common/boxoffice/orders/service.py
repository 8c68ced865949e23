"""Use cases of orders: place, pay, cancel and expire them, and give back what they have of the stock."""

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from boxoffice import audit, db, idempotency, money, outbox, rate_limit, sql
from boxoffice.auth import Caller, Who, require_holder, require_role
from boxoffice.config import settings
from boxoffice.erased import macs_of
from boxoffice.errors import Busy
from boxoffice.guest_tokens import order_token
from boxoffice.idempotency import IdempotentRequest
from boxoffice.ids import first_id, new_id, new_order_number
from boxoffice.mailboxes import mailbox_of
from boxoffice.orders import rules
from boxoffice.orders.errors import (
    AddressSuppressed,
    BuyerLimitReached,
    OrderNotPending,
    PaymentProcessing,
    TicketTypeNotFound,
)
from boxoffice.orders.models import (
    ALL_STATUSES,
    BuyerLimit,
    BuyerRequest,
    BuyerView,
    Cart,
    ChallengeOutcome,
    LapsedOrder,
    ListedOrderRow,
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
from boxoffice.pagination import FIRST_ID, LAST_ID, decode_id
from boxoffice.pricing.rules import charges_of
from boxoffice.seats import service as seats
from boxoffice.seats.errors import SeatNotFound, SeatTaken
from boxoffice.stock import service as stock
from boxoffice.stock.errors import InsufficientStock
from boxoffice.stock.models import Draw
from boxoffice.tickets.errors import OrderNotPaid
from boxoffice.vouchers.rows import Voucher

SQL = sql.queries("orders")


_MOST_READS = 50  # of the sale terms, for one purchase


def place_order(
    conn: db.Connection,
    caller: Caller,
    request: OrderRequest,
    key: str,
    challenge: ChallengeOutcome | None = None,
) -> PlacedOrder:
    """Hold stock and place an order. A free order is paid at once, or once a guest has confirmed it by a link.

    Runs in autocommit: two statements in the common case, and only the second holds locks. A guest's order has one more
    before, for the budgets. Each further plan is a transaction of its own, so that its locks end before the next plan.

    Args:
        challenge: what came of the challenge that a guest has solved; unknown if its provider did not say.

    Raises:
        Invalid: the holders or answers do not fit what the events ask.
        SoldOut: a pool had too little left at a moment during the call.
        CANNOT_BE_BOUGHT, CANNOT_BE_SEATED: the request cannot be met, or not for this buyer.
        NOT_REDEEMABLE, NOT_OFFERED: the voucher or the waitlist token does not allow this order.
        ASKS_GUESTS: a guest has to solve a challenge, to log in or to wait.
        KeyReused: the idempotency key belongs to another request.
    """
    return idempotency.run_once(
        conn,
        lambda: _find_idempotent(conn, caller, request, key),
        lambda: _place_with_retry(conn, caller, request, key, challenge),
        lambda stored: _read_placed_order(conn, UUID(stored["id"]), request.buyer),
        SQL.get_request,
    )


def _idempotent(caller: Caller, request: OrderRequest, key: str, organisation_id: UUID) -> IdempotentRequest:
    return IdempotentRequest.of("create_order", idempotency.scope_of(caller, organisation_id), key, request)


def _find_idempotent(conn: db.Connection, caller: Caller, request: OrderRequest, key: str) -> IdempotentRequest | None:
    """Identify a refused request, whatever has become of its ticket types. Return None if they never existed."""
    organisation_id = find_seller(conn, request)
    return _idempotent(caller, request, key, organisation_id) if organisation_id else None


def find_seller(conn: db.Connection, request: OrderRequest) -> UUID | None:
    """Return the organisation whose tickets somebody wants, whatever has become of them. None if they never existed."""
    ticket_type_ids = [item.ticket_type_id for item in request.items]
    organisation_id: UUID | None = db.value(conn, SQL.get_organisation, ticket_type_ids=ticket_type_ids)
    return organisation_id


def _place_with_retry(
    conn: db.Connection, caller: Caller, request: OrderRequest, key: str, challenge: ChallengeOutcome | None
) -> PlacedOrder:
    """Place an order under the current sale terms.

    Edits to the terms move the stock to a new pool. Therefore read the terms again before answering "sold out".
    """
    cart = _read_cart(conn, request)
    organisation_id = cart.items[0].terms.organisation_id
    if caller.acts_for not in (None, organisation_id):  # a key buys from its own organisation
        raise TicketTypeNotFound(ticket_type_ids=[item.ticket_type_id for item in request.items])
    idempotent = _idempotent(caller, request, key, organisation_id)
    for _ in range(_MOST_READS):
        purchase = _make_purchase(conn, caller, request, idempotent, cart)
        try:
            with _admitted(conn, purchase, challenge) as admitted:
                _place_once(conn, admitted)
                return _answer_purchase(conn, admitted)
        except InsufficientStock as error:
            before, cart = cart, _read_cart(conn, request)
            if cart == before:
                seats.check_named(conn, cart.seats)
                raise rules.shortage_error(cart, error.left) from error
    raise Busy


def _admitted(
    conn: db.Connection, purchase: Purchase, challenge: ChallengeOutcome | None
) -> AbstractContextManager[Purchase]:
    """Return a block to place an order in. Guests have budgets, and others have none."""
    if not purchase.is_by_guest:
        return nullcontext(purchase)
    from boxoffice.orders import guests  # accounts and programs do not need it

    return guests.admitted(conn, purchase, challenge)


def _read_cart(conn: db.Connection, request: OrderRequest) -> Cart:
    now = datetime.now(UTC)
    quantities = rules.quantity_by_ticket_type(request.items)
    terms = db.many(conn, SaleTerms, SQL.list_sale_terms, ticket_type_ids=list(quantities))
    rules.check_for_sale(terms, quantities)
    event_ids = [each.event_id for each in terms]
    candidates = _list_vouchers(conn, event_ids, request.voucher) if request.voucher else []
    voucher = rules.redeemed_voucher(terms, quantities, candidates, request.voucher, now)
    items = rules.cart_items(terms, quantities, request.ticket_mode, now)
    charges = charges_of(rules.priced_items(items), voucher, money.step(terms[0].currency), terms[0].fee)
    return Cart(items, charges, voucher, rules.seat_requests(request.items, items, request.waitlist_token))


def _list_vouchers(conn: db.Connection, event_ids: Sequence[UUID], code: str) -> list[Voucher]:
    from boxoffice.vouchers import service as vouchers  # most purchases do without it

    return vouchers.list_by_code(conn, event_ids, code)


def _make_purchase(
    conn: db.Connection, caller: Caller, request: OrderRequest, idempotent: IdempotentRequest, cart: Cart
) -> Purchase:
    draws = rules.plan_draws(cart.items, cart.voucher, conn.info.backend_pid)
    offered_pools = rules.pools_of(cart.items) if request.waitlist_token else set()
    return Purchase(
        caller=caller,
        request_id=idempotent.id,
        fingerprint=idempotent.fingerprint,
        order=_make_order(caller.account_id, request, cart),
        cart=cart,
        limits=rules.buyer_limits(cart.items, cart.voucher),
        draws=[draw for draw in draws if draw.pool_id not in offered_pools],
        offered=[draw for draw in draws if draw.pool_id in offered_pools],
        waitlist_token=request.waitlist_token,
        details=_details_of(request, cart),
    )


def _details_of(request: OrderRequest, cart: Cart) -> dict[str, Any] | None:
    """Return the language, answers and holders of an order. Most events ask nothing, and then nobody waits for that."""
    language = {"locale": request.locale} if request.locale else None
    if request.holders is None and request.answers is None and not any(item.terms.form for item in cart.items):
        return language
    from boxoffice.orders import details

    given = details.of_purchase(request, cart)
    return given if language is None else {**language, **(given or {})}


def _make_order(account_id: UUID | None, request: OrderRequest, cart: Cart) -> OrderRow:
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
        version=1,
        email_changes=0,
    )


def _place_once(conn: db.Connection, purchase: Purchase) -> None:
    """Try one plan after another until the order is placed.

    Raises:
        InsufficientStock: a pool had too little left at a moment during the call.
        Busy: other buyers were faster each time.
        NoOffer, OfferTooSmall: the waitlist offers the buyer nothing, or less than the order takes.
    """
    for number, plan in enumerate(stock.plans(conn, purchase.draws)):
        if _try_plan(conn, purchase, plan, consolidate=number > 0):
            return


def _try_plan(conn: db.Connection, purchase: Purchase, plan: Sequence[Draw], *, consolidate: bool) -> bool:
    """Try to place the order with the stock of a plan. Return True if it was placed.

    A simple purchase takes one statement. Any other takes a transaction, which locks what the order needs in the order
    of locks.
    """
    if purchase.is_simple and not consolidate:
        return _insert_order(conn, purchase, plan)
    order, cart = purchase.order, purchase.cart
    with conn.transaction(), _limit_confirmation(conn, purchase):
        _check_buyer_limits(conn, order, purchase.limits, is_proven=purchase.awaits_confirmation)
        entry_id, offered = _accept_offer(conn, purchase)
        draws = stock.consolidate(conn, plan) if consolidate else plan
        if draws is None or not _insert_order(conn, purchase, [*draws, *offered]):
            raise psycopg.Rollback
        if cart.seats:
            _take_seats(conn, purchase, entry_id)
        if purchase.is_paid_at_once:
            pay(conn, order, reason=rules.OFFERED if entry_id else rules.NOTHING_TO_PAY)
        elif order.total == 0:
            ask_for_confirmation(conn, order)
        if entry_id:
            _offer_stock(conn, [order.id])
        return True
    return False


def _limit_confirmation(conn: db.Connection, purchase: Purchase) -> AbstractContextManager[None]:
    """Return a block to place an order in, which counts its confirmation if nothing is paid for it.

    It does not count for whoever has got a waitlist token, which has come to the mailbox.
    """
    if purchase.order.total or purchase.waitlist_token:
        return nullcontext()
    return rate_limit.limit_orders_to(conn, purchase.caller, purchase.order.buyer_email)


def ask_for_confirmation(conn: db.Connection, order: OrderRow) -> None:
    """Owe a guest the email whose link confirms a free order."""
    from boxoffice import one_time

    lifetime = order.expires_at - datetime.now(UTC)
    token_id = one_time.issue(conn, one_time.Purpose.CONFIRM_ORDER, lifetime, order_id=order.id)
    payload = {"order_id": str(order.id), "token_id": str(token_id)}
    outbox.owe_email(conn, "confirm_order", order.buyer_email, payload)


def _check_buyer_limits(
    conn: db.Connection, order: OrderRow, limits: Sequence[BuyerLimit], *, is_proven: bool = False
) -> None:
    """Check that the order respects the limits of its buyer. A lock on the buyer keeps the count true until the commit.

    Args:
        is_proven: True if a link has proved, or has yet to prove, that the buyer reads the mailbox. Then what others
            may have ordered in the buyer's name does not count. So it is for an account whose address is verified, and
            what that has ordered counts for its mailbox.

    Raises:
        BuyerLimitReached: it does not.
    """
    if not limits:
        return
    mailbox = mailbox_of(order.buyer_email)
    db.run(conn, SQL.lock_buyer, keys=rules.buyer_keys(order))
    owned = db.many(
        conn,
        dict,
        SQL.list_quantities_of_buyer,
        id=order.id,
        organisation_id=order.organisation_id,
        account_id=order.account_id,
        mailbox=mailbox,
        mailbox_macs=macs_of(order.buyer_email),
        is_proven=is_proven,
        proven=list(rules.PROVEN),
        subject_ids=[limit.subject_id for limit in limits],
    )
    rules.check_buyer_limits(limits, {row["subject_id"]: row["quantity"] for row in owned})


def _accept_offer(conn: db.Connection, purchase: Purchase) -> tuple[UUID | None, list[Draw]]:
    """Release what the waitlist offers to the buyer, in rows that stay locked, so that the order can take it.

    Returns:
        The id of the waitlist entry, and the draws that start at its rows. None and no draws without a waitlist token.

    Raises:
        NoOffer, OfferTooSmall: the waitlist offers the buyer nothing, or less than the order takes.
    """
    if purchase.waitlist_token is None:
        return None, []
    from boxoffice.waitlist import service as waitlist

    (item,) = purchase.cart.items
    email, token = purchase.order.buyer_email, purchase.waitlist_token
    entry_id, released = waitlist.accept_offer(conn, item.terms.ticket_type_id, item.quantity, email, token)
    rows = {row.pool_id: row.row_no for row in released}
    return entry_id, [replace(draw, start=rows[draw.pool_id]) for draw in purchase.offered if draw.pool_id in rows]


def _insert_order(conn: db.Connection, purchase: Purchase, draws: Sequence[Draw]) -> bool:
    """Insert the order and hold its stock. Return True if there was enough stock."""
    items, charges = purchase.cart.items, purchase.cart.charges
    order = {
        **vars(purchase.order),
        "request_id": purchase.request_id,
        "fingerprint": purchase.fingerprint,
        "details": purchase.details and Jsonb(purchase.details),
    }
    if len(items) == len(draws) == 1:
        item = {**vars(items[0].terms), **vars(draws[0]), **vars(charges[0]), "is_group": items[0].is_group}
        return bool(db.value(conn, SQL.place_order, **item | order))
    return bool(
        db.value(
            conn,
            SQL.place_cart,
            are_groups=[item.is_group for item in items],
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
    """Give the order its seats: those of the waitlist entry if there is one, else those that the buyer requests."""
    order_id = purchase.order.id
    if entry_id:
        seats.hand_over(conn, entry_id, order_id, purchase.cart.items[0].quantity)
    else:
        seats.take(conn, order_id, purchase.cart.seats)
    has_holders = purchase.details is not None and "holders" in purchase.details
    named = [seat_id for request in purchase.cart.seats for seat_id in request.seat_ids] if has_holders else []
    db.run(conn, SQL.set_seats, id=order_id, named=named)


def _answer_purchase(conn: db.Connection, purchase: Purchase) -> PlacedOrder:
    """Return the answer to a purchase whose order is committed, without a read unless the order has seats.

    It equals what `_read_placed_order` returns, since a repeat of the request is answered by that.
    """
    order, cart = purchase.order, purchase.cart
    if cart.seats:
        return _read_placed_order(conn, order.id, order.buyer)
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
    voucher = cart.voucher.code if cart.voucher else None
    return _placed_order(summary, items, voucher, is_paid=purchase.is_paid_at_once)


def _read_placed_order(conn: db.Connection, order_id: UUID, buyer: BuyerRequest | BuyerView) -> PlacedOrder:
    """Read an order, and return the answer that the buyer got when it was placed.

    Its state and its buyer may have changed since. If somebody else has it now, the token has ended.
    """
    order = db.get(conn, OrderDetails, SQL.get_order, id=order_id, number=None)
    order = replace(order, buyer_name=buyer.name, buyer_email=buyer.email, buyer_phone=buyer.phone)
    items = [OrderItemView.model_validate(item) for item in order.items]
    is_paid = any(change["reason"] in rules.PAID_AT_ONCE for change in order.history or ())
    return _placed_order(order, items, order.voucher, is_paid=is_paid)


def read_confirmed_order(conn: db.Connection, order: OrderRow) -> PlacedOrder:
    """Return an order that its buyer has just confirmed, with the token that shows it."""
    now = {"status": "paid", "access_token": order_token(order.id, order.email_changes)}
    return _read_placed_order(conn, order.id, order.buyer).model_copy(update=now)


def _placed_order(
    order: OrderSummaryRow, items: list[OrderItemView], voucher: str | None, *, is_paid: bool
) -> PlacedOrder:
    """Return the answer to a purchase, with the state in which the order begins."""
    fields = {name: getattr(order, name) for name in OrderSummary.model_fields}
    fields["status"] = "paid" if is_paid else "pending"
    return PlacedOrder(**fields, items=items, voucher=voucher, access_token=order_token(order.id, 0))


def get_order(conn: db.Connection, caller: Caller, reference: str) -> OrderView:
    """Return an order, found by its id or its number.

    Only managers get its history, its money matters, the platform's fee, and who holds the tickets that have passed on.

    Raises:
        NotFound: there is no such order, or the caller may not see it.
    """
    order = db.get(conn, OrderDetails, SQL.get_order, **rules.parse_reference(reference))
    acts_as = require_order(conn, caller, order)
    if acts_as is not Who.MANAGER:
        order = replace(
            order,
            history=None,
            money_matters=None,
            platform_fee_terms=None,
            tickets=rules.without_new_holders(order.tickets),
            items=rules.without_fees(order.items),
        )
    return OrderView.model_validate(order)


def list_orders(
    conn: db.Connection, caller: Caller, organisation_id: UUID, filters: OrderFilters, limit: int, cursor: str | None
) -> OrderPage:
    """Return a page of an organisation's orders, newest first.

    Raises:
        NotFound, Forbidden: the organisation is not the caller's, or the role is too low.
    """
    require_role(conn, caller, organisation_id)
    before = first_id(filters.placed_before) if filters.placed_before else LAST_ID
    params: dict[str, Any] = {
        "organisation_id": organisation_id,
        "statuses": [filters.status] if filters.status else list(ALL_STATUSES),
        "after": first_id(filters.placed_from) if filters.placed_from else FIRST_ID,
        "before": min(before, decode_id(cursor) or LAST_ID),
        "limit": limit,
    }
    if filters.email:
        buyer: dict[str, Any] = {"email": filters.email, "event_id": filters.event_id}
        rows = db.page(conn, ListedOrderRow, SQL.list_orders_of_buyer, **buyer, **params)
    elif filters.event_id:
        rows = db.page(conn, ListedOrderRow, SQL.list_orders_of_event, event_id=filters.event_id, **params)
    else:
        rows = db.page(conn, ListedOrderRow, SQL.list_orders, **params)
    return OrderPage.of(rows, limit)


def list_my_orders(conn: db.Connection, caller: Caller, limit: int, cursor: str | None) -> OrderPage:
    """Return a page of the orders of the caller's account, newest first."""
    before = decode_id(cursor) or LAST_ID
    rows = db.page(
        conn, ListedOrderRow, SQL.list_orders_of_account, account_id=caller.account, before=before, limit=limit
    )
    return OrderPage.of(rows, limit)


def cancel_order(conn: db.Connection, caller: Caller, order_id: UUID) -> OrderView:
    """Cancel a pending order and release its stock. To cancel a cancelled order changes nothing.

    Raises:
        NotFound: there is no such order, or the caller may not see it.
        OrderNotPending: the order was paid or has expired.
        PaymentProcessing: money for it is under way, and the caller is no manager.
    """
    order = db.get(conn, OrderRow, SQL.lock_order, id=order_id)
    acts_as = require_order(conn, caller, order)
    if order.status == "pending":
        if acts_as is not Who.MANAGER and (payment_id := find_processing_payment(conn, order_id)):
            raise PaymentProcessing(payment_id=payment_id)
        cancel(conn, order, reason=f"cancelled by {acts_as}", actor=caller.actor)
    elif order.status != "cancelled":
        raise OrderNotPending(order_status=order.status)
    view = get_order(conn, caller, str(order_id))
    if order.status == "pending" and acts_as is Who.MANAGER:
        record(conn, caller, "cancel_order", order, **audit.changes(order, view, only=["status"]))
    return view


def record(conn: db.Connection, caller: Caller, action: str, order: OrderRow, **facts: Any) -> None:
    """Write what somebody did with an order into the audit log."""
    audit.record(conn, caller, action, f"order {order.id}", organisation=order.organisation_id, **facts)


def cancel(conn: db.Connection, order: OrderRow, *, reason: str, actor: UUID | None) -> None:
    """Cancel a pending order that the transaction has locked. Offer its stock to the waitlist. Close its payments."""
    stock.release(conn, _draws(conn, [order.id]))
    set_status(conn, order, "cancelled", reason=reason, actor=actor)
    close_payments(conn, order.id)
    _offer_freed_stock(conn, [order.id])


def close_payments(conn: db.Connection, order_id: UUID) -> None:
    """Let the next run of `reconcile_payments` close the open payments of an order that is paid or cancelled."""
    db.run(conn, SQL.take_payments_to_close, order_id=order_id)


def list_lapsed(conn: db.Connection, leave_out: Collection[UUID] = (), batch: int = 1000) -> list[LapsedOrder]:
    """Return a batch of pending orders whose hold has lapsed.

    Args:
        leave_out: orders to leave out.
    """
    return db.many(conn, LapsedOrder, SQL.list_lapsed_orders, leave_out=list(leave_out), batch=batch, **_cutoffs())


def expire_lapsed(conn: db.Connection, orders: Sequence[LapsedOrder]) -> int:
    """Expire, in the caller's transaction, those of some orders whose hold has still lapsed. Return how many."""
    return expire_orders(conn, [order.id for order in orders])


def expire_orders(conn: db.Connection, order_ids: Sequence[UUID]) -> int:
    """Expire, in the caller's transaction, those of some orders whose hold has lapsed.

    An order with an open payment is kept until its provider knows of no money, or its grace period is over, too. An
    order that somebody else has locked stays as it is.

    Returns:
        How many orders expired.
    """
    rows = db.many(conn, dict, SQL.lock_lapsed_orders, ids=list(order_ids), **_cutoffs())
    lapsed = [row["id"] for row in rows]
    if lapsed:
        stock.release(conn, _draws(conn, lapsed))
        expired = db.many(conn, dict, SQL.set_expired, ids=lapsed)
        webhooks = [(row.pop("organisation_id"), rules.webhook_data(**row)) for row in expired]
        outbox.owe_webhooks(conn, "order.expired", webhooks)
        _offer_freed_stock(conn, lapsed)
    return len(lapsed)


def _cutoffs() -> dict[str, datetime]:
    """Return the latest `expires_at` of lapsed holds, and that of lapsed holds whose grace period is over too."""
    now = datetime.now(UTC)
    return {"now": now, "grace_cutoff": now - rules.GRACE_PERIOD}


def _offer_freed_stock(conn: db.Connection, order_ids: Sequence[UUID]) -> None:
    """Release the seats of orders whose stock the transaction has just released. Offer both to the waitlist."""
    seats.release(conn, order_ids)
    _offer_stock(conn, order_ids)


def _offer_stock(conn: db.Connection, order_ids: Sequence[UUID]) -> None:
    """Offer the stock that orders have given back, and that the transaction has released, to the waitlist."""
    from boxoffice.waitlist import service as waitlist  # most purchases do without it

    waitlist.offer_stock_of_orders(conn, order_ids)


def resend_order_email(conn: db.Connection, caller: Caller, order_id: UUID) -> str:
    """Owe the confirmation of a paid order once more, and return the address that it goes to.

    Raises:
        NotFound: there is no such order, or the caller may not see it.
        OrderNotPaid: the order has no tickets to send.
        AddressSuppressed: nobody writes to the buyer's address any more.
    """
    order = db.get(conn, OrderRow, SQL.get_order_row, id=order_id)
    acts_as = require_order(conn, caller, order)
    if order.status not in ("paid", "partially_refunded"):
        raise OrderNotPaid(order_status=order.status)
    if problem := db.value(conn, SQL.get_email_problem, address=order.buyer_email):
        raise AddressSuppressed(email_problem=problem)
    _owe_confirmation(conn, order)
    if acts_as is Who.MANAGER:
        record(conn, caller, "resend_order_email", order)
    return order.buyer_email


def send_order_links(conn: db.Connection, email: str) -> None:
    """Owe an address the links to its orders and tickets. If it has none, the email is not sent."""
    outbox.owe_email(conn, "order_links", email, {"email": email})


def find_order(conn: db.Connection, caller: Caller, order_id: UUID) -> OrderRow:
    """Return an order without its items.

    Raises:
        NotFound: there is no such order, or the caller may not see it.
    """
    order = db.get(conn, OrderRow, SQL.get_order_row, id=order_id)
    require_order(conn, caller, order)
    return order


def require_order(conn: db.Connection, caller: Caller, order: OrderRow) -> Who:
    """Return as whom the caller may see an order: GUEST, ACCOUNT or MANAGER.

    Raises:
        NotFound: the caller may not see it.
        Forbidden: the caller belongs to the organisation, in a lower role.
    """
    return require_holder(
        conn, caller, "order", order.id, order.organisation_id, order.account_id, ended_tokens=order.email_changes
    )


def find_managed(conn: db.Connection, caller: Caller, order_id: UUID) -> OrderRow:
    """Return an order of the caller's organisation, without its items.

    Raises:
        NotFound: there is no such order, or it is another organisation's.
        Forbidden: the caller's role is lower than the route asks for.
    """
    order = db.get(conn, OrderRow, SQL.get_order_row, id=order_id)
    require_role(conn, caller, order.organisation_id)
    return order


def get_order_row(conn: db.Connection, order_id: UUID) -> OrderRow:
    """Return an order, which must exist, without its items. The caller has checked who asks."""
    return db.exactly_one(conn, OrderRow, SQL.get_order_row, id=order_id)


def find_processing_payment(conn: db.Connection, order_id: UUID) -> UUID | None:
    """Return the payment of an order whose money is under way for days, if there is one."""
    payment_id: UUID | None = db.value(conn, SQL.get_processing_payment, order_id=order_id)
    return payment_id


def set_hold_end(conn: db.Connection, order_id: UUID, expires_at: datetime) -> None:
    """Set until when a pending order that the transaction has locked holds its stock."""
    db.run(conn, SQL.set_hold_end, id=order_id, expires_at=expires_at)


def lock_order(conn: db.Connection, order_id: UUID) -> OrderRow:
    """Lock an order, which must exist, until the transaction ends. Return it."""
    return db.exactly_one(conn, OrderRow, SQL.lock_order, id=order_id)


def take_order(conn: db.Connection, order_id: UUID) -> OrderRow | None:
    """Lock an order until the transaction ends, and return it. Return None if somebody else has locked it."""
    return db.one(conn, OrderRow, SQL.take_order, id=order_id)


def check_limits(conn: db.Connection, order: OrderRow, *, is_proven: bool = False) -> None:
    """Check that a placed order, which the transaction has locked, respects the limits of its buyer.

    Args:
        is_proven: True if a link has proved that the buyer reads the mailbox.

    Raises:
        BuyerLimitReached: it does not.
    """
    limits = db.many(conn, BuyerLimit, SQL.list_buyer_limits, id=order.id)
    _check_buyer_limits(conn, order, limits, is_proven=is_proven)


def retake_stock(conn: db.Connection, order: OrderRow) -> bool:
    """Take the stock of an expired order again. The transaction has locked the order.

    The order then holds its stock as a pending order does, and the transaction goes on to pay it. Nothing is taken if
    the event is no longer for sale, or if the buyer has reached a limit since.

    Returns:
        True if the order holds its stock again.
    """
    try:
        check_limits(conn, order)
    except BuyerLimitReached:
        return False
    draws = db.many(conn, Draw, SQL.list_draws, id=order.id)
    for _ in range(_MOST_READS):
        try:
            return bool(draws) and any(_try_retake(conn, order, plan) for plan in stock.plans(conn, draws))
        except (SeatTaken, SeatNotFound):
            return False
        except InsufficientStock:
            before, draws = draws, db.many(conn, Draw, SQL.list_draws, id=order.id)
            if draws == before:
                return False
    raise Busy


def _try_retake(conn: db.Connection, order: OrderRow, plan: Sequence[Draw]) -> bool:
    """Try to hold an order's stock again with a plan. Return True if it is held."""
    with conn.transaction():
        draws = stock.consolidate(conn, plan)
        held = stock.take(conn, draws) if draws else None
        if held is None:
            raise psycopg.Rollback
        db.run(conn, SQL.set_draws, id=order.id, draws=held)
        seats.take_again(conn, order.id)
        return True
    return False


def pay(conn: db.Connection, order: OrderRow, *, reason: str, actor: UUID | None = None) -> None:
    """Mark an order as paid: sell its stock, issue its tickets and owe the confirmation.

    The transaction has locked the order, and the order holds its stock.
    """
    from boxoffice.tickets import service as tickets  # most purchases are paid later, by another function

    stock.sell(conn, _draws(conn, [order.id]))
    seats.sell(conn, order.id)
    set_status(conn, order, "paid", reason=reason, actor=actor)
    if tickets.issue(conn, order.id):
        db.run(conn, SQL.hand_over_holders, id=order.id)
    _owe_confirmation(conn, order)


def give_back_stock(
    conn: db.Connection, order: OrderRow, quantities: dict[UUID, int] | None, ticket_ids: Sequence[UUID] = ()
) -> None:
    """Make stock that a paid order has bought available again, and offer it to the waitlist.

    The transaction has locked the order.

    Args:
        quantities: how much of each pool to give back. None gives back all: the voucher's redemption and seats too.
        ticket_ids: the tickets whose seats to release, if not all is given back.
    """
    some = quantities or {}
    draws = db.value(
        conn,
        SQL.give_back_draws,
        id=order.id,
        everything=quantities is None,
        pool_ids=list(some),
        quantities=list(some.values()),
    )
    stock.give_back(conn, draws)
    if quantities is None:
        seats.release(conn, [order.id])
    else:
        seats.release_tickets(conn, ticket_ids)
    _offer_stock(conn, [order.id])


def set_status(
    conn: db.Connection, order: OrderRow, to: OrderStatus, *, reason: str, actor: UUID | None, **facts: Any
) -> None:
    """Change an order's state, add the history row, and owe the webhook if there is one.

    Args:
        actor: the account that makes the change. None for a guest, a provider or a job.
        facts: what the webhook says beside the order itself.
    """
    change = {"from_status": order.status, "to_status": to, "reason": reason, "actor_id": actor}
    events = db.values(conn, SQL.set_status, id=order.id, **change)
    if kind := rules.webhook_type(to):
        data = rules.webhook_data(
            order_id=order.id,
            number=order.number,
            status=to,
            currency=order.currency,
            total=order.total,
            event_ids=events,
        )
        outbox.owe_webhook(conn, order.organisation_id, kind, data | facts)


def note(
    conn: db.Connection,
    order: OrderRow,
    kind: outbox.WebhookType,
    *,
    reason: str,
    actor: UUID | str | None = None,
    **facts: Any,
) -> None:
    """Add a history row for something that leaves the order's state as it is, and owe a webhook about it.

    Args:
        kind: the type of the webhook.
        actor: as for `set_status`.
        facts: what the webhook says beside the order itself.
    """
    db.run(conn, SQL.insert_note, id=order.id, status=order.status, reason=reason, actor_id=actor)
    currency = {"currency": order.currency, "currency_exponent": money.exponent(order.currency)}
    data = {"order_id": order.id, "number": order.number, "status": order.status, **currency}
    outbox.owe_webhook(conn, order.organisation_id, kind, data | facts)


def _draws(conn: db.Connection, order_ids: Sequence[UUID]) -> str:
    """Return what some orders have of the stock, as PostgreSQL writes draws. The transaction has locked the orders."""
    return str(db.value(conn, SQL.get_draws, ids=list(order_ids)))


def _owe_confirmation(conn: db.Connection, order: OrderRow) -> None:
    outbox.owe_email(conn, "order_confirmation", order.buyer_email, {"order_id": str(order.id)})
