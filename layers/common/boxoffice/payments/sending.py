"""Refunds: owed in the transaction that decides them, sent afterwards, outside of any.

Whoever has owed one sends it right after the commit; what fails then, or is lost, `reconcile_payments` sends. A
refund's key is the provider's idempotency key, so that to send it again changes nothing.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from boxoffice import db, sql
from boxoffice.errors import DomainError
from boxoffice.ids import new_id
from boxoffice.observability import count, logger
from boxoffice.payments import calls, providers, rules
from boxoffice.payments.errors import RefundTooLarge
from boxoffice.payments.models import METHODS_BY_HAND, Backlog, DueRefund, RefundState

SQL = sql.queries("payments")

_BATCH = 20
_owed: list[UUID] = []  # by the invocation in hand


def owe_refund(conn: db.Connection, payment_id: UUID, amount: int, reason: str) -> UUID:
    """Owe a refund of a payment that has paid its order, in the transaction that has locked the order.

    Call `send_owed` or `send_refunds` after its commit; should that be lost, the job of every minute sends it.

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
    _owed.append(refund_id)
    return refund_id


def send_owed(conn: db.Connection, most: int = 1) -> None:
    """Send what this invocation owes, after its commit, as far as somebody who waits for an answer can wait for it too.

    Whatever goes wrong, the job of every minute sends it.
    """
    ids = _owed[-most:]
    forget()
    try:
        if ids:
            send_refunds(conn, datetime.now(UTC), ids=ids)
    except Exception:  # noqa: BLE001 - whatever it was, what is owed is committed and must be answered so
        logger.warning("refunds not sent; the job will", exc_info=True, extra={"refunds": [str(each) for each in ids]})


def forget() -> None:
    """Leave what this invocation owes to the job."""
    _owed.clear()


def send_refunds(
    conn: db.Connection, now: datetime, *, ids: Sequence[UUID] | None = None, silent: set[str] | None = None
) -> int:
    """Take refunds that are due, send them and note how each ended. Runs in autocommit; answers how many were tried.

    To die between any two steps costs the lease: the refund is tried again, under the same key.

    Args:
        ids: only these; a batch of all that are due, if not given.
        silent: accounts that did not answer, which are left out; those that do not answer now are added.
    """
    quiet = set() if silent is None else silent
    lease = {"now": now, "leased_until": rules.leased_until(now)}
    if ids is None:
        due = db.many(conn, DueRefund, SQL.take_due_refunds, **lease, unresponsive_accounts=list(quiet), batch=_BATCH)
    else:
        due = db.many(conn, DueRefund, SQL.take_refunds, **lease, ids=list(ids))
    for refund, answer in zip(due, _ask(due, quiet), strict=True):
        _note(conn, refund, answer)
    return len(due)


def _ask(due: Sequence[DueRefund], silent: set[str]) -> list[RefundState | DomainError]:
    answers = calls.call_concurrently(_send, due)
    silent |= calls.unresponsive_accounts(due, answers)
    return answers


def _send(refund: DueRefund) -> RefundState:
    if refund.provider in METHODS_BY_HAND:
        return RefundState("succeeded")
    return providers.known(refund.provider).refund(refund)


def _note(conn: db.Connection, refund: DueRefund, answer: RefundState | DomainError) -> None:
    """Write down how an attempt ended: committed at once, since the money has moved or not whatever comes next."""
    outcome = rules.outcome_of(refund, answer, datetime.now(UTC))
    db.run(conn, SQL.set_refund, id=refund.id, attempts=refund.attempts, **vars(outcome))
    if outcome.error is not None:
        facts = {"refund": str(refund.id), "provider": refund.provider, "error": outcome.error}
        logger.error("refund not made", extra={**facts, "attempts": refund.attempts, "again_at": str(outcome.due_at)})
        count("RefundsNotMade")


def get_backlog(conn: db.Connection) -> Backlog:
    """How much is open at the providers, and for how long."""
    return db.many(conn, Backlog, SQL.get_backlog)[0]
