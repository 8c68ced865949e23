"""Owe refunds, and send them to providers.

The transaction that decides a refund owes it. It is sent after the commit, outside of any transaction. An endpoint
sends one refund right after its commit, by `send_at_once`. All others, and those that have to be tried again, are sent
by workers of a queue (`send_refunds`). Each minute the job `reconcile_payments` calls some for each account whose
refunds are due. The record on the queue names the account only. A refund's key is the idempotency key at the provider,
so to send it twice has one effect.
"""

import json
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from uuid import UUID

from boxoffice import db, queues, sql
from boxoffice.config import settings
from boxoffice.ids import new_id
from boxoffice.observability import count, logger
from boxoffice.payments import calls, pace, providers, rules
from boxoffice.payments.errors import RefundTooLarge
from boxoffice.payments.models import (
    METHODS_BY_HAND,
    AccountToSend,
    DueRefund,
    PaymentsBacklog,
    RefundAttempt,
    RefundState,
)
from boxoffice.payments.reading import name_of

SQL = sql.queries("payments")

_BATCH = 20


def owe_refund(conn: db.Connection, payment_id: UUID, amount: int, reason: str) -> UUID:
    """Owe a refund of a payment that has paid its order. The caller's transaction has locked the order.

    A worker sends it within minutes. To send it right after the commit, register `send_at_once`.

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
    account: str | None = None,
    unresponsive: set[str] | None = None,
) -> list[RefundAttempt]:
    """Lease refunds that are due, and send them to their providers. `record_outcome` must follow for each.

    Args:
        _excluded: refunds to leave out. Their leases do that already.
        ids: send only these refunds, and wait for the provider's pace only for a moment.
        account: without ids, send a batch of this account's. None sends a batch of all that are due.
        unresponsive: accounts to leave out, since they did not answer. Accounts that do not answer now are added.
    """
    now = datetime.now(UTC)
    unresponsive = set() if unresponsive is None else unresponsive
    lease = {"now": now, "lease_end": rules.lease_end(now)}
    if ids is None:
        chosen = {"account": account, "unresponsive_accounts": list(unresponsive)}
        due = db.many(conn, DueRefund, SQL.take_due_refunds, **lease, **chosen, batch=_BATCH)
    else:
        due = db.many(conn, DueRefund, SQL.take_refunds, **lease, ids=list(ids))
    turns = pace.take_turns_for(conn, due, "refund", pace.JOBS_WAIT if ids is None else pace.ENDPOINTS_WAIT)
    answers = calls.call_concurrently(_send, due, turns)
    pace.slow_down_for(conn, due, answers, "refund")
    unresponsive |= calls.unresponsive_accounts(due, answers)
    return [RefundAttempt(refund, answer) for refund, answer in zip(due, answers, strict=True)]


def find_accounts(conn: db.Connection, excluded: Collection[str] = (), *, called: set[str]) -> list[AccountToSend]:
    """Return the accounts whose refunds are due, each once in a run.

    Args:
        excluded: names of accounts to leave out.
        called: names of accounts for which this run has called workers. Those that are returned now are added.
    """
    names = {"now": datetime.now(UTC), "excluded": [*excluded, *called]}
    accounts = db.many(conn, AccountToSend, SQL.list_accounts_to_send, **names)
    called.update(account.id for account in accounts)
    return accounts


def call_workers(conn: db.Connection, account: AccountToSend) -> int:
    """Call workers that send the due refunds of an account, after the commit. Return 1, for one account."""
    record = json.dumps({"provider": account.provider, "merchant_id": str(account.merchant_id)})
    for _ in range(rules.senders_for(account.due)):
        conn.after_commit(_put_on_queue, record)
    return 1


def _put_on_queue(_: db.Connection, records: Sequence[str]) -> None:
    if refused := queues.put(settings().refund_queue_url, records):
        logger.warning("the queue refused records; the next run repeats them", extra={"records": len(refused)})


def account_in(record: str) -> str:
    """Return the name of the account that a record of the queue names, as `calls.account_of` writes it.

    Raises:
        ValueError: it names none.
    """
    try:
        fields = json.loads(record)
        return f"{name_of(fields['provider'])}{UUID(fields['merchant_id'])}"
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("the record names no account") from error


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
