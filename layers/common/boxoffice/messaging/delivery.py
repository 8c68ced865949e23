"""What the workers of all kinds of messages do with a record of their queue."""

from collections.abc import Callable

from boxoffice import db
from boxoffice.emails import NotNeeded
from boxoffice.messaging import rules, service
from boxoffice.messaging.models import Message
from boxoffice.outbox import QueuedKind


def deliver(conn: db.Connection, record: str, kind: QueuedKind, send: Callable[[Message], str]) -> int:
    """Send the message that a record names, and return 1 if it was sent, else 0. Runs in autocommit.

    If the worker dies, the message stays `sending` until its lease ends. Then the queue or `relay_outbox` brings it
    again. If AWS had taken it, it is sent twice: rather that than never.

    A message that nobody needs any more is dropped, and so is one to a suppressed address.

    Args:
        send: writes the message and hands it to AWS. It returns the id that AWS gives the message.

    Raises:
        NotOurMessage, MessageFailed: the record belongs to the dead letters.
    """
    message = service.take_message(conn, rules.message_id_of(record), kind)
    if message is None:
        return 0
    try:
        aws_message_id = send(message)
    except NotNeeded as reason:
        service.mark_dropped(conn, message, reason)
        return 0
    except Exception as error:  # noqa: BLE001 - whatever it was, the message must be tried again
        service.mark_failed(conn, message, error)
        return 0
    service.mark_sent(conn, message, aws_message_id)
    return 1
