"""Refunds: owed in the transaction that decides them, sent afterwards, outside of any.

An endpoint sends one right after the commit, by `send_at_once`. The job `reconcile_payments` sends all others, and
tries again what failed. A refund's key is the provider's idempotency key, so that to send it again changes nothing.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from uuid import UUID

from boxoffice import db, sql
from boxoffice.ids import new_id
from boxoffice.observability import count, logger
from boxoffice.payments import calls, providers, rules
from boxoffice.payments.errors import RefundTooLarge
from boxoffice.payments.models import METHODS_BY_HAND, Backlog, DueRefund, RefundState, TriedRefund

SQL = sql.queries("payments")

_BATCH = 20


def owe_refund(conn: db.Connection, payment_id: UUID, amount: int, reason: str) -> UUID:
    """Owe a refund of a payment that has paid its order, in the transaction that has locked the order.

    The job of every minute sends it. Register `send_at_once` to send it right after the commit.

    Returns:
        The refund's id.

    Raises:
        RefundTooLarge: so much is not left of the payment, or it has not paid anything.
    """
    receipt = db.one(conn, dict, SQL.take_from_incoming_payment, payment_id=payment_id, amount=amount)
    if receipt is None:
        raise RefundTooLarge
    return _owe(conn, payment_id, receipt["id"], amount, receipt["currency"], reason)


def return_incoming_payment(
    conn: db.Connection, payment_id: UUID, incoming_id: UUID, amount: int, currency: str, reason: str
) -> UUID:
    """Owe all of what came back to whoever paid it, since it pays no order."""
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
    """Send what was owed last, after its commit: somebody waits for an answer, so one refund and no more."""
    send_refunds(conn, ids=refund_ids[-1:])


def send_refunds(conn: db.Connection, *, ids: Sequence[UUID] | None = None) -> int:
    """Send refunds that are due and write down how each ended; answers how many were tried. Runs in autocommit.

    To die between any two steps costs the lease: the refund is tried again, under the same key.

    Args:
        ids: only these; a batch of all that are due, if not given.
    """
    tried = try_refunds(conn, ids=ids)
    for each in tried:
        record_outcome(conn, each)
    return len(tried)


def try_refunds(
    conn: db.Connection,
    _left: Collection[UUID] = (),
    *,
    ids: Sequence[UUID] | None = None,
    unresponsive: set[str] | None = None,
) -> list[TriedRefund]:
    """Lease refunds that are due and ask their providers for them. `record_outcome` must follow for each.

    Args:
        _left: refunds to leave out; their leases do that already.
        ids: only these; a batch of all that are due, if not given.
        unresponsive: accounts that did not answer, which are left out; those that do not answer now are added.
    """
    now = datetime.now(UTC)
    unresponsive = set() if unresponsive is None else unresponsive
    lease = {"now": now, "leased_until": rules.leased_until(now)}
    if ids is None:
        left_out = {"unresponsive_accounts": list(unresponsive)}
        due = db.many(conn, DueRefund, SQL.take_due_refunds, **lease, **left_out, batch=_BATCH)
    else:
        due = db.many(conn, DueRefund, SQL.take_refunds, **lease, ids=list(ids))
    answers = calls.call_concurrently(_send, due)
    unresponsive |= calls.unresponsive_accounts(due, answers)
    return [TriedRefund(refund, answer) for refund, answer in zip(due, answers, strict=True)]


def _send(refund: DueRefund) -> RefundState:
    if refund.provider in METHODS_BY_HAND:
        return RefundState("succeeded")
    return providers.load(refund.provider).refund(refund)


def record_outcome(conn: db.Connection, tried: TriedRefund) -> int:
    """Write down how an attempt ended. Commit it alone: the money has moved or not, whatever comes next.

    Returns:
        1: the refund was tried, even if it was not made.
    """
    refund, outcome = tried.refund, rules.outcome_of(tried.refund, tried.answer, datetime.now(UTC))
    db.run(conn, SQL.set_refund, id=refund.id, attempts=refund.attempts, **vars(outcome))
    if outcome.error is not None:
        facts = {"refund": str(refund.id), "provider": refund.provider, "error": outcome.error}
        logger.error("refund not made", extra={**facts, "attempts": refund.attempts, "again_at": str(outcome.due_at)})
        count("RefundsNotMade")
    return 1


def get_backlog(conn: db.Connection) -> Backlog:
    """How much is open at the providers, and for how long."""
    return db.exactly_one(conn, Backlog, SQL.get_backlog)
