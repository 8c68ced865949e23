"""The transactional outbox: what a committed change owes to somebody is written with the change.

A nudge after the commit puts the message on the queue at once. If the nudge is lost, `relay_outbox` does it within a
minute or two. The row is the truth, the queue is a doorbell (decision 37).
"""

import json
from collections.abc import Sequence
from functools import cache, partial
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from boxoffice import db, sql
from boxoffice.config import settings
from boxoffice.ids import new_id
from boxoffice.observability import logger

SQL = sql.queries("messaging")

_SQS_BATCH = 10
_dumps = partial(json.dumps, default=str)  # ids are written as text


def owe_email(
    conn: db.Connection, template: str, recipient: str, payload: dict[str, Any], message_id: UUID | None = None
) -> None:
    """Write an email into the outbox, in the transaction of the change that owes it.

    Args:
        template: its name in `boxoffice.messaging`.
        payload: the ids that the template needs to find what it says, as strings; nothing that will be out of date.
        message_id: names what is owed once, whoever comes to owe it again; else it is owed each time.
    """
    message_id = message_id or new_id()
    message = {"id": message_id, "template": template, "recipient": recipient, "payload": Jsonb(payload)}
    db.run(conn, SQL.insert_email, **message)
    conn.after_commit(nudge, message_id)


def owe_webhook(conn: db.Connection, organisation_id: UUID, kind: str, data: dict[str, Any]) -> None:
    """Write a webhook into the outbox, in the transaction of what it tells, if the organisation listens.

    The body is as Standard Webhooks recommends: ``type``, ``timestamp`` and ``data``.

    Args:
        kind: like ``event.cancelled``.
        data: ids, and facts as they are now.
    """
    owe_webhooks(conn, kind, [(organisation_id, data)])


def owe_webhooks(conn: db.Connection, kind: str, told: Sequence[tuple[UUID, dict[str, Any]]]) -> None:
    """Write several webhooks of a kind: to which organisation each, and its data."""
    if told:
        organisation_ids, data = zip(*told, strict=True)
        db.run(
            conn,
            SQL.insert_webhooks,
            type=kind,
            ids=[new_id() for _ in told],
            organisation_ids=list(organisation_ids),
            data=[Jsonb(each, dumps=_dumps) for each in data],
        )


def nudge(_: db.Connection, message_ids: Sequence[UUID]) -> None:
    """Put messages on the queue, after their commit. Whatever is lost here, the sweep relays later."""
    if refused := enqueue(message_ids):
        logger.warning("the queue refused messages; the sweep will relay them", extra={"messages": len(refused)})


def enqueue(message_ids: Sequence[UUID]) -> list[UUID]:
    """Put messages on the queue.

    Returns:
        The messages that the queue refused.

    Raises:
        botocore.exceptions.BotoCoreError, ClientError: the queue does not answer, or is not there.
    """
    refused: list[UUID] = []
    for start in range(0, len(message_ids), _SQS_BATCH):
        batch = message_ids[start : start + _SQS_BATCH]
        entries: list[Any] = [
            {"Id": str(number), "MessageBody": json.dumps({"outbox_id": str(message_id)})}
            for number, message_id in enumerate(batch)
        ]
        answer = _sqs().send_message_batch(QueueUrl=settings().email_queue_url, Entries=entries)
        refused += [batch[int(failure["Id"])] for failure in answer.get("Failed", [])]
    return refused


@cache
def _sqs() -> Any:
    """One client for each execution environment. A buyer may be waiting: an absent queue shall not keep them."""
    import boto3
    from botocore.config import Config

    retries: Any = {"total_max_attempts": 2, "mode": "standard"}
    return boto3.client("sqs", config=Config(connect_timeout=1, read_timeout=3, retries=retries))
