"""Ask providers about payments that stay open, so that a lost webhook loses nothing."""

from collections.abc import Collection
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
    conn: db.Connection, _excluded: Collection[UUID] = (), *, unresponsive: set[str]
) -> list[PaymentInquiry]:
    """Lease a batch of payments that are due, and ask their providers. `apply_answer` must follow for each.

    Runs in autocommit. If the process dies between two steps, the provider is asked again once the lease ends.

    Args:
        _excluded: payments to leave out. Their leases do that already.
        unresponsive: accounts to leave out, since they did not answer. Accounts that do not answer now are added.
    """
    now = datetime.now(UTC)

    def ask(payment: OpenPayment) -> ProviderEvent | None:
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
    return [PaymentInquiry(payment, answer) for payment, answer in zip(due, answers, strict=True)]


def apply_answer(conn: db.Connection, inquiry: PaymentInquiry) -> int:
    """Apply a provider's answer as if its webhook had reported it, and set when to ask again.

    If the order's hold has lapsed and the order waited only for this answer, it expires now, not in a minute.

    Returns:
        1, since one payment was asked about, even if the provider did not answer.
    """
    payment, answer, now = inquiry.payment, inquiry.answer, datetime.now(UTC)
    try:
        if isinstance(answer, ProviderEvent):
            service.receive_event(conn, payment.provider, answer, payment.merchant_id)
    except Busy as error:
        answer = error
    if isinstance(answer, DomainError):
        logger.warning("payment not asked about", extra={"payment": str(payment.id), "error": answer.detail})
    answered = not isinstance(answer, DomainError)
    if_open = rules.next_ask_at(payment, now, closed=False, answered=answered)
    if_closed = rules.next_ask_at(payment, now, closed=True, answered=answered)
    db.run(conn, SQL.ask_later, id=payment.id, if_open=if_open, if_closed=if_closed)
    if rules.should_close(payment, now):
        orders.expire_orders(conn, [payment.order_id])
    return 1
