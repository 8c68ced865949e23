"""Asking providers about payments that they should have told us of by now, so that a lost webhook loses nothing."""

from collections.abc import Sequence
from datetime import UTC, datetime

from boxoffice import db, sql
from boxoffice.errors import Busy, DomainError
from boxoffice.observability import logger
from boxoffice.payments import calls, providers, rules, service
from boxoffice.payments.models import OpenPayment, ProviderEvent

SQL = sql.queries("payments")

_BATCH = 20


def ask_providers(conn: db.Connection, now: datetime, silent: set[str]) -> int:
    """Take a batch of payments that are due, ask about them and apply what is told; how many were asked about.

    Runs in autocommit. To die between any two steps costs the lease: the provider is asked again.

    Args:
        silent: accounts that did not answer, which are left out; those that do not answer now are added.
    """
    lease = {"now": now, "leased_until": rules.leased_until(now)}
    due = db.many(conn, OpenPayment, SQL.take_payments_to_ask, **lease, unresponsive_accounts=[*silent], batch=_BATCH)
    for bill, answer in zip(due, _ask(due, now, silent), strict=True):
        _apply(conn, bill, answer)
    return len(due)


def _ask(due: Sequence[OpenPayment], now: datetime, silent: set[str]) -> list[ProviderEvent | DomainError | None]:
    def ask(bill: OpenPayment) -> ProviderEvent | None:
        return providers.known(bill.provider).fetch(bill, close=rules.is_over(bill, now))

    answers = calls.call_concurrently(ask, due)
    silent |= calls.unresponsive_accounts(due, answers)
    return answers


def _apply(conn: db.Connection, bill: OpenPayment, answer: ProviderEvent | DomainError | None) -> None:
    """Take what a provider has told as if its webhook had, and settle when to ask again."""
    try:
        if isinstance(answer, ProviderEvent):
            service.take_event(conn, bill.provider, answer, bill.merchant_id)
    except Busy as error:
        answer = error
    if isinstance(answer, DomainError):
        logger.warning("payment not asked about", extra={"payment": str(bill.id), "error": answer.detail})
    now, answered = datetime.now(UTC), not isinstance(answer, DomainError)
    if_open, if_closed = (rules.next_ask(bill, now, closed=closed, answered=answered) for closed in (False, True))
    db.run(conn, SQL.ask_later, id=bill.id, if_open=if_open, if_closed=if_closed)
