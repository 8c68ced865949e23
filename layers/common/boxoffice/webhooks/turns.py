"""What the worker does: takes the turn of an endpoint, and sends what is due to it.

An endpoint has one turn at a time, so it gets `rules.AT_ONCE` requests at once, and no more. In a turn a worker sends
round after round while all goes well. At its end it asks for the next turn behind those of all other endpoints. So a
slow endpoint, or one with much to hear, holds nobody else up. After failures in a row all its webhooks wait together,
and one of them tries if the endpoint is back.

No webhook is lost if a worker dies: its leases end, and `relay_outbox` asks for the turn. If the endpoint had taken
the webhook, it gets it twice, under the same id: rather that than never.
"""

import random
import time
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from boxoffice import audit, db, outbox, sql
from boxoffice.observability import count, logger
from boxoffice.webhooks import client, owed, rules, signatures
from boxoffice.webhooks.client import Message
from boxoffice.webhooks.models import Answer, DisabledReason, DueDelivery, Turn
from boxoffice.webhooks.rules import Outcome
from boxoffice.webhooks.service import allows_loopback

SQL = sql.queries("webhooks")

_BATCH = 500
_KILLED = Answer(error="no attempt came to an end")


def take_turn(conn: db.Connection, endpoint_id: UUID) -> int:
    """Take the turn of an endpoint, and send what is due. Return how much came through. Runs in autocommit.

    There is nothing to do if another worker has the turn: it asks for the next one. Nor is there if the endpoint is
    disabled or paused, or if nothing is due.
    """
    turn = db.one(conn, Turn, SQL.take_turn, id=endpoint_id, lease=rules.LEASE)
    if turn is None:
        return 0
    secrets = signatures.read_secrets(conn, endpoint_id)
    ends = time.monotonic() + rules.TURN.total_seconds()
    delivered, failures, answers, goes_on = 0, turn.failures, list[Answer](), True
    while goes_on:
        due = _take_due(conn, turn, 1 if failures >= rules.FAILURES_TO_PAUSE else rules.AT_ONCE)
        if due:
            answers = _send(turn, due, secrets)
            _record(conn, due, answers)
            delivered += sum(answer.is_success for answer in answers)
            failures = rules.failures_after(failures, answers)
        goes_on = bool(due) and all(answer.is_success for answer in answers) and time.monotonic() < ends
    _end(conn, turn, failures, answers)
    return delivered


def _take_due(conn: db.Connection, turn: Turn, most: int) -> list[DueDelivery]:
    return db.many(conn, DueDelivery, SQL.take_due_deliveries, endpoint_id=turn.id, most=most, lease=rules.LEASE)


def _send(turn: Turn, due: Sequence[DueDelivery], secrets: Sequence[bytes]) -> list[Answer]:
    """Send webhooks, and return what came of each. One that has killed its workers again and again is not sent."""
    now = int(datetime.now(UTC).timestamp())
    sendable = [each for each in due if _attempts(each) <= rules.MOST_ATTEMPTS]
    messages = [
        Message(signatures.headers(secrets, each.id, now, each.body.encode()), each.body.encode()) for each in sendable
    ]
    sent = client.send_all(turn.url, messages, allows_loopback=allows_loopback())
    answers = {each.id: answer for each, answer in zip(sendable, sent, strict=True)}
    return [answers.get(each.id, _KILLED) for each in due]


def _attempts(delivery: DueDelivery) -> int:
    return delivery.attempts - delivery.attempts_before


def _record(conn: db.Connection, due: Sequence[DueDelivery], answers: Sequence[Answer]) -> None:
    outcomes = [
        rules.outcome_of(answer, _attempts(delivery), random.random())  # noqa: S311 - nobody gains by guessing it
        for delivery, answer in zip(due, answers, strict=True)
    ]
    with conn.transaction():
        db.run(
            conn,
            SQL.lock_and_record_attempts,
            ids=[delivery.id for delivery in due],
            taken_attempts=[delivery.attempts for delivery in due],
            statuses=[outcome.status for outcome in outcomes],
            waits=[outcome.wait for outcome in outcomes],
            response_statuses=[answer.status for answer in answers],
            durations=[answer.duration // timedelta(milliseconds=1) for answer in answers],
            answers=[answer.text for answer in answers],
            errors=[outcome.error for outcome in outcomes],
        )
    _count(outcomes)


def _count(outcomes: Sequence[Outcome]) -> None:
    count("WebhookAttemptsFailed", sum(outcome.status == "pending" for outcome in outcomes))
    count("WebhooksFailed", sum(outcome.status == "failed" for outcome in outcomes))


def _end(conn: db.Connection, turn: Turn, failures: int, answers: Sequence[Answer]) -> None:
    """End the turn. Ask for the next one if more is due. If the endpoint is disabled, tell its owners."""
    pause = rules.pause_after(failures, answers)
    reason = rules.reason_to_disable(failures, turn.failing_since, answers, datetime.now(UTC))
    with conn.transaction():
        state = {"pause": pause, "failures": failures, "disabled_reason": reason}
        is_ours = db.run(conn, SQL.end_turn, id=turn.id, leased_until=turn.leased_until, **state)
        if is_ours and reason is not None:
            _tell_owners(conn, turn, reason)
    if not pause and reason is None and db.value(conn, SQL.has_due_deliveries, endpoint_id=turn.id):
        conn.after_commit(owed.nudge, turn.id)


def _tell_owners(conn: db.Connection, turn: Turn, reason: DisabledReason) -> None:
    logger.warning("webhook endpoint disabled", extra={"endpoint_id": str(turn.id), "reason": reason})
    count("WebhookEndpointsDisabled")
    owners = db.values(conn, SQL.list_owners, organisation_id=turn.organisation_id)
    payload = {"endpoint_id": str(turn.id)}
    outbox.owe_emails(conn, "webhook_endpoint_disabled", [(email, payload) for email in owners])
    subject = f"webhook endpoint {turn.id}"
    audit.record(conn, None, "disable_webhook_endpoint", subject, organisation=turn.organisation_id, why=reason)


def list_due_endpoints(conn: db.Connection, leave_out: Collection[UUID] = (), *, asked: set[UUID]) -> list[UUID]:
    """Return a batch of endpoints that have something due, each once in a run.

    Args:
        leave_out: endpoints that the run has tried in vain.
        asked: endpoints whose turn this run has asked for. Those that are returned now are added.
    """
    found: list[UUID] = db.values(conn, SQL.list_due_endpoints, leave_out=[*leave_out, *asked], batch=_BATCH)
    asked.update(found)
    return found


def ask_for_turns(conn: db.Connection, endpoint_ids: Sequence[UUID]) -> int:
    """Ask for the turns of endpoints, after the commit. Return their number."""
    for endpoint_id in endpoint_ids:
        conn.after_commit(owed.nudge, endpoint_id)
    return len(endpoint_ids)


def list_stranded(conn: db.Connection, leave_out: Collection[UUID] = ()) -> list[UUID]:
    """Return a batch of webhooks that can no longer be sent, since their endpoint is disabled."""
    return db.values(conn, SQL.list_stranded_deliveries, leave_out=list(leave_out), batch=_BATCH)


def fail_stranded(conn: db.Connection, delivery_ids: Sequence[UUID]) -> int:
    """Let webhooks fail that can no longer be sent. Return their number."""
    return db.run(conn, SQL.lock_and_fail_stranded, ids=list(delivery_ids))
