"""Tell the holders of tickets that their event has been moved: the buyers, and whoever has got a ticket from them.

A run takes a move and tells the holders of some orders in a transaction, which also notes how far it has come. So it
may die anywhere. The id of an email follows from the move and the address. So nobody gets two, however many
tickets they have, and however often a run begins again.

Nobody is left out who knows the old facts. An order that the run does not see is not paid yet. Its confirmation is
written after that, and says what is so by then.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from boxoffice import db, outbox, sql
from boxoffice.emails import Occasion
from boxoffice.events import moves
from boxoffice.ids import derived_id

SQL = sql.queries("orders")

_BATCH = 200  # orders in a transaction


@dataclass(frozen=True)
class Told:
    """Somebody to tell of a move: the buyer of an order, or the holder of a ticket that has passed to them."""

    email: str
    order_id: UUID | None
    ticket_id: UUID | None

    @property
    def payload(self) -> dict[str, str]:
        """Return what the email is about, beside the move."""
        ids = {"order_id": self.order_id, "ticket_id": self.ticket_id}
        return {"email": self.email} | {name: str(value) for name, value in ids.items() if value is not None}


def list_to_tell(conn: db.Connection, leave_out: Collection[UUID] = ()) -> list[UUID]:
    """Return the moves that wait to be seen or told.

    Args:
        leave_out: moves that another run has locked.
    """
    return moves.list_to_tell(conn, leave_out)


def tell(conn: db.Connection, move_id: UUID) -> int:
    """Owe an email to the holders of some orders, and return 1. Return 0 if another run has the move."""
    move = moves.take(conn, move_id)
    if move is None:
        return 0
    if not move.is_on:
        moves.finish(conn, move, "needless")
    elif move.seen_at is None:
        moves.set_seen(conn, move)
    elif move.is_due:
        _tell_some(conn, move)
    return 1


def message_id_of(move_id: UUID, email: str) -> UUID:
    """Return the id of the email that tells an address of a move."""
    return derived_id("event_moved", move_id, email)


def known_to[T: Occasion](conn: db.Connection, event: T, email: str, since: datetime) -> T:
    """Return an event as a holder knows it, from before its newest move.

    That is as it was before the first move that they have not heard of. They have heard of one if its email was sent to
    them, or if they got their tickets after it.

    Args:
        since: when they got their first ticket.
    """
    newest_first = {message_id_of(move.id, email): move for move in moves.list_of_event(conn, event.event_id)}
    statuses = outbox.get_statuses(conn, [*newest_first])
    known = event
    for message_id, move in newest_first.items():
        # A message that was sent long ago is deleted. One that failed never is.
        is_told = statuses.get(message_id, "sent" if move.outcome == "told" else None) == "sent"
        if is_told or (move.seen_at is not None and move.seen_at < since):
            break
        known = replace(event, **{name: getattr(move, name) for name in moves.FACTS})
    return known


def _tell_some(conn: db.Connection, move: moves.MoveToTell) -> None:
    """Tell the holders of the next orders. If there are none, all are told."""
    key = {"event_id": move.event_id, "after": move.last_order_id}
    orders: list[UUID] = [row["id"] for row in db.page(conn, dict, SQL.list_orders_to_tell, limit=_BATCH, **key)]
    if not orders:
        moves.finish(conn, move, "told")
        return
    holders = db.many(
        conn, Told, SQL.list_holders_to_tell, order_ids=orders, event_id=move.event_id, seen_at=move.seen_at
    )
    first = {holder.email: holder for holder in reversed(holders)}
    emails = [(holder.email, {"move_id": str(move.id)} | holder.payload) for holder in first.values()]
    outbox.owe_emails(conn, "event_moved", emails, [message_id_of(move.id, email) for email in first])
    moves.set_told(conn, move, orders[-1])
