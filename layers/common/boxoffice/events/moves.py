"""Moves: changes of when or where a published event takes place. Its holders must be told of them.

A manager often makes several changes in a row. So a move is told a few minutes later, and a later one takes its place.
A move of a moment in which nobody has looked is not lost: its row stays, and says what holders knew before it.
"""

from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from boxoffice import db, sql
from boxoffice.events.models import EventRow
from boxoffice.ids import new_id
from boxoffice.times import TimeAndPlace

SQL = sql.queries("events")

type Outcome = Literal["told", "superseded", "needless"]

FACTS = tuple(field.name for field in fields(TimeAndPlace))
"""The fields of an event that say when and where it is."""

WAIT = timedelta(minutes=5)
"""How long after the first of several changes its holders are told of all."""


@dataclass(frozen=True)
class MoveToTell:
    """A move that a run has locked.

    Attributes:
        seen_at: since when tickets are surely sold with the new facts. None if nobody has seen the move yet.
        last_order_id: the holders of orders up to this one are told.
        is_on: True if the event is neither cancelled nor over.
    """

    id: UUID
    event_id: UUID
    seen_at: datetime | None
    is_due: bool
    last_order_id: UUID
    is_on: bool


@dataclass(frozen=True)
class Move(TimeAndPlace):
    """A move, with when and where its event was before it."""

    id: UUID
    seen_at: datetime | None
    outcome: Outcome | None


def is_moved(before: EventRow, after: EventRow) -> bool:
    """Return True if an event takes place at another time or place than holders of its tickets know."""
    return before.status == "published" and any(getattr(before, name) != getattr(after, name) for name in FACTS)


def record(conn: db.Connection, before: EventRow, after: EventRow) -> None:
    """Note that an event has been moved. The transaction has locked it."""
    due_at = db.value(conn, SQL.supersede_moves, event_id=after.id)
    db.run(
        conn,
        SQL.insert_move,
        id=new_id(),
        event_id=after.id,
        version=after.version,
        due_at=due_at,
        wait=WAIT,
        **{name: getattr(before, name) for name in FACTS},
    )


def list_to_tell(conn: db.Connection, leave_out: Collection[UUID] = ()) -> list[UUID]:
    """Return the moves that wait to be seen or told.

    Args:
        leave_out: moves that another run has locked.
    """
    return db.values(conn, SQL.list_moves_to_tell, leave_out=list(leave_out))


def take(conn: db.Connection, move_id: UUID) -> MoveToTell | None:
    """Lock a move that is not told to all yet. None if another run has it."""
    return db.one(conn, MoveToTell, SQL.take_move, id=move_id)


def set_seen(conn: db.Connection, move: MoveToTell) -> None:
    """Note that a move is committed. Whoever buys from now on learns the new facts with the tickets."""
    db.run(conn, SQL.set_move_seen, id=move.id)


def set_told(conn: db.Connection, move: MoveToTell, last_order_id: UUID) -> None:
    """Note up to which order the holders are told."""
    db.run(conn, SQL.set_move_told, id=move.id, last_order_id=last_order_id)


def finish(conn: db.Connection, move: MoveToTell, outcome: Outcome) -> None:
    """Note how a move has ended."""
    db.run(conn, SQL.set_move_outcome, id=move.id, outcome=outcome)


def event_of(conn: db.Connection, move_id: UUID) -> UUID | None:
    """Return the event of a move. None if the event was moved again after it."""
    row = db.exactly_one(conn, dict, SQL.get_moved_event, id=move_id)
    return row["event_id"] if row["newest_id"] == move_id else None


def list_of_event(conn: db.Connection, event_id: UUID) -> list[Move]:
    """Return the moves of an event, the newest first."""
    return db.many(conn, Move, SQL.list_moves, event_id=event_id)
