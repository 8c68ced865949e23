"""The outbox as the sweep and the worker use it. Each statement is committed on its own."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import NoReturn
from uuid import UUID

from boxoffice import db, outbox, sql
from boxoffice.messaging import rules
from boxoffice.messaging.errors import MessageFailed, QueueRefused, Throttled
from boxoffice.messaging.models import Backlog, Message, Relayed
from boxoffice.observability import logger

SQL = sql.queries("messaging")

_BATCH = 200


def enqueue_due(conn: db.Connection, _left: Collection[UUID] = ()) -> list[Relayed]:
    """Put a batch of messages that are due on the queue, oldest first. `mark_relayed` must follow for each.

    To die before they are on the queue costs two minutes: their lease ends and a later sweep takes them again. To die
    after it costs a second copy on the queue, which the worker drops. At no step is a message lost.

    Args:
        _left: messages to leave out; their leases do that already.

    Raises:
        botocore.exceptions.BotoCoreError, ClientError: the queue takes none; a later sweep tries again.
    """
    due = db.many(conn, Relayed, SQL.take_due_messages, batch=_BATCH)
    refused = outbox.enqueue([message.id for message in due])
    return [replace(message, is_refused=message.id in refused) for message in due]


def mark_relayed(conn: db.Connection, batch: Sequence[Relayed]) -> int:
    """Note that a batch is on the queue; answers how many messages that are.

    Raises:
        QueueRefused: the queue did not take one of them.
    """
    if any(message.is_refused for message in batch):
        raise QueueRefused
    ids = [message.id for message in batch]
    db.run(conn, SQL.set_relayed, ids=ids, leased_until=batch[0].leased_until)
    return len(batch)


def get_backlog(conn: db.Connection) -> Backlog:
    """How much is owed, and for how long."""
    return db.many(conn, Backlog, SQL.get_backlog)[0]


def claim(conn: db.Connection, message_id: UUID) -> Message | None:
    """Take a message for one attempt, under a lease; None if there is nothing to do.

    That is so for a message that is sent, is another worker's, or is not due; the sweep brings it when it is. It is so
    for one that does not exist, too: its transaction was rolled back.

    Raises:
        MessageFailed: it is given up.
    """
    message = db.one(conn, Message, SQL.claim_message, id=message_id, lease=rules.LEASE)
    if message is None:
        if db.value(conn, SQL.get_status, id=message_id) == "failed":
            raise MessageFailed(f"message {message_id} was given up before")
        return None
    if message.attempts > rules.MAX_ATTEMPTS:  # each of them killed its worker
        give_up(conn, message, "no attempt came to an end")
    return message


def mark_sent(conn: db.Connection, message: Message, receipt: str) -> None:
    """Note that SES has taken a message. ``receipt`` is the id that SES gave it."""
    db.run(conn, SQL.set_sent, id=message.id, message_id=receipt)


def mark_failed(conn: db.Connection, message: Message, error: Exception) -> None:
    """Note that an attempt failed. The message waits for the next one, longer each time; the sweep brings it back.

    Being throttled is no fault of the message and counts as no attempt.

    Raises:
        MessageFailed: that was the last attempt.
    """
    logger.warning("not sent", exc_info=error, extra={"outbox_id": str(message.id), "attempts": message.attempts})
    reason = f"{type(error).__name__}: {error}".replace("\0", "")[:1000]
    if isinstance(error, Throttled):
        _put_back(conn, message, message.attempts - 1, rules.THROTTLED_WAIT, reason)
    elif (wait := rules.wait_after(message.attempts)) is not None:
        _put_back(conn, message, message.attempts, wait, reason)
    else:
        give_up(conn, message, reason)


def give_up(conn: db.Connection, message: Message, reason: str) -> NoReturn:
    """Mark a message as failed, for good.

    Raises:
        MessageFailed: always, so that the queue learns of it too.
    """
    db.run(conn, SQL.set_failed, id=message.id, claimed_attempts=message.attempts, error=reason)
    raise MessageFailed(f"message {message.id} is given up: {reason}")


def _put_back(conn: db.Connection, message: Message, attempts: int, wait: timedelta, reason: str) -> None:
    db.run(
        conn,
        SQL.set_pending,
        id=message.id,
        claimed_attempts=message.attempts,
        attempts=attempts,
        wait=wait,
        error=reason,
    )
