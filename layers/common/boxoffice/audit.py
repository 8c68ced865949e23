"""The audit log: who did what to what. Each entry has the hash of the entry before."""

from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from boxoffice import db, sql
from boxoffice.auth import Caller

SQL = sql.queries()

PLATFORM_CHAIN = UUID(int=0)


def record(
    conn: db.Connection,
    caller: Caller | None,
    action: str,
    subject: str,
    *,
    organisation: UUID = PLATFORM_CHAIN,
    **details: Any,
) -> None:
    """Append an entry, as the last statement of the transaction that it tells of: it locks the chain.

    Args:
        caller: who acted; None for the platform itself.
        action: the name of the function, like ``publish_event``.
        subject: what the action changed, like ``event 0192…``.
        organisation: the organisation to whose chain the entry belongs; by default the platform's chain.
        details: facts to store; no secrets.
    """
    db.run(
        conn,
        SQL.append_audit_entry,
        chain=organisation,
        actor_id=caller.actor if caller else None,
        action=action,
        subject=subject,
        details=Jsonb(details),
    )
