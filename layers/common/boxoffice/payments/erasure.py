"""Erase what providers have told and prepared for payments. What came and what went back stays: the books need it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from boxoffice import db, sql

SQL = sql.queries("payments")

_BATCH = 5000


@dataclass(frozen=True)
class OldEvent:
    """An event that a provider told long ago. Its id is its key in one text."""

    id: str
    provider: str
    merchant_id: UUID
    event_id: str


def erase(conn: db.Connection, order_ids: Sequence[UUID]) -> None:
    """Erase what was told and prepared for the payments of some orders, before the transaction locks the orders."""
    db.run(conn, SQL.erase_provider_events, order_ids=list(order_ids))
    db.run(conn, SQL.lock_and_erase_prepared, order_ids=list(order_ids))


def list_old_events(conn: db.Connection, days: int, leave_out: Collection[str] = ()) -> list[OldEvent]:
    """Return a batch of events that providers told so many days ago, and that were not erased yet.

    Args:
        leave_out: the ids of events that the run has tried already.
    """
    return db.many(conn, OldEvent, SQL.list_old_events, days=days, leave_out=list(leave_out), batch=_BATCH)


def erase_events(conn: db.Connection, events: Sequence[OldEvent]) -> int:
    """Erase what providers told, and return the number of events."""
    return db.run(
        conn,
        SQL.erase_old_events,
        providers=[event.provider for event in events],
        merchant_ids=[event.merchant_id for event in events],
        event_ids=[event.event_id for event in events],
    )
