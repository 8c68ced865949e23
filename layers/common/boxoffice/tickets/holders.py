"""Name whom tickets are for, and keep what they answer. The QRs stay, since they hold neither."""

import json
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any
from uuid import UUID

from boxoffice import db, sql
from boxoffice.questions.rules import check_bytes
from boxoffice.tickets import rules
from boxoffice.tickets.models import NameableTicket

SQL = sql.queries("tickets")


def lock(conn: db.Connection, order_id: UUID, ticket_ids: AbstractSet[UUID]) -> dict[UUID, NameableTicket]:
    """Lock some of an order's tickets, and return them by their ids. The transaction has locked the order.

    Raises:
        one of NOT_NAMEABLE: a ticket's holder stays.
    """
    tickets = db.many(conn, NameableTicket, SQL.lock_tickets_to_name, order_id=order_id, ids=list(ticket_ids))
    rules.check_nameable(tickets, ticket_ids)
    return {ticket.id: ticket for ticket in tickets}


def save(conn: db.Connection, order_id: UUID, ticket_ids: Sequence[UUID], holders: Sequence[Mapping[str, Any]]) -> None:
    """Set the holders of some tickets of an order, which the transaction has locked, with their answers.

    Raises:
        Invalid: the order has too long answers.
    """
    if not ticket_ids:
        return
    db.run(
        conn,
        SQL.set_holders,
        ids=list(ticket_ids),
        names=[holder["name"] for holder in holders],
        contacts=[holder.get("email") for holder in holders],
        answers=[json.dumps(holder["answers"]) if "answers" in holder else None for holder in holders],
    )
    check_size(conn, order_id)


def check_size(conn: db.Connection, order_id: UUID) -> None:
    """Check that the answers of an order's tickets are not too long together, now that some have changed.

    Raises:
        Invalid: they are.
    """
    check_bytes(db.value(conn, SQL.get_size_of_answers, order_id=order_id))


def rename_buyer(conn: db.Connection, order_id: UUID, former: str, name: str) -> None:
    """Let the tickets that are in the buyer's former name follow, as far as they can still be named."""
    db.run(conn, SQL.lock_and_rename_buyer, order_id=order_id, former=former, name=name)
