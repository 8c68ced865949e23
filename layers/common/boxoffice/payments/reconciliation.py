"""Asking providers about payments that they should have told us of by now, so that a lost webhook loses nothing."""

from collections.abc import Collection
from datetime import UTC, datetime
from uuid import UUID

from boxoffice import db, sql
from boxoffice.errors import Busy, DomainError
from boxoffice.observability import logger
from boxoffice.orders import service as orders
from boxoffice.payments import calls, providers, rules, service
from boxoffice.payments.models import AskedPayment, OpenPayment, ProviderEvent

SQL = sql.queries("payments")

_BATCH = 20


def ask_providers(conn: db.Connection, _left: Collection[UUID] = (), *, unresponsive: set[str]) -> list[AskedPayment]:
    """Lease a batch of payments that are due and ask about them. `apply_answer` must follow for each.

    Runs in autocommit. To die between any two steps costs the lease: the provider is asked again.

    Args:
        _left: payments to leave out; their leases do that already.
        unresponsive: accounts that did not answer, which are left out; those that do not answer now are added.
    """
    now = datetime.now(UTC)

    def ask(payment: OpenPayment) -> ProviderEvent | None:
        return providers.load(payment.provider).fetch(payment, close=rules.is_over(payment, now))

    lease = {"now": now, "leased_until": rules.leased_until(now)}
    left_out = {"unresponsive_accounts": list(unresponsive)}
    due = db.many(conn, OpenPayment, SQL.take_payments_to_ask, **lease, **left_out, batch=_BATCH)
    answers = calls.call_concurrently(ask, due)
    unresponsive |= calls.unresponsive_accounts(due, answers)
    return [AskedPayment(payment, answer) for payment, answer in zip(due, answers, strict=True)]


def apply_answer(conn: db.Connection, asked: AskedPayment) -> int:
    """Take what a provider has answered as if its webhook had told it, and settle when to ask again.

    An order that waited for this answer beyond its hold gives its stock back now, not in a minute.

    Returns:
        1: the payment was asked about, even if the provider did not answer.
    """
    payment, answer, now = asked.payment, asked.answer, datetime.now(UTC)
    try:
        if isinstance(answer, ProviderEvent):
            service.receive_event(conn, payment.provider, answer, payment.merchant_id)
    except Busy as error:
        answer = error
    if isinstance(answer, DomainError):
        logger.warning("payment not asked about", extra={"payment": str(payment.id), "error": answer.detail})
    answered = not isinstance(answer, DomainError)
    if_open, if_closed = (rules.next_ask(payment, now, closed=closed, answered=answered) for closed in (False, True))
    db.run(conn, SQL.ask_later, id=payment.id, if_open=if_open, if_closed=if_closed)
    if rules.is_over(payment, now):
        orders.expire_orders(conn, [payment.order_id])
    return 1
