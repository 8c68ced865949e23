"""The audit log as tests read it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg


@dataclass(frozen=True)
class Entry:
    """An entry, with the personal values in their places. The address of its caller stands apart from its details.

    What nobody did has the nil UUID as its actor.
    """

    chain: UUID
    actor: UUID
    action: str
    subject: str
    details: dict[str, Any]
    address: str | None


def entries(conn: psycopg.Connection, *, sessions: bool = False) -> list[Entry]:
    """Return the entries, the oldest first.

    Args:
        sessions: True for those too that tell of a new session.
    """
    rows = conn.execute(
        """SELECT chain, actor_id, action, subject, details,
            (SELECT jsonb_object_agg(encode(digest, 'hex'), value) FROM audit_values
            WHERE (audit_values.chain, audit_values.entry) = (audit_log.chain, audit_log.entry))
        FROM audit_log ORDER BY at, chain, entry"""
    ).fetchall()
    found = []
    for chain, actor, action, subject, stored, values in rows:
        details = _with_values(stored, values or {})
        if sessions or "session_id" not in details:
            found.append(Entry(chain, actor or UUID(int=0), action, subject, details, details.pop("address", None)))
    return found


def only_entry(conn: psycopg.Connection) -> Entry:
    """Return the one entry of the log that does not tell of a new session."""
    (entry,) = entries(conn)
    return entry


def _with_values(details: Any, values: dict[str, str]) -> Any:
    if isinstance(details, list):
        return [_with_values(each, values) for each in details]
    if not isinstance(details, dict):
        return details
    if details.keys() == {"sha256"}:
        return values[details["sha256"]]
    return {name: _with_values(each, values) for name, each in details.items()}
