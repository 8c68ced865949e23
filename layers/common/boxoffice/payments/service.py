"""Use cases of payments: how one is started, and what money does that comes for it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from boxoffice import audit, db, idempotency, outbox, sql
from boxoffice.auth import Caller, require_order
from boxoffice.idempotency import Once
from boxoffice.ids import new_id
from boxoffice.observability import logger
from boxoffice.orders import service as orders
from boxoffice.orders.errors import OrderNotPending
from boxoffice.orders.models import OrderRow, OrderView
from boxoffice.orders.rules import reference_of
from boxoffice.payments import providers, rules, sending
from boxoffice.payments.errors import OrderExpired, PaymentRefused
from boxoffice.payments.merchants import merchant_of
from boxoffice.payments.models import (
    PLATFORM,
    Bill,
    Effect,
    PaymentByHandRequest,
    PaymentDetails,
    PaymentRequest,
    PaymentRow,
    PaymentStatus,
    PaymentView,
    ProviderEvent,
    StartedPayment,
    WebhookView,
)
from boxoffice.payments.sending import owe_refund, send_refunds

__all__ = [
    "get_payment",
    "mark_order_paid",
    "owe_refund",
    "read_webhook",
    "receive_event",
    "record_payment_by_hand",
    "send_refunds",
    "start_payment",
    "take_event",
]

SQL = sql.queries("payments")


def start_payment(
    conn: db.Connection, caller: Caller, order_id: UUID, request: PaymentRequest, key: str
) -> StartedPayment:
    """Open a payment and prepare it at its provider.

    Runs in autocommit, with two short transactions around the call to the provider. Should it be cut off between them,
    a repeat with the same key goes on with the same payment.

    Raises:
        NotFound: there is no such order, or it is not the caller's to pay.
        OrderExpired, OrderNotPending: it cannot be paid (any more).
        ProviderNotEnabled: the deployment does not use this provider.
        PaymentRefused: the provider does not take such a payment.
        ProviderUnavailable: the provider does not answer; a repeat goes on.
        KeyReused: the idempotency key belongs to another request.
    """
    order = orders.find_order(conn, caller, order_id)
    provider = providers.enabled(request.provider)
    once = idempotency.once("start_payment", str(order_id), key, request)
    answer = idempotency.perform(conn, once, lambda: _open(conn, order, request, once), lambda stored: stored)
    if "url" not in answer:
        rules.check_payable(order, datetime.now(UTC))
        answer = _prepare(conn, provider, answer, once)
    return StartedPayment(**answer)


def _open(conn: db.Connection, found: OrderRow, request: PaymentRequest, once: Once) -> dict[str, Any]:
    merchant_id = merchant_of(found.organisation_id, request.provider)
    with conn.transaction():
        order = orders.lock_order(conn, found.id)
        now = datetime.now(UTC)
        rules.check_payable(order, now)
        payment = db.one(
            conn,
            PaymentRow,
            SQL.insert_payment,
            id=new_id(),
            order_id=order.id,
            provider=request.provider,
            merchant_id=merchant_id,
            amount=order.total,
            currency=order.currency,
            ask_at=rules.first_ask(order.expires_at, now),
        )
        answer = PaymentView.model_validate(payment).model_dump(mode="json")
        idempotency.store(conn, once, answer)
    return answer


def _prepare(conn: db.Connection, provider: providers.Provider, payment: dict[str, Any], once: Once) -> dict[str, Any]:
    """Call the provider, and store what the client needs with the answer."""
    bill = db.many(conn, Bill, SQL.get_bill, id=payment["id"])[0]
    try:
        started = provider.create(bill)
    except PaymentRefused:
        with conn.transaction():
            _settle(conn, bill.id, "failed", last=True)
        raise
    answer = {
        **payment,
        "url": started.url,
        "client_secret": started.client_secret,
        "publishable_key": started.publishable_key,
    }
    with conn.transaction():
        ask_at = rules.first_ask(bill.expires_at, datetime.now(UTC))
        db.run(conn, SQL.set_prepared, id=bill.id, reference=started.reference, ask_at=ask_at)
        idempotency.complete(conn, once, answer)
    return answer


def record_payment_by_hand(conn: db.Connection, order: OrderRow, method: str) -> UUID:
    """Write down that the organisation took an order's total itself; the transaction has locked the order and pays it.

    Args:
        method: one of `providers.BY_HAND`. Refunds of such a payment are the organisation's to hand out, too.
    """
    payment_id = new_id()
    db.run(
        conn,
        SQL.insert_payment_by_hand,
        id=payment_id,
        receipt_id=new_id(),
        order_id=order.id,
        provider=method,
        amount=order.total,
        currency=order.currency,
    )
    return payment_id


def mark_order_paid(
    conn: db.Connection, caller: Caller, order_id: UUID, request: PaymentByHandRequest, key: str
) -> OrderView:
    """Take an order for paid because the organisation has got its total itself. Runs in autocommit.

    Raises:
        NotFound, Forbidden: the order is not of the caller's organisation, or the role is too low.
        OrderNotPending: it is paid already, or was cancelled.
        OrderExpired: its hold has lapsed, and its tickets are gone or the event is off.
        KeyReused: the idempotency key belongs to another request.
    """
    orders.find_managed(conn, caller, order_id)
    once = idempotency.once("mark_order_paid", str(order_id), key, request)
    return idempotency.perform(
        conn, once, lambda: _mark_paid(conn, caller, order_id, request, once), OrderView.model_validate
    )


def _mark_paid(
    conn: db.Connection, caller: Caller, order_id: UUID, request: PaymentByHandRequest, once: Once
) -> OrderView:
    with conn.transaction():
        order = orders.lock_order(conn, order_id)
        if order.status not in ("pending", "expired"):
            raise OrderNotPending
        if order.status == "expired" and not orders.hold_again(conn, order):
            raise OrderExpired("The order's hold has lapsed, and what it held cannot be had again.")
        payment_id = record_payment_by_hand(conn, order, request.method)
        orders.pay(conn, order, reason=rules.reason_by_hand(request), actor=caller.account)
        view = orders.get_order(conn, caller, str(order_id))
        idempotency.store(conn, once, view.model_dump(mode="json"))
        facts = {**request.model_dump(), "payment_id": str(payment_id)}
        subject = f"order {order.id}"
        audit.record(
            conn, "mark_order_paid", subject, actor=caller.account, organisation=order.organisation_id, **facts
        )
    return view


def get_payment(conn: db.Connection, caller: Caller, payment_id: UUID) -> PaymentView:
    """A payment, for whoever may see its order.

    Raises:
        NotFound: there is none, or the caller may not see it.
    """
    payment = db.get(conn, PaymentDetails, SQL.get_payment, id=payment_id)
    require_order(conn, caller, payment.order_id, payment.organisation_id, payment.account_id)
    return PaymentView.model_validate(payment)


def read_webhook(provider: str, merchant_id: UUID | None, body: bytes, signature: str | None) -> ProviderEvent:
    """What a webhook says, once its sender is verified. Comes before any connection to the database.

    Args:
        merchant_id: the organisation to whose own account at the provider it belongs, if it does to any.

    Raises:
        ProviderNotEnabled: the deployment does not use this provider.
        SignatureWrong, Malformed: it is not the provider's, or cannot be read.
        ProviderUnavailable: the provider must confirm it and does not answer.
    """
    module = providers.enabled(provider)
    merchant = merchant_id or PLATFORM
    module.verify(merchant, body, signature, datetime.now(UTC))
    return module.parse(merchant, body)


def take_event(
    conn: db.Connection, provider: str, event: ProviderEvent, merchant_id: UUID | None = None
) -> WebhookView:
    """Store and apply a verified event, in one transaction; what it makes us owe is sent right after the commit.

    Raises:
        Busy: see `receive_event`.
    """
    merchant = merchant_id or PLATFORM
    with conn.transaction():
        told = _billed(conn, event, merchant) if provider == "generic" else event
        return receive_event(conn, provider, told, merchant)


def _billed(conn: db.Connection, event: ProviderEvent, merchant_id: UUID) -> ProviderEvent:
    """The event of a generic provider, which names an order and its state, as one about the order's payment.

    The payment is opened with the first such event. Order and state make the event's id, so that each happens once.
    """
    account = {"merchant_id": merchant_id, "platform": PLATFORM}
    order = db.one(conn, dict, SQL.get_billed_order, **reference_of(event.id), **account)
    status = event.payload["status"]
    if order is None:
        return replace(event, id=f"{event.id}:{status}")
    db.run(conn, SQL.insert_generic_payment, id=new_id(), order_id=order["id"], merchant_id=merchant_id)
    return replace(
        event,
        id=f"{order['id']}:{status}",
        payment_id=db.value(conn, SQL.get_generic_payment, order_id=order["id"]),
        amount=order["total"],
        currency=order["currency"],
    )


def receive_event(
    conn: db.Connection, provider: str, event: ProviderEvent, merchant_id: UUID = PLATFORM
) -> WebhookView:
    """Store a verified event of a provider and apply it, in one transaction, once.

    Raises:
        Busy: so many are buying that the stock for a late payment could not be settled; the provider will repeat it.
    """
    name = {"provider": provider, "merchant_id": merchant_id, "event_id": event.id}
    payload = Jsonb(event.payload)
    new = db.run(conn, SQL.store_event, **name, payment_id=event.payment_id, kind=event.kind, payload=payload)
    if not new:
        return WebhookView(event_id=event.id, effect=db.value(conn, SQL.get_effect, **name))
    effect = _apply(conn, provider, merchant_id, event)
    db.run(conn, SQL.set_effect, **name, effect=effect)
    return WebhookView(event_id=event.id, effect=effect)


def _apply(conn: db.Connection, provider: str, merchant_id: UUID, event: ProviderEvent) -> Effect:
    account = {"provider": provider, "merchant_id": merchant_id}
    if event.kind == "other":
        return "ignored"
    if event.kind == "refund":
        return "noted" if db.run(conn, SQL.ask_about_refund, **account, reference=event.refund) else "ignored"
    payment = db.one(conn, PaymentRow, SQL.lock_payment, id=event.payment_id, **account)
    if payment is None:
        logger.warning("event about an unknown payment", extra={"provider": provider, "event_id": event.id})
        return "unknown_payment"
    order = orders.lock_order(conn, payment.order_id)
    if event.kind == "succeeded":
        return _take_money(conn, payment, order, event, account)
    effect = rules.verdict_on(event, payment, order.status).effect
    if effect == "failed":
        _settle(conn, payment.id, "failed")
    if event.kind == "cancelled":
        db.run(conn, SQL.stop_asking, id=payment.id)
    return effect


def _take_money(
    conn: db.Connection, payment: PaymentRow, order: OrderRow, event: ProviderEvent, account: dict[str, Any]
) -> Effect:
    """Money came. Unless it is known already, it pays the order or goes back."""
    receipt_id = new_id()
    money = {"reference": event.money or str(payment.id), "amount": event.amount, "currency": event.currency}
    if not db.run(conn, SQL.insert_receipt, id=receipt_id, payment_id=payment.id, **account, **money):
        return "ignored"
    verdict = rules.verdict_on(event, payment, order.status)
    # If the hold is over, only if there is stock again.
    if verdict.effect == "paid" and order.status != "pending" and not orders.hold_again(conn, order):
        verdict = rules.TICKETS_GONE
    if verdict.effect == "paid":
        db.run(conn, SQL.keep_receipt, id=receipt_id)
        _settle(conn, payment.id, "succeeded", last=True)
        orders.pay(conn, order, reason=f"payment {payment.id}")
    else:
        _return(conn, payment, order, event, receipt_id, verdict.reason)
    return verdict.effect


def _return(
    conn: db.Connection, payment: PaymentRow, order: OrderRow, event: ProviderEvent, receipt_id: UUID, reason: str
) -> None:
    """Give back what came, and tell the buyer.

    The wrong amount leaves a payment open to be made with the right one: it has failed so far.
    """
    if payment.status in ("pending", "failed") and rules.is_right(event, payment):
        _settle(conn, payment.id, "refunded", last=True)
    elif payment.status == "pending":
        _settle(conn, payment.id, "failed")
    refund_id = sending.return_receipt(conn, payment.id, receipt_id, event.amount, event.currency, reason)
    conn.after_commit(sending.send_at_once, refund_id)
    payload = {"order_id": str(order.id), "payment_id": str(payment.id)}
    outbox.owe_email(conn, "payment_returned", order.buyer_email, payload)


def _settle(conn: db.Connection, payment_id: UUID, status: PaymentStatus, *, last: bool = False) -> None:
    """Set how a payment stands; ``last`` if the provider need not be asked about it again."""
    db.run(conn, SQL.settle_payment, id=payment_id, status=status, last=last)
