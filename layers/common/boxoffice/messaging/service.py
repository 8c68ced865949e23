"""The outbox for the job that relays messages and for the worker that sends them. Each statement commits on its own."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import NoReturn
from uuid import UUID

from boxoffice import db, outbox, sql
from boxoffice.config import settings
from boxoffice.emails import NotNeeded
from boxoffice.messaging import rules
from boxoffice.messaging.errors import MessageFailed, QueueRefused, Suppressed, Throttled, Undeliverable
from boxoffice.messaging.models import Backlog, Message, Recipient, RelayedMessage
from boxoffice.observability import logger
from boxoffice.outbox import QueuedKind

SQL = sql.queries("messaging")

_BATCH = 200


def enqueue_due(conn: db.Connection, _leave_out: Collection[UUID] = ()) -> list[RelayedMessage]:
    """Put a batch of messages that are due on the queue, oldest first. `mark_relayed` must follow for each.

    No message is lost if the process dies. If it dies before they are on the queue, their lease ends in two minutes,
    and a later run takes them again. If it dies after that, a later run puts a second copy on the queue, which the
    worker drops.

    Args:
        _leave_out: messages that the run has tried already. Their leases leave them out, so this is not needed.

    Raises:
        botocore.exceptions.BotoCoreError, ClientError: the queue does not answer. A later run tries again.
    """
    due = db.many(conn, RelayedMessage, SQL.take_due_messages, batch=_BATCH)
    refused: list[UUID] = []
    for kind in sorted({message.kind for message in due}):
        refused += outbox.enqueue([message.id for message in due if message.kind == kind], _queue_url(kind))
    return [replace(message, is_refused=message.id in refused) for message in due]


def _queue_url(kind: QueuedKind) -> str:
    return {"email": settings().email_queue_url, "sms": settings().sms_queue_url}[kind]


def mark_relayed(conn: db.Connection, batch: Sequence[RelayedMessage]) -> int:
    """Note that a batch is on the queue, and return the number of its messages.

    Raises:
        QueueRefused: the queue refused at least one. Nothing is noted; the job then notes each message alone.
    """
    if any(message.is_refused for message in batch):
        raise QueueRefused
    ids = [message.id for message in batch]
    db.run(conn, SQL.set_relayed, ids=ids, leased_until=batch[0].leased_until)
    return len(batch)


def get_backlog(conn: db.Connection) -> Backlog:
    """Return how many messages the outbox owes, and for how long."""
    return db.exactly_one(conn, Backlog, SQL.get_backlog)


def take_message(conn: db.Connection, message_id: UUID, kind: QueuedKind) -> Message | None:
    """Take a message for one attempt, under a lease.

    Returns:
        None if it is sent, dropped, of another kind, leased to another worker, not due, or rolled back. When it is due,
        `relay_outbox` repeats it.

    Raises:
        MessageFailed: the message has failed for good.
    """
    message = db.one(conn, Message, SQL.take_message, id=message_id, kind=kind, lease=rules.LEASE)
    if message is None:
        if db.value(conn, SQL.get_status, id=message_id) == "failed":
            raise MessageFailed(f"message {message_id} failed before")
        return None
    if message.attempts > rules.MAX_ATTEMPTS:  # each of them killed its worker
        give_up(conn, message, "no attempt came to an end")
    return message


def find_recipient(conn: db.Connection, message: Message) -> Recipient:
    """Return to whom a message goes. If it is about an order that has another address by now, it goes there.

    Call this when the message is written. Then nobody at the address before gets what is only for the next.
    """
    found = db.exactly_one(conn, Recipient, SQL.get_recipient, id=message.id)
    if found.recipient != message.recipient:
        db.run(conn, SQL.set_recipient, id=message.id, recipient=found.recipient)
    return found


def find_locale(conn: db.Connection, message: Message) -> str | None:
    """Return the language that the recipient of a message reads, as a BCP 47 tag. None if nobody has said so."""
    locale: str | None = db.value(conn, SQL.get_locale, id=message.id)
    return locale


def mark_sent(conn: db.Connection, message: Message, aws_message_id: str) -> None:
    """Note that SES or SNS has taken a message, under an id of its own."""
    db.run(conn, SQL.set_sent, id=message.id, aws_message_id=aws_message_id)


def mark_dropped(conn: db.Connection, message: Message, reason: NotNeeded) -> None:
    """Note that a message is not sent, since nobody needs it any more, or its address is suppressed."""
    feedback = "suppressed" if isinstance(reason, Suppressed) else None
    ids = {"id": message.id, "taken_attempts": message.attempts}
    db.run(conn, SQL.set_dropped, **ids, reason=str(reason), feedback=feedback)


def mark_failed(conn: db.Connection, message: Message, error: Exception) -> None:
    """Note that an attempt failed. The message waits for the next one, longer each time.

    If the service throttles us, that is no fault of the message, and the attempt does not count. If it can never
    deliver the message, the message has failed at once: nobody can mend that, so it is no dead letter.

    Raises:
        MessageFailed: that was the last attempt.
    """
    logger.warning("not sent", exc_info=error, extra={"outbox_id": str(message.id), "attempts": message.attempts})
    reason = f"{type(error).__name__}: {error}".replace("\0", "")[:1000]
    if isinstance(error, Throttled):
        _put_back(conn, message, message.attempts - 1, rules.THROTTLED_WAIT, reason)
    elif isinstance(error, Undeliverable):
        db.run(conn, SQL.set_failed, id=message.id, taken_attempts=message.attempts, error=reason)
    elif (wait := rules.wait_after(message.attempts)) is not None:
        _put_back(conn, message, message.attempts, wait, reason)
    else:
        give_up(conn, message, reason)


def give_up(conn: db.Connection, message: Message, reason: str) -> NoReturn:
    """Mark a message as failed for good.

    Raises:
        MessageFailed: always, so that the queue moves the record to the dead letters.
    """
    db.run(conn, SQL.set_failed, id=message.id, taken_attempts=message.attempts, error=reason)
    raise MessageFailed(f"message {message.id} failed: {reason}")


def _put_back(conn: db.Connection, message: Message, attempts: int, wait: timedelta, reason: str) -> None:
    db.run(
        conn,
        SQL.set_pending,
        id=message.id,
        taken_attempts=message.attempts,
        attempts=attempts,
        wait=wait,
        error=reason,
    )
