"""Ask providers about payments that stay open, so that a lost webhook loses nothing."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from boxoffice import db, sql
from boxoffice.errors import Busy, DomainError
from boxoffice.observability import logger
from boxoffice.orders import service as orders
from boxoffice.payments import calls, pace, providers, rules, service
from boxoffice.payments.models import OpenPayment, PaymentInquiry, ProviderEvent

SQL = sql.queries("payments")

_BATCH = 20


def ask_providers(
    conn: db.Connection, _leave_out: Collection[UUID] = (), *, unresponsive: set[str]
) -> list[PaymentInquiry]:
    """Lease a batch of payments that are due, and ask their providers. `apply_answer` must follow for each.

    Runs in autocommit. If the process dies between two steps, the provider is asked again once the lease ends.

    Args:
        _leave_out: payments to leave out. Their leases do that already.
        unresponsive: accounts to leave out, since they did not answer. Accounts that do not answer now are added.
    """
    now = datetime.now(UTC)

    def ask(payment: OpenPayment) -> Sequence[ProviderEvent]:
        if payment.reference is None:
            return ()  # no provider knows it yet, or its answer has not reached us
        return providers.load(payment.provider).fetch(payment, close=rules.should_close(payment, now))

    due = db.many(
        conn,
        OpenPayment,
        SQL.take_payments_to_ask,
        now=now,
        lease_end=rules.lease_end(now),
        unresponsive_accounts=list(unresponsive),
        batch=_BATCH,
    )
    answers = calls.call_concurrently(ask, due, pace.take_turns_for(conn, due, "fetch"))
    pace.slow_down_for(conn, due, answers, "fetch")
    unresponsive |= calls.unresponsive_accounts(due, answers)
    return [PaymentInquiry(payment, now, answer) for payment, answer in zip(due, answers, strict=True)]


def apply_answer(conn: db.Connection, inquiry: PaymentInquiry) -> int:
    """Apply a provider's answer as if its webhook had reported it, and set when to ask again.

    If the order's hold has lapsed and the order waited only for this answer, it expires now, not in a minute.

    Returns:
        1, since one payment was asked about, even if the provider did not answer.
    """
    payment, answer, now = inquiry.payment, inquiry.answer, datetime.now(UTC)
    is_over = rules.should_close(payment, inquiry.asked_at)
    try:
        if not isinstance(answer, DomainError):
            for event in answer:
                service.receive_event(conn, payment.provider, _as_news(event, payment), payment.merchant_id)
    except Busy as error:
        answer = error
    if isinstance(answer, DomainError):
        logger.warning("payment not asked about", extra={"payment": str(payment.id), "error": answer.detail})
    elif is_over and payment.reference is None:
        db.run(conn, SQL.close_unprepared, id=payment.id)
    elif is_over and rules.brought_no_money(answer):
        db.run(conn, SQL.set_unpaid, id=payment.id, asked_at=inquiry.asked_at)
    answered = not isinstance(answer, DomainError)
    if_open = rules.next_ask_at(payment, now, closed=False, answered=answered)
    if_closed = rules.next_ask_at(payment, now, closed=True, answered=answered)
    leased_until = payment.leased_until
    db.run(conn, SQL.ask_later, id=payment.id, leased_until=leased_until, if_open=if_open, if_closed=if_closed)
    if is_over:
        orders.expire_orders(conn, [payment.order_id])
    return 1


def _as_news(event: ProviderEvent, payment: OpenPayment) -> ProviderEvent:
    """Return the event that an answer about a payment is to count as.

    While money is under way, the answer is news even if we had heard the same before. A webhook about a try may come
    after we have heard that the try failed.
    """
    return replace(event, id=f"processing:{event.id}") if payment.status == "processing" else event
