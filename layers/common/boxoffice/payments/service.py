"""Use cases of payments."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from boxoffice import db, idempotency, outbox, sql
from boxoffice.auth import Caller, require_order
from boxoffice.errors import NotFound
from boxoffice.idempotency import Once
from boxoffice.ids import new_id
from boxoffice.observability import logger
from boxoffice.orders import service as orders
from boxoffice.orders.models import OrderRow
from boxoffice.payments import providers, rules
from boxoffice.payments.models import (
    Effect,
    PaymentDetails,
    PaymentRequest,
    PaymentRow,
    PaymentStatus,
    PaymentView,
    ProviderEvent,
    StartedPayment,
    WebhookView,
)

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
        KeyReused: the idempotency key belongs to another request.
    """
    orders.find_order(conn, caller, order_id)
    provider = providers.enabled(request.provider)
    once = idempotency.once("start_payment", str(order_id), key, request)
    answer = idempotency.perform(conn, once, lambda: _open(conn, order_id, request, once), lambda stored: stored)
    if "url" not in answer:
        payment = PaymentView(**answer)
        started = provider.create(payment)
        answer = {**answer, "url": started.url}
        with conn.transaction():
            db.run(conn, SQL.set_reference, id=payment.id, reference=started.reference)
            idempotency.complete(conn, once, answer)
    return StartedPayment(**answer)


def _open(conn: db.Connection, order_id: UUID, request: PaymentRequest, once: Once) -> dict[str, Any]:
    with conn.transaction():
        order = orders.lock_order(conn, order_id)
        rules.check_payable(order, datetime.now(UTC))
        payment = db.one(
            conn,
            PaymentRow,
            SQL.insert_payment,
            id=new_id(),
            order_id=order.id,
            provider=request.provider,
            amount=order.total,
            currency=order.currency,
        )
        answer = PaymentView.model_validate(payment).model_dump(mode="json")
        idempotency.store(conn, once, answer)
    return answer


def get_payment(conn: db.Connection, caller: Caller, payment_id: UUID) -> PaymentView:
    """A payment, for whoever may see its order.

    Raises:
        NotFound: there is none, or the caller may not see it.
    """
    payment = db.one(conn, PaymentDetails, SQL.get_payment, id=payment_id)
    if payment is None:
        raise NotFound
    require_order(conn, caller, payment.order_id, payment.organisation_id, payment.account_id)
    return PaymentView.model_validate(payment)


def receive_event(conn: db.Connection, provider: str, event: ProviderEvent) -> WebhookView:
    """Store a verified event of a provider and apply it, in one transaction, once.

    Raises:
        Busy: so many are buying that the stock for a late payment could not be settled; the provider will repeat it.
    """
    name = {"provider": provider, "event_id": event.id}
    payload = Jsonb(event.payload)
    new = db.run(conn, SQL.store_event, **name, payment_id=event.payment_id, kind=event.kind, payload=payload)
    if not new:
        return WebhookView(event_id=event.id, effect=db.value(conn, SQL.get_effect, **name))
    effect = _apply(conn, provider, event)
    db.run(conn, SQL.set_effect, **name, effect=effect)
    return WebhookView(event_id=event.id, effect=effect)


def _apply(conn: db.Connection, provider: str, event: ProviderEvent) -> Effect:
    payment = db.one(conn, PaymentRow, SQL.lock_payment, id=event.payment_id, provider=provider)
    if payment is None:
        logger.warning("event about an unknown payment", extra={"provider": provider, "event_id": event.id})
        return "unknown_payment"
    order = orders.lock_order(conn, payment.order_id)
    verdict = rules.verdict_on(event, payment, order.status)
    match verdict.effect:
        case "paid":
            return _pay(conn, payment, order, event)
        case "failed":
            _settle(conn, payment, "failed")
        case "returned":
            _return(conn, payment, order, event, verdict.reason)
    return verdict.effect


def _pay(conn: db.Connection, payment: PaymentRow, order: OrderRow, event: ProviderEvent) -> Effect:
    """Buy what the order is for. If its hold is over, only if there is stock again."""
    if order.status != "pending" and not orders.hold_again(conn, order):
        _return(conn, payment, order, event, "the order was over and its tickets were gone")
        return "returned"
    _settle(conn, payment, "succeeded")
    orders.pay(conn, order, reason=f"payment {payment.id}")
    return "paid"


def _return(conn: db.Connection, payment: PaymentRow, order: OrderRow, event: ProviderEvent, reason: str) -> None:
    """Give back what came, and tell the buyer.

    The wrong amount leaves a payment open to be made with the right one: it has failed so far.
    """
    if (event.amount, event.currency) == (payment.amount, payment.currency):
        _settle(conn, payment, "refunded")
    elif payment.status == "pending":
        _settle(conn, payment, "failed")
    db.run(
        conn,
        SQL.insert_refund,
        id=new_id(),
        payment_id=payment.id,
        amount=event.amount,
        currency=event.currency,
        reason=reason,
    )
    payload = {"order_id": str(order.id), "payment_id": str(payment.id)}
    outbox.owe_email(conn, "payment_returned", order.buyer_email, payload)


def _settle(conn: db.Connection, payment: PaymentRow, status: PaymentStatus) -> None:
    db.run(conn, SQL.settle_payment, id=payment.id, status=status)
