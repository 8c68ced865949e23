"""Name whom tickets are for. The QRs stay, since they hold no names."""

from collections.abc import Mapping
from uuid import UUID

from boxoffice import db, sql
from boxoffice.tickets import rules
from boxoffice.tickets.models import NameableTicket

SQL = sql.queries("tickets")


def rename(conn: db.Connection, order_id: UUID, names: Mapping[UUID, str]) -> bool:
    """Set the names of the holders of some of an order's tickets. The transaction has locked the order.

    Returns:
        True if a name has changed.

    Raises:
        one of NOT_NAMEABLE: a ticket's holder stays.
    """
    tickets = db.many(conn, NameableTicket, SQL.lock_tickets_to_name, order_id=order_id, ids=list(names))
    rules.check_nameable(tickets, set(names))
    new = {ticket.id: names[ticket.id] for ticket in tickets if ticket.holder_name != names[ticket.id]}
    if new:
        db.run(conn, SQL.set_holder_names, ids=list(new), names=list(new.values()))
    return bool(new)


def rename_buyer(conn: db.Connection, order_id: UUID, former: str, name: str) -> None:
    """Let the tickets that are in the buyer's former name follow, as far as they can still be named."""
    db.run(conn, SQL.lock_and_rename_buyer, order_id=order_id, former=former, name=name)
