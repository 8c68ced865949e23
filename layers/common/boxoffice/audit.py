"""The audit log: who did what to what, each entry chained to the one before by its hash."""

from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from boxoffice import db, sql

SQL = sql.queries()

PLATFORM = UUID(int=0)


def record(
    conn: db.Connection, action: str, subject: str, *, actor: UUID | None, organisation: UUID = PLATFORM, **details: Any
) -> None:
    """Append an entry, in the transaction of the deed and as its last statement (it locks the chain).

    Args:
        action: the function's name, like ``publish_event``.
        subject: what it was done to, like ``event 0192…``.
        actor: the account that did it; None for the platform itself.
        organisation: whose chain it belongs to; what concerns none goes to the platform's.
        details: facts worth keeping; no secrets.
    """
    db.run(
        conn,
        SQL.append_audit_entry,
        chain=organisation,
        actor_id=actor,
        action=action,
        subject=subject,
        details=Jsonb(details),
    )
