"""Owe refunds, and send them to providers.

The transaction that decides a refund owes it. It is sent after the commit, outside of any transaction. An endpoint
sends one refund right after its commit, by `send_at_once`. All others, and those that have to be tried again, are sent
by workers of a queue (`send_refunds`). Each minute the job `reconcile_payments` calls some for each account whose
refunds are due. The record on the queue names the account only. A refund's key is the idempotency key at the provider,
so to send it twice has one effect.

Emails promise money only once the provider has taken the refund. An email that is written before says that another one
follows, and this module owes that one.
"""

import json
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from boxoffice import db, outbox, queues, sql
from boxoffice.config import settings
from boxoffice.ids import new_id
from boxoffice.money import exponent
from boxoffice.observability import count, logger
from boxoffice.payments import books, calls, matters, pace, providers, rules
from boxoffice.payments.errors import RefundTooLarge
from boxoffice.payments.models import (
    METHODS_BY_HAND,
    AccountToSend,
    DueRefund,
    MoneyGone,
    NewMatter,
    PaymentsBacklog,
    RefundAttempt,
    RefundedOrder,
    RefundOutcome,
    RefundState,
    RefundStatus,
    Reversal,
)
from boxoffice.payments.reading import name_of

SQL = sql.queries("payments")

_BATCH = 20
_TAKEN = ("sent", "succeeded")
"""The states of a refund that the provider has taken."""


def owe_refund(conn: db.Connection, payment_id: UUID, amount: int, reason: str, *, sends: bool = True) -> UUID:
    """Owe a refund of a payment that has paid its order. The caller's transaction has locked the order.

    The caller posts to the books when all is written (`books.post`).

    A worker sends it within minutes. To send it right after the commit, register `send_at_once`. If less is left
    of the money, since a part of it went back elsewhere, that part counts and only the rest is sent.

    Args:
        amount: in the minor unit.
        sends: False if all of the amount went back elsewhere.

    Returns:
        The refund's id.

    Raises:
        RefundTooLarge: the amount is more than what is left of the payment, or the payment has not paid an order.
    """
    taken = {"payment_id": payment_id, "amount": amount, "most_to_send": amount if sends else 0}
    incoming = db.one(conn, dict, SQL.take_from_incoming_payment, **taken)
    if incoming is None:
        raise RefundTooLarge
    return _owe(conn, payment_id, incoming["id"], amount, incoming["currency"], reason, incoming["elsewhere"])


def return_incoming_payment(
    conn: db.Connection, payment_id: UUID, incoming_id: UUID, amount: int, currency: str, reason: str
) -> UUID:
    """Owe a refund of all of an incoming payment, since it pays no order. Return the refund's id."""
    db.run(conn, SQL.return_incoming_payment, id=incoming_id)
    return _owe(conn, payment_id, incoming_id, amount, currency, reason)


def _owe(
    conn: db.Connection,
    payment_id: UUID,
    incoming_id: UUID,
    amount: int,
    currency: str,
    reason: str,
    elsewhere: int = 0,
) -> UUID:
    refund_id = new_id()
    db.run(
        conn,
        SQL.insert_refund,
        id=refund_id,
        payment_id=payment_id,
        incoming_payment_id=incoming_id,
        amount=amount,
        elsewhere=elsewhere,
        currency=currency,
        reason=reason,
    )
    return refund_id


def send_at_once(conn: db.Connection, refund_ids: Sequence[UUID]) -> None:
    """Send the refund that was owed last. Send only one, since a caller waits for the answer.

    The provider may refuse it since a part went back elsewhere. Then the rest is sent, in a second attempt.
    """
    for _ in range(2):
        send_refunds(conn, ids=refund_ids[-1:], at_once=True)


def send_again(conn: db.Connection, refund_ids: Sequence[UUID]) -> None:
    """Send refunds again that have failed before, and tell their buyers."""
    send_refunds(conn, ids=refund_ids)


def send_refunds(conn: db.Connection, *, ids: Sequence[UUID] | None = None, at_once: bool = False) -> int:
    """Send refunds that are due, and store the outcome of each. Runs in autocommit.

    If the process dies between two steps, the refund is tried again under the same key once its lease ends.

    Args:
        ids: send only these refunds. None sends a batch of all that are due.
        at_once: True if the emails about the refunds are not written yet, and so will say that they are sent.

    Returns:
        How many refunds were tried.
    """
    attempts = try_refunds(conn, ids=ids)
    for attempt in attempts:
        with conn.transaction():
            record_outcome(conn, attempt, at_once=at_once)
    return len(attempts)


def try_refunds(
    conn: db.Connection,
    _leave_out: Collection[UUID] = (),
    *,
    ids: Sequence[UUID] | None = None,
    account: str | None = None,
    unresponsive: set[str] | None = None,
) -> list[RefundAttempt]:
    """Lease refunds that are due, and send them to their providers. `record_outcome` must follow for each.

    Args:
        _leave_out: refunds to leave out. Their leases do that already.
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


def find_accounts(conn: db.Connection, leave_out: Collection[str] = (), *, called: set[str]) -> list[AccountToSend]:
    """Return the accounts whose refunds are due, each once in a run.

    Args:
        leave_out: names of accounts to leave out.
        called: names of accounts for which this run has called workers. Those that are returned now are added.
    """
    names = {"now": datetime.now(UTC), "leave_out": [*leave_out, *called]}
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
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError("the record names no account") from error


def _send(refund: DueRefund) -> RefundState:
    if refund.provider in METHODS_BY_HAND:
        return RefundState("by_hand")
    return providers.load(refund.provider).refund(refund)


def record_outcome(conn: db.Connection, attempt: RefundAttempt, *, at_once: bool = False) -> int:
    """Store the outcome of an attempt. Commit it at once, since the provider has sent the money or not.

    A refusal may show that money went back without us. We may also know of some that could not be booked while the
    refund was under way. Both are booked first: then the refund shrinks, and is due again.

    Args:
        at_once: see `send_refunds`.

    Returns:
        1, since one refund was tried, even if the provider did not make it.
    """
    refund, answer = attempt.refund, attempt.answer
    if isinstance(answer, RefundState) and answer.kind == "refused":
        from boxoffice.payments import reversals  # few refunds are refused

        known = db.many(conn, Reversal, SQL.list_unbooked_reversals, refund_id=refund.id)
        for reversal in (*answer.reversals, *known):
            reversals.receive(conn, reversal, refund.provider, refund.merchant_id, refused=refund)
    outcome = rules.outcome_of(refund, answer, datetime.now(UTC))
    incoming_id = books.lock(conn, refund.id)
    order = db.one(
        conn,
        RefundedOrder,
        SQL.set_refund,
        id=refund.id,
        attempts=refund.attempts,
        status=outcome.status,
        due_at=outcome.due_at,
        reference=outcome.reference,
        error=outcome.error,
        code=outcome.code,
        failures=refund.failures,
        new_failures=outcome.new_failures,
    )
    if order is not None:
        books.post(conn, incoming_id)
        _log_failure(refund, outcome)
        _tell_manager(conn, refund, outcome, order)
        _tell(conn, refund.id, outcome.status, order, at_once=at_once)
    elif gone := db.one(conn, RefundedOrder, SQL.get_gone_refund, id=refund.id, attempts=refund.attempts):
        _tell(conn, refund.id, "succeeded", gone, at_once=at_once)
    return 1


def _log_failure(refund: DueRefund, outcome: RefundOutcome) -> None:
    if outcome.error is not None:
        facts = {"refund": str(refund.id), "provider": refund.provider, "error": outcome.error, "code": outcome.code}
        logger.error("refund not made", extra={**facts, "attempts": refund.attempts, "again_at": str(outcome.due_at)})
        count("RefundsNotMade")


def _tell_manager(conn: db.Connection, refund: DueRefund, outcome: RefundOutcome, order: RefundedOrder) -> None:
    """Open a matter if a person must look at a refund. Settle it if the provider has taken the refund in the end."""
    if outcome.needs_person:
        matter = NewMatter(
            organisation_id=order.organisation_id,
            kind="refund_by_hand" if outcome.status == "by_hand" else "refund_failed",
            subject=str(refund.id),
            order_id=order.order_id,
            payment_id=refund.payment_id,
            refund_id=refund.id,
            provider=refund.provider,
            merchant_id=refund.merchant_id,
            reference=refund.money_reference,
            amount=refund.amount,
            currency=refund.currency,
            details={"code": outcome.code, "reason": outcome.error, "again_at": _text(outcome.due_at)},
        )
        matters.open_new(conn, matter)
    elif outcome.status in _TAKEN:
        matters.close(conn, "refund_failed", refund.id, "sent")


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _tell(conn: db.Connection, refund_id: UUID, status: RefundStatus, order: RefundedOrder, *, at_once: bool) -> None:
    """Owe an email if the provider has taken a refund that the buyer waits for, or fails one that it had taken.

    Owe a webhook whenever it has taken a refund, or a person must look at one.
    """
    was_taken, is_taken, fails = order.status_before in _TAKEN, status in _TAKEN, status in ("failed", "by_hand")
    if is_taken and not was_taken:
        if not at_once:
            outbox.owe_email(conn, "refund_sent", order.buyer_email, {"refund_id": str(refund_id)})
        outbox.owe_webhook(conn, order.organisation_id, "refund.sent", _webhook_data(order))
    elif fails and order.status_before != status:
        if was_taken:
            outbox.owe_email(conn, "refund_delayed", order.buyer_email, {"refund_id": str(refund_id)})
        outbox.owe_webhook(conn, order.organisation_id, "refund.failed", _webhook_data(order))


def _webhook_data(order: RefundedOrder) -> dict[str, Any]:
    return {
        "refund_id": order.order_refund_id,
        "order_id": order.order_id,
        "payment_id": order.payment_id,
        "amount": order.amount,
        "currency": order.currency,
        "currency_exponent": exponent(order.currency),
    }


def end_by_hand(conn: db.Connection, refund_id: UUID) -> bool:
    """Note that a person has sent the money of a refund, and tell the buyer. Return False if a worker may send it."""
    lease_end = rules.lease_end(datetime.now(UTC))
    incoming_id = books.lock(conn, refund_id)
    order = db.one(conn, RefundedOrder, SQL.end_refund_by_hand, id=refund_id, lease_end=lease_end)
    if order is not None:
        books.post(conn, incoming_id)
        _tell(conn, refund_id, "succeeded", order, at_once=False)
    return order is not None


def owe_again(conn: db.Connection, refund_id: UUID) -> bool:
    """Owe a refund again that has failed, and send it after the commit. Return False if a worker may send it now."""
    lease_end = rules.lease_end(datetime.now(UTC))
    if not db.run(conn, SQL.retry_refund, id=refund_id, lease_end=lease_end):
        return False
    conn.after_commit(send_again, refund_id)
    return True


def list_orders_to_end(conn: db.Connection, leave_out: Collection[UUID] = ()) -> list[UUID]:
    """Return a batch of orders that are to be ended, since their money went back elsewhere."""
    return db.values(conn, SQL.list_orders_to_end, leave_out=list(leave_out))


def clear_end_of_order(conn: db.Connection, order_id: UUID) -> MoneyGone | None:
    """Clear that an order is to be ended, in the transaction that ends it. None if there is nothing to end."""
    return db.one(conn, MoneyGone, SQL.clear_end_of_order, order_id=order_id)


def get_payments_backlog(conn: db.Connection) -> PaymentsBacklog:
    """Return how many payments and refunds are open at providers, and the age of the oldest refund in seconds."""
    return db.exactly_one(conn, PaymentsBacklog, SQL.get_payments_backlog)
