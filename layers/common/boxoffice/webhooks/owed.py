"""Write the webhooks that a change owes, and let a worker send them after the commit. Call it by `boxoffice.outbox`."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from boxoffice import db, queues, sql
from boxoffice.config import settings
from boxoffice.errors import rfc_3339
from boxoffice.observability import logger

SQL = sql.queries("webhooks")


def _text_of(fact: object) -> str:
    return rfc_3339(fact) if isinstance(fact, datetime) else str(fact)


_dumps = partial(json.dumps, default=_text_of)  # ids and times are written as answers show them


def owe(conn: db.Connection, kind: str, webhooks: Sequence[tuple[UUID, dict[str, Any]]]) -> None:
    """Write webhooks of one type, each as the id of its organisation and its data, for the endpoints that listen."""
    params = {
        "type": kind,
        "organisation_ids": [organisation_id for organisation_id, _ in webhooks],
        "data": [Jsonb(data, dumps=_dumps) for _, data in webhooks],
    }
    for endpoint_id in set(db.values(conn, SQL.insert_deliveries, **params)):
        conn.after_commit(nudge, endpoint_id, last=True)


def nudge(_: db.Connection, endpoint_ids: Iterable[UUID]) -> None:
    """Ask for the turns of endpoints, after the commit. If that fails, `relay_outbox` does it later."""
    if refused := ask_for_turns(sorted(set(endpoint_ids))):
        logger.warning("the queue refused turns; relay_outbox will repeat them", extra={"endpoints": len(refused)})


def ask_for_turns(endpoint_ids: Sequence[UUID]) -> list[int]:
    """Put records on the queue that ask for the turns of endpoints. One too many does no harm.

    Returns:
        The positions of those that the queue refused.

    Raises:
        botocore.exceptions.BotoCoreError, ClientError: the queue does not answer, or is not there.
    """
    return queues.put(
        settings().webhook_queue_url, [json.dumps({"endpoint_id": str(endpoint_id)}) for endpoint_id in endpoint_ids]
    )
