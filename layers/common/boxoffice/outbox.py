"""The transactional outbox: the transaction of a change also writes the messages that the change owes.

A nudge after the commit puts a message on the queue of its kind at once. If the nudge is lost, the job `relay_outbox`
does it within two minutes. The row alone says what is owed; a record on the queue only says when to look (decision 37).

Webhooks have rows of their own, one for each endpoint that listens (`boxoffice.webhooks`), and are owed here too.
"""

import json
from collections.abc import Collection, Sequence
from typing import Any, Literal
from uuid import UUID

from psycopg.types.json import Jsonb

from boxoffice import db, queues, sql
from boxoffice.config import settings
from boxoffice.ids import new_id
from boxoffice.observability import logger

SQL = sql.queries("messaging")

type QueuedKind = Literal["email", "sms"]
"""The kinds of messages that workers send, each with a queue of its own."""

type WebhookType = Literal[
    "order.paid",
    "order.refunded",
    "order.cancelled",
    "order.expired",
    "order.updated",
    "payment.processing",
    "payment.failed",
    "payment.returned",
    "payment.refunded_elsewhere",
    "payment.disputed",
    "refund.sent",
    "refund.failed",
    "payout.requested",
    "payout.approved",
    "payout.rejected",
    "payout.sent",
    "payout.returned",
    "ticket.scanned",
    "ticket.scan_undone",
    "ticket.transferred",
    "waitlist.joined",
    "waitlist.offered",
    "waitlist.lapsed",
    "waitlist.left",
    "event.published",
    "event.updated",
    "event.cancelled",
    "event.deleted",
]
"""What a webhook tells. `boxoffice.webhooks.catalogue` describes each."""

_MOST_NUDGES = 500
_PURGE_BATCH = 5000


def owe_email(
    conn: db.Connection, template: str, recipient: str, payload: dict[str, Any], message_id: UUID | None = None
) -> None:
    """Write an email into the outbox, in the transaction of the change that owes it.

    Args:
        template: the name of the function in a domain's `emails.py` that writes the email.
        payload: the ids that this function needs, as strings; nothing that can be out of date when it runs. If it
            names an order or a refund, the email goes to whoever is the buyer when it is sent.
        message_id: the id of an email that is owed once, however often this is called. By default each call owes one.
    """
    message_id = message_id or new_id()
    message = {"id": message_id, "template": template, "recipient": recipient, "payload": Jsonb(payload)}
    db.run(conn, SQL.insert_email, **message)
    conn.after_commit(nudge, message_id, last=True)


def owe_emails(
    conn: db.Connection,
    template: str,
    emails: Sequence[tuple[str, dict[str, Any]]],
    message_ids: Sequence[UUID] | None = None,
) -> int:
    """Write several emails of one template, each as its recipient and its payload. Return how many are new.

    Args:
        message_ids: the ids of emails that are owed once, however often this is called. By default each call owes all.
    """
    ids = [*message_ids] if message_ids is not None else [new_id() for _ in emails]
    recipients, payloads = [recipient for recipient, _ in emails], [Jsonb(payload) for _, payload in emails]
    new = db.run(conn, SQL.insert_emails, template=template, ids=ids, recipients=recipients, payloads=payloads)
    for message_id in ids:
        conn.after_commit(nudge, message_id, last=True)
    return new


def owe_sms(conn: db.Connection, template: str, phone: str, payload: dict[str, Any]) -> None:
    """Write a text message into the outbox, in the transaction of the change that owes it.

    Args:
        template: the name of the function in a domain's `sms.py` that writes the text.
        phone: a number in E.164.
        payload: the ids that this function needs, as strings; nothing secret.
    """
    message_id = new_id()
    db.run(conn, SQL.insert_sms, id=message_id, template=template, recipient=phone, payload=Jsonb(payload))
    conn.after_commit(nudge_sms, message_id, last=True)


def owe_webhook(conn: db.Connection, organisation_id: UUID, kind: WebhookType, data: dict[str, Any]) -> None:
    """Write a webhook, in the transaction of the change that owes it, for each endpoint that listens to its type.

    The body has the fields that Standard Webhooks recommends: ``type``, ``timestamp`` and ``data``.

    Args:
        kind: the type of the webhook, like ``event.cancelled``.
        data: ids, and facts as they are now: what `webhooks.catalogue` says of the type.
    """
    owe_webhooks(conn, kind, [(organisation_id, data)])


def owe_webhooks(conn: db.Connection, kind: WebhookType, webhooks: Sequence[tuple[UUID, dict[str, Any]]]) -> None:
    """Write several webhooks of one type, each as the id of its organisation and its data."""
    if not webhooks:
        return
    from boxoffice.webhooks import owed  # whoever only places an order owes none

    owed.owe(conn, kind, webhooks)


def nudge(_: db.Connection, message_ids: Sequence[UUID]) -> None:
    """Put emails on their queue, after the commit. If that fails, `relay_outbox` does it later.

    Of thousands, it leaves most to `relay_outbox`, since the caller waits for the queue.
    """
    _nudge(message_ids, settings().email_queue_url)


def nudge_sms(_: db.Connection, message_ids: Sequence[UUID]) -> None:
    """Put text messages on their queue, after the commit. If that fails, `relay_outbox` does it later."""
    _nudge(message_ids, settings().sms_queue_url)


def _nudge(message_ids: Sequence[UUID], queue_url: str) -> None:
    if refused := enqueue(message_ids[:_MOST_NUDGES], queue_url):
        logger.warning("the queue refused messages; relay_outbox will repeat them", extra={"messages": len(refused)})


def enqueue(message_ids: Sequence[UUID], queue_url: str) -> list[UUID]:
    """Put messages of one kind on their queue.

    Returns:
        The ids of the messages that the queue refused.

    Raises:
        botocore.exceptions.BotoCoreError, ClientError: the queue does not answer, or is not there. Some messages may be
            on it already; to put all of them there again does no harm.
    """
    bodies = [json.dumps({"outbox_id": str(message_id)}) for message_id in message_ids]
    return [message_ids[number] for number in queues.put(queue_url, bodies)]


def get_statuses(conn: db.Connection, message_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Return how some messages stand. Those that are not there have no status."""
    return {row["id"]: row["status"] for row in db.many(conn, dict, SQL.list_statuses, ids=list(message_ids))}


def list_old(conn: db.Connection, days: int, leave_out: Collection[UUID] = ()) -> list[UUID]:
    """Return a batch of messages that have ended, so many days after they were written.

    Args:
        leave_out: messages that the run has tried already.
    """
    return db.values(conn, SQL.list_old_messages, days=days, leave_out=list(leave_out), batch=_PURGE_BATCH)


def purge(conn: db.Connection, message_ids: Sequence[UUID]) -> int:
    """Delete messages that have ended, and return their number. Those that failed stay, but name nobody any more."""
    return db.run(conn, SQL.delete_messages, ids=list(message_ids)) + erase(conn, message_ids)


def erase(conn: db.Connection, message_ids: Sequence[UUID]) -> int:
    """Erase to whom messages went that have ended, and return their number. What they were about stays."""
    return db.run(conn, SQL.erase_messages, ids=list(message_ids))


def erase_buyers(conn: db.Connection, addresses: Collection[str]) -> int:
    """Erase the recipients of messages that have ended, about orders that were erased before.

    Args:
        addresses: that the buyers had. What else went to them may be somebody else's, and stays.
    """
    return db.run(conn, SQL.erase_buyers, recipients=list(addresses))


def forget_suppression(conn: db.Connection, address: str) -> int:
    """Delete what SES has told of an address, and return the number of rows."""
    return db.run(conn, SQL.delete_suppression, address=address)
