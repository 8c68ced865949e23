"""Use cases of payments: start one, record one by hand, and apply the events of providers."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from boxoffice import audit, db, idempotency, outbox, sql
from boxoffice.auth import Caller, require_holder
from boxoffice.idempotency import IdempotentRequest
from boxoffice.ids import new_id
from boxoffice.money import exponent
from boxoffice.observability import count, logger
from boxoffice.orders import service as orders
from boxoffice.orders.errors import NothingToPay, OrderNotPending
from boxoffice.orders.models import OrderRow, OrderView
from boxoffice.orders.rules import parse_reference
from boxoffice.payments import books, calls, matters, pace, providers, rules, sending
from boxoffice.payments.errors import (
    OrderExpired,
    PaymentRefused,
    ProviderBusy,
    ProviderUnavailable,
    SignatureWrong,
)
from boxoffice.payments.merchants import merchant_of
from boxoffice.payments.models import (
    PLATFORM_MERCHANT,
    Effect,
    MatterRow,
    NewMatter,
    PaymentByHandRequest,
    PaymentDetails,
    PaymentOfOrder,
    PaymentRequest,
    PaymentRow,
    PaymentStatus,
    PaymentToPrepare,
    PaymentView,
    PreparedPayment,
    ProviderEvent,
    SaleState,
    StartedPayment,
    WebhookView,
)

SQL = sql.queries("payments")


def start_payment(
    conn: db.Connection, caller: Caller, order_id: UUID, request: PaymentRequest, key: str
) -> StartedPayment:
    """Open a payment and prepare it at its provider. If the order has an open one there, return that again.

    Runs in autocommit, with two short transactions around the call to the provider. If the request is cut off between
    them, the next request continues with the same payment.

    Raises:
        NotFound: there is no such order, or the caller may not see it.
        NOT_PAYABLE: the order cannot be paid, or not any more.
        PaymentProcessing, TooManyPayments: the order takes no other payment.
        ProviderNotEnabled: the deployment does not use this provider.
        PaymentRefused: the provider does not accept such a payment.
        ProviderUnavailable, ProviderBusy: the provider does not answer, or takes no more calls. A repeat continues with
            the same payment.
        KeyReused: the idempotency key belongs to another request.
    """
    order = orders.find_order(conn, caller, order_id)
    provider = providers.load_enabled(request.provider)
    scope = idempotency.scope_of(caller, order.organisation_id)
    idempotent = IdempotentRequest.of("start_payment", scope, key, request, order_id)
    answer = idempotency.run_once(
        conn, idempotent, lambda: _open(conn, order, provider, idempotent), lambda stored: stored
    )
    if "url" not in answer:
        rules.check_payable(order, datetime.now(UTC))
        answer = _prepare(conn, provider, order, answer, idempotent)
    return StartedPayment(**answer)


def _open(
    conn: db.Connection, order: OrderRow, provider: providers.Provider, idempotent: IdempotentRequest
) -> dict[str, Any]:
    """Open a payment of an order, or find the open one. Return the answer so far, without what the provider prepares.

    All requests to pay an order lock it. So they find the payment that the first of them has opened.
    """
    merchant_id = merchant_of(order.organisation_id, provider)
    at_provider = {"order_id": order.id, "provider": provider.INFO.name}
    with conn.transaction():
        db.run(conn, SQL.reopen_payment, **at_provider)
        order, now = orders.lock_order(conn, order.id), datetime.now(UTC)
        rules.check_payable(order, now)
        sale = _sale_state(conn, order)
        rules.check_for_sale(sale, now)
        payments = db.many(conn, PaymentOfOrder, SQL.list_payments_of_order, order_id=order.id)
        payment = rules.open_payment(payments, provider.INFO.name) or db.exactly_one(
            conn,
            PaymentRow,
            SQL.insert_payment,
            **at_provider,
            id=new_id(),
            merchant_id=merchant_id,
            amount=order.total,
            currency=order.currency,
            late=provider.INFO.has_late_methods and rules.allows_late(sale, now) and _takes_late_share(conn, order),
            ask_at=rules.first_ask_at(order.expires_at, now),
        )
        answer = PaymentView.model_validate(payment).model_dump(mode="json")
        idempotency.store(conn, idempotent, answer)
    return answer


def _sale_state(conn: db.Connection, order: OrderRow) -> SaleState:
    return db.exactly_one(conn, SaleState, SQL.get_sale_state, order_id=order.id)


def _takes_late_share(conn: db.Connection, order: OrderRow) -> bool:
    """Return True if a payment of the order may take days: its tickets fit into the share that its events allow.

    The events are locked until the commit, so that the count is exact. A share that is used up is found without a lock.
    """
    if not db.value(conn, SQL.fits_late_share, order_id=order.id):
        return False
    db.run(conn, SQL.lock_events_of_order, order_id=order.id)
    return bool(db.value(conn, SQL.fits_late_share, order_id=order.id))


def _prepare(
    conn: db.Connection,
    provider: providers.Provider,
    order: OrderRow,
    opened: dict[str, Any],
    idempotent: IdempotentRequest,
) -> dict[str, Any]:
    """Prepare an open payment at its provider. Store and return the answer, with what the client needs to pay.

    A payment is prepared once: later requests get what is stored. If it is closed before that, nobody learns how to
    pay it.

    Raises:
        PaymentRefused: the provider does not accept the payment, or did not when it was asked before.
        OrderExpired, OrderNotPending: the order has ended meanwhile, and so its payment was closed.
    """
    payment = db.exactly_one(conn, PaymentToPrepare, SQL.get_payment_to_prepare, id=opened["id"])
    # The caller has proved the order's token as it was then, and must not learn the next one by the way back.
    payment = replace(payment, email_changes=order.email_changes)
    prepared = payment.prepared or _call_provider(conn, provider, payment)
    if prepared is None:
        rules.check_payable(orders.get_order_row(conn, order.id), datetime.now(UTC))
        raise PaymentRefused("This payment is closed. Start another one with a new Idempotency-Key.")
    answer = opened | prepared
    idempotency.complete(conn, idempotent, answer)
    return answer


def _call_provider(
    conn: db.Connection, provider: providers.Provider, payment: PaymentToPrepare
) -> dict[str, str | None] | None:
    """Let the provider prepare a payment, and store what it answers. Return None if the payment is closed."""
    if not payment.is_open:
        return None
    try:
        answer = _create(conn, provider, payment)
    except PaymentRefused:
        db.run(conn, SQL.close_unprepared, id=payment.id)
        raise
    prepared = {
        "url": answer.url,
        "client_secret": answer.client_secret,
        "publishable_key": answer.publishable_key,
    }
    stored: dict[str, str | None] | None = db.value(
        conn, SQL.set_prepared, id=payment.id, reference=answer.reference, prepared=Jsonb(prepared)
    )
    return stored


def _create(conn: db.Connection, provider: providers.Provider, payment: PaymentToPrepare) -> PreparedPayment:
    """Let the provider prepare a payment, as soon as its pace allows.

    Raises:
        ProviderBusy: too many buyers wait for the provider. The error says when to come back.
    """
    info, merchant_id = provider.INFO, payment.merchant_id
    try:
        with pace.keep(conn, info, merchant_id, "create", pace.BUYERS_WAIT), calls.understanding(info.name):
            return provider.create(payment)
    except ProviderBusy as busy:
        raise ProviderBusy(retry_after=pace.return_in(conn, info, merchant_id, busy)) from busy
    except calls.UnexpectedAnswer as error:
        raise ProviderUnavailable from error  # without the detail, which is for us


def record_payment_by_hand(conn: db.Connection, order: OrderRow, method: str) -> UUID:
    """Record that the organisation took an order's total itself. The caller's transaction has locked the order.

    Args:
        method: one of `METHODS_BY_HAND`. The organisation also sends refunds of such a payment by hand.

    Returns:
        The payment's id.
    """
    payment_id, incoming_id = new_id(), new_id()
    db.run(
        conn,
        SQL.insert_payment_by_hand,
        id=payment_id,
        incoming_payment_id=incoming_id,
        order_id=order.id,
        provider=method,
        amount=order.total,
        currency=order.currency,
    )
    books.post(conn, incoming_id)
    return payment_id


def mark_order_paid(
    conn: db.Connection, caller: Caller, order_id: UUID, request: PaymentByHandRequest, key: str
) -> OrderView:
    """Mark an order as paid, because the organisation has received its total itself. Runs in autocommit.

    Raises:
        NotFound, Forbidden: the order is not of the caller's organisation, or the role is too low.
        OrderNotPending: the order is paid already, or was cancelled.
        EventCancelled, EventEnded, SellerSuspended: what it is for is no longer for sale.
        OrderExpired: the order's hold has lapsed, and its stock is no longer available.
        NothingToPay: the order is free, and waits for its buyer to confirm it.
        KeyReused: the idempotency key belongs to another request.
    """
    order = orders.find_managed(conn, caller, order_id)
    scope = idempotency.scope_of(caller, order.organisation_id)
    idempotent = IdempotentRequest.of("mark_order_paid", scope, key, request, order_id)
    return idempotency.run_once(
        conn, idempotent, lambda: _mark_paid(conn, caller, order_id, request, idempotent), OrderView.model_validate
    )


def _mark_paid(
    conn: db.Connection, caller: Caller, order_id: UUID, request: PaymentByHandRequest, idempotent: IdempotentRequest
) -> OrderView:
    with conn.transaction():
        order = orders.lock_order(conn, order_id)
        if order.status not in ("pending", "expired"):
            raise OrderNotPending(order_status=order.status)
        if order.total == 0:
            raise NothingToPay
        rules.check_for_sale(_sale_state(conn, order), datetime.now(UTC))
        if order.status == "expired" and not orders.retake_stock(conn, order):
            detail = "The order's hold has lapsed, and its tickets are no longer available."
            raise OrderExpired(detail=detail, expired_at=order.expires_at)
        payment_id = record_payment_by_hand(conn, order, request.method)
        orders.pay(conn, order, reason=rules.reason_by_hand(request), actor=caller.actor)
        orders.close_payments(conn, order.id)
        view = orders.get_order(conn, caller, str(order_id))
        idempotency.store(conn, idempotent, view.model_dump(mode="json"))
        facts = {**request.model_dump(), "payment_id": payment_id, **audit.changes(order, view, only=["status"])}
        orders.record(conn, caller, "mark_order_paid", order, **facts)
    return view


def get_payment(conn: db.Connection, caller: Caller, payment_id: UUID) -> PaymentView:
    """Return a payment to a caller who may see its order.

    Raises:
        NotFound: there is no such payment, or the caller may not see it.
    """
    payment = db.get(conn, PaymentDetails, SQL.get_payment, id=payment_id)
    of_order = (payment.order_id, payment.organisation_id, payment.account_id)
    require_holder(conn, caller, "order", *of_order, ended_tokens=payment.email_changes)
    return PaymentView.model_validate(payment)


def check_merchant(conn: db.Connection, organisation_id: UUID) -> None:
    """Check that an organisation exists, before anybody asks for the account that a webhook names.

    Raises:
        SignatureWrong: it does not, so it has no account that could send webhooks.
    """
    if not db.value(conn, SQL.find_organisation, id=organisation_id):
        raise SignatureWrong


def receive_event(
    conn: db.Connection, provider: str, event: ProviderEvent, merchant_id: UUID = PLATFORM_MERCHANT
) -> WebhookView:
    """Store a verified event of a provider and apply it, in one transaction. A repeat of the event changes nothing.

    If money is returned, its refund is sent after the commit.

    Args:
        merchant_id: whose account at the provider the event comes from.

    Raises:
        Busy: too many buyers at once, so the stock for late money could not be taken. The provider repeats the event.
    """
    merchant_account = {"provider": provider, "merchant_id": merchant_id}
    with conn.transaction():
        if event.order_reference:
            event = _name_payment(conn, event, merchant_account)
        key = {**merchant_account, "event_id": event.id}
        payload = Jsonb(event.payload)
        if not db.run(conn, SQL.store_event, **key, payment_id=event.payment_id, kind=event.kind, payload=payload):
            return WebhookView(event_id=event.id, effect=db.value(conn, SQL.get_effect, **key))
        effect = _apply(conn, event, merchant_account)
        db.run(conn, SQL.set_effect, **key, effect=effect)
        if effect == "unknown_payment" and event.kind == "succeeded":
            _keep_unknown_money(conn, event, merchant_account)
        return WebhookView(event_id=event.id, effect=effect)


def _keep_unknown_money(conn: db.Connection, event: ProviderEvent, merchant_account: dict[str, Any]) -> None:
    """Open a matter for money that names no order or payment that we know. It belongs to whoever has the account."""
    has_amount = not event.order_reference and event.amount > 0
    matter = NewMatter(
        organisation_id=merchant_account["merchant_id"],
        kind="unknown_payment",
        subject=" ".join((merchant_account["provider"], str(merchant_account["merchant_id"]), event.id)),
        reference=event.money_reference or event.id,
        amount=event.amount if has_amount else None,
        currency=event.currency if has_amount else None,
        details=event.payload,
        **merchant_account,
    )
    matters.open_new(conn, matter)
    count("UnknownPayments")


def assign_money(conn: db.Connection, matter: MatterRow, order_reference: str) -> tuple[UUID | None, Effect]:
    """Give money that named no order to one, in the caller's transaction. It pays the order or goes back.

    The money counts as such, even if the order has been paid by the same provider before.

    Args:
        order_reference: the order's id or number. It must be an order of the organisation that has the matter.

    Returns:
        The order, and what the money did. None if there is no such order.
    """
    merchant_account = {"provider": matter.provider, "merchant_id": matter.merchant_id}
    named = ProviderEvent(
        f"matter:{matter.id}", "succeeded", None, 0, "", matter.details, order_reference=order_reference
    )
    event = _name_payment(conn, named, merchant_account)
    if event.payment_id is None:
        return None, "unknown_payment"
    event = replace(event, money_reference=matter.reference or event.id)
    if matter.amount is not None and matter.currency is not None:
        event = replace(event, amount=matter.amount, currency=matter.currency)
    payment = db.exactly_one(conn, PaymentRow, SQL.lock_payment, id=event.payment_id, **merchant_account)
    order = orders.lock_order(conn, payment.order_id)
    return order.id, _receive_money(conn, payment, order, event, merchant_account)


def _name_payment(conn: db.Connection, event: ProviderEvent, merchant_account: dict[str, Any]) -> ProviderEvent:
    """Turn an event that names an order into one that names the order's payment. Open the payment if there is none.

    The new event's id starts with the order's id. So an event of an order has one effect, even if one delivery names
    the order by its id and another by its number.
    """
    reference = parse_reference(event.order_reference)
    order = db.one(
        conn,
        dict,
        SQL.get_named_order,
        **reference,
        merchant_id=merchant_account["merchant_id"],
        platform_merchant=PLATFORM_MERCHANT,
    )
    if order is None:
        return replace(event, id=f"{event.order_reference}:{event.id}")
    payment = {**merchant_account, "order_id": order["id"]}
    db.run(conn, SQL.insert_unannounced_payment, id=new_id(), **payment)
    return replace(
        event,
        id=f"{order['id']}:{event.id}",
        payment_id=db.value(conn, SQL.get_unannounced_payment, **payment),
        amount=order["total"],
        currency=order["currency"],
    )


def _apply(conn: db.Connection, event: ProviderEvent, merchant_account: dict[str, Any]) -> Effect:
    """Do what an event asks for. Return what it changed."""
    if event.kind in ("other", "refund", "reversal"):
        return _note_money_back(conn, event, merchant_account)
    payment = db.one(conn, PaymentRow, SQL.lock_payment, id=event.payment_id, **merchant_account)
    if payment is None:
        logger.warning(
            "event about an unknown payment", extra={"provider": merchant_account["provider"], "event_id": event.id}
        )
        return "unknown_payment"
    order = orders.lock_order(conn, payment.order_id)
    match event.kind:
        case "succeeded":
            return _receive_money(conn, payment, order, event, merchant_account)
        case "processing":
            return _await_money(conn, payment, order, event)
        case _:
            return _note_failure(conn, payment, order, event)


def _receive_money(
    conn: db.Connection, payment: PaymentRow, order: OrderRow, event: ProviderEvent, merchant_account: dict[str, Any]
) -> Effect:
    """Record the money that came. It pays the order or goes back. Money that is recorded already changes nothing."""
    incoming_id = new_id()
    money = {"reference": event.money_reference or str(payment.id), "amount": event.amount, "currency": event.currency}
    if not db.run(
        conn, SQL.insert_incoming_payment, id=incoming_id, payment_id=payment.id, **merchant_account, **money
    ):
        return "ignored"
    # Nothing is locked here. If an event is being cancelled right now, its job refunds the order that this pays.
    for_sale = rules.end_of_sale(_sale_state(conn, order), datetime.now(UTC)) is None
    decision = rules.decide_payment(event, payment, order.status, for_sale=for_sale)
    # Once the hold is over, the money pays the order only if its stock is still available.
    if decision.effect == "paid" and order.status != "pending" and not orders.retake_stock(conn, order):
        decision = rules.TICKETS_GONE
    if decision.effect == "paid":
        db.run(conn, SQL.set_pays_order, id=incoming_id)
        _close_payment(conn, payment.id, "succeeded", final=True)
        orders.pay(conn, order, reason=f"payment {payment.id}")
        orders.close_payments(conn, order.id)
        if event.amount > payment.amount:
            _return_excess(conn, payment, order, event)
    else:
        _return_money(conn, payment, order, event, incoming_id, decision.reason)
    books.post(conn, incoming_id)
    if db.value(conn, SQL.has_waiting_reversal, payment_id=payment.id):
        from boxoffice.payments import reversals

        reversals.receive_waiting(conn, payment, order, merchant_account)
    return decision.effect


def _note_money_back(conn: db.Connection, event: ProviderEvent, merchant_account: dict[str, Any]) -> Effect:
    """Ask about a refund of ours that has changed, or book money that went back without us. Ignore all else."""
    ours = False
    if event.kind == "refund":
        ours = bool(db.run(conn, SQL.ask_about_refund, **merchant_account, reference=event.refund))
    if event.kind == "reversal":
        from boxoffice.payments import reversals  # few events are about that

        # It may be the money of another system at the same account.
        ours = sum(reversals.receive(conn, reversal, **merchant_account) for reversal in event.reversals) > 0
    return "noted" if ours else "ignored"


def _await_money(conn: db.Connection, payment: PaymentRow, order: OrderRow, event: ProviderEvent) -> Effect:
    """Hold the order while money is under way for days, and tell the buyer.

    An order that is over stays over. If the money arrives, it takes stock again or goes back.
    """
    now = datetime.now(UTC)
    if rules.decide_payment(event, payment, order.status).effect == "ignored" or not db.run(
        conn, SQL.set_processing, id=payment.id, ask_at=now + rules.FIRST_WAIT
    ):
        return "ignored"
    if order.status != "pending":
        return "noted"
    orders.set_hold_end(conn, order.id, now + rules.LONGEST_PROCESSING)
    outbox.owe_email(conn, "payment_processing", order.buyer_email, {"order_id": str(order.id)})
    _owe_webhook(conn, "payment.processing", payment, order)
    return "held"


def _note_failure(conn: db.Connection, payment: PaymentRow, order: OrderRow, event: ProviderEvent) -> Effect:
    """Note that a try to pay has failed, or that the payment is cancelled and can bring no money any more.

    If the order was held for money that takes days, its hold is over: the job closes the payment and gives back the
    stock.
    """
    effect = rules.decide_payment(event, payment, order.status).effect
    if effect == "failed":
        _close_payment(conn, payment.id, "failed")
        _owe_webhook(conn, "payment.failed", payment, order)
    if event.kind == "cancelled":
        db.run(conn, SQL.stop_asking, id=payment.id)
    if payment.status == "processing" and order.status in ("pending", "expired", "cancelled"):
        outbox.owe_email(conn, "payment_failed", order.buyer_email, {"order_id": str(order.id)})
        if order.status == "pending" and not orders.find_processing_payment(conn, order.id):
            orders.set_hold_end(conn, order.id, datetime.now(UTC))
            orders.close_payments(conn, order.id)
    return effect


def _return_excess(conn: db.Connection, payment: PaymentRow, order: OrderRow, event: ProviderEvent) -> None:
    """Return what the buyer paid beyond the order's total."""
    excess = event.amount - payment.amount
    refund_id = sending.owe_refund(conn, payment.id, excess, "it was more than the order's total")
    conn.after_commit(sending.send_at_once, refund_id)
    payload = {"order_id": str(order.id), "refund_id": str(refund_id)}
    outbox.owe_email(conn, "excess_returned", order.buyer_email, payload)


def _return_money(
    conn: db.Connection, payment: PaymentRow, order: OrderRow, event: ProviderEvent, incoming_id: UUID, reason: str
) -> None:
    """Return money that pays no order: owe the refund, and an email to the buyer.

    If the amount was wrong, the payment has failed but may still succeed: the right amount may follow.
    """
    if payment.status in ("pending", "processing", "failed") and rules.pays_in_full(event, payment):
        _close_payment(conn, payment.id, "refunded", final=True)
    elif payment.status in ("pending", "processing"):
        _close_payment(conn, payment.id, "failed")
    refund_id = sending.return_incoming_payment(conn, payment.id, incoming_id, event.amount, event.currency, reason)
    conn.after_commit(sending.send_at_once, refund_id)
    payload = {"order_id": str(order.id), "refund_id": str(refund_id)}
    outbox.owe_email(conn, "payment_returned", order.buyer_email, payload)
    _owe_webhook(conn, "payment.returned", replace(payment, amount=event.amount, currency=event.currency), order)


def _owe_webhook(conn: db.Connection, kind: outbox.WebhookType, payment: PaymentRow, order: OrderRow) -> None:
    data = {"payment_id": payment.id, "provider": payment.provider, "order_id": order.id, "number": order.number}
    money = {"amount": payment.amount, "currency": payment.currency, "currency_exponent": exponent(payment.currency)}
    outbox.owe_webhook(conn, order.organisation_id, kind, data | money)


def _close_payment(conn: db.Connection, payment_id: UUID, status: PaymentStatus, *, final: bool = False) -> None:
    """Set how a payment ended. If ``final``, we do not ask its provider about it again."""
    db.run(conn, SQL.close_payment, id=payment_id, status=status, final=final)
