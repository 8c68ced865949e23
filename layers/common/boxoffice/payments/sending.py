"""Owe refunds, and send them to providers.

The transaction that decides a refund owes it. It is sent after the commit, outside of any transaction. An endpoint
sends one refund right after its commit, by `send_at_once`. The job `reconcile_payments` sends all others, and tries
again those that failed. A refund's key is the idempotency key at the provider, so to send it twice has one effect.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from uuid import UUID

from boxoffice import db, sql
from boxoffice.ids import new_id
from boxoffice.observability import count, logger
from boxoffice.payments import calls, pace, providers, rules
from boxoffice.payments.errors import RefundTooLarge
from boxoffice.payments.models import METHODS_BY_HAND, DueRefund, PaymentsBacklog, RefundAttempt, RefundState

SQL = sql.queries("payments")

_BATCH = 20


def owe_refund(conn: db.Connection, payment_id: UUID, amount: int, reason: str) -> UUID:
    """Owe a refund of a payment that has paid its order. The caller's transaction has locked the order.

    The job `reconcile_payments` sends it. To send it right after the commit, register `send_at_once`.

    Args:
        amount: in the minor unit.

    Returns:
        The refund's id.

    Raises:
        RefundTooLarge: the amount is more than what is left of the payment, or the payment has not paid an order.
    """
    incoming = db.one(conn, dict, SQL.take_from_incoming_payment, payment_id=payment_id, amount=amount)
    if incoming is None:
        raise RefundTooLarge
    return _owe(conn, payment_id, incoming["id"], amount, incoming["currency"], reason)


def return_incoming_payment(
    conn: db.Connection, payment_id: UUID, incoming_id: UUID, amount: int, currency: str, reason: str
) -> UUID:
    """Owe a refund of all of an incoming payment, since it pays no order. Return the refund's id."""
    db.run(conn, SQL.return_incoming_payment, id=incoming_id)
    return _owe(conn, payment_id, incoming_id, amount, currency, reason)


def _owe(conn: db.Connection, payment_id: UUID, incoming_id: UUID, amount: int, currency: str, reason: str) -> UUID:
    refund_id = new_id()
    db.run(
        conn,
        SQL.insert_refund,
        id=refund_id,
        payment_id=payment_id,
        incoming_payment_id=incoming_id,
        amount=amount,
        currency=currency,
        reason=reason,
    )
    return refund_id


def send_at_once(conn: db.Connection, refund_ids: Sequence[UUID]) -> None:
    """Send the refund that was owed last. Send only one, since a caller waits for the answer."""
    send_refunds(conn, ids=refund_ids[-1:])


def send_refunds(conn: db.Connection, *, ids: Sequence[UUID] | None = None) -> int:
    """Send refunds that are due, and store the outcome of each. Runs in autocommit.

    If the process dies between two steps, the refund is tried again under the same key once its lease ends.

    Args:
        ids: send only these refunds. None sends a batch of all that are due.

    Returns:
        How many refunds were tried.
    """
    attempts = try_refunds(conn, ids=ids)
    for attempt in attempts:
        record_outcome(conn, attempt)
    return len(attempts)


def try_refunds(
    conn: db.Connection,
    _excluded: Collection[UUID] = (),
    *,
    ids: Sequence[UUID] | None = None,
    unresponsive: set[str] | None = None,
) -> list[RefundAttempt]:
    """Lease refunds that are due, and send them to their providers. `record_outcome` must follow for each.

    Args:
        _excluded: refunds to leave out. Their leases do that already.
        ids: send only these refunds. None sends a batch of all that are due.
        unresponsive: accounts to leave out, since they did not answer. Accounts that do not answer now are added.
    """
    now = datetime.now(UTC)
    unresponsive = set() if unresponsive is None else unresponsive
    lease = {"now": now, "lease_end": rules.lease_end(now)}
    if ids is None:
        accounts = list(unresponsive)
        due = db.many(conn, DueRefund, SQL.take_due_refunds, **lease, unresponsive_accounts=accounts, batch=_BATCH)
    else:
        due = db.many(conn, DueRefund, SQL.take_refunds, **lease, ids=list(ids))
    answers = calls.call_concurrently(_send, due, pace.take_turns_for(conn, due, "refund"))
    pace.slow_down_for(conn, due, answers, "refund")
    unresponsive |= calls.unresponsive_accounts(due, answers)
    return [RefundAttempt(refund, answer) for refund, answer in zip(due, answers, strict=True)]


def _send(refund: DueRefund) -> RefundState:
    if refund.provider in METHODS_BY_HAND:
        return RefundState("succeeded")
    return providers.load(refund.provider).refund(refund)


def record_outcome(conn: db.Connection, attempt: RefundAttempt) -> int:
    """Store the outcome of an attempt. Commit it at once, since the provider has sent the money or not.

    Returns:
        1, since one refund was tried, even if the provider did not make it.
    """
    refund, outcome = attempt.refund, rules.outcome_of(attempt.refund, attempt.answer, datetime.now(UTC))
    db.run(
        conn,
        SQL.set_refund,
        id=refund.id,
        attempts=refund.attempts,
        status=outcome.status,
        due_at=outcome.due_at,
        reference=outcome.reference,
        error=outcome.error,
        new_failures=outcome.new_failures,
    )
    if outcome.error is not None:
        facts = {"refund": str(refund.id), "provider": refund.provider, "error": outcome.error}
        logger.error("refund not made", extra={**facts, "attempts": refund.attempts, "again_at": str(outcome.due_at)})
        count("RefundsNotMade")
    return 1


def get_payments_backlog(conn: db.Connection) -> PaymentsBacklog:
    """Return how many payments and refunds are open at providers, and the age of the oldest refund in seconds."""
    return db.exactly_one(conn, PaymentsBacklog, SQL.get_payments_backlog)
