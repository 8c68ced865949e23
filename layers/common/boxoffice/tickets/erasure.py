"""Erase who holds tickets, and who sent them to whom. The tickets stay as valid as they are."""

from collections.abc import Sequence
from uuid import UUID

from boxoffice import db, erased, sql

SQL = sql.queries("tickets")


def erase_buyers_tickets(conn: db.Connection, order_ids: Sequence[UUID], *, all_holders: bool) -> int:
    """Erase the holders of some orders' tickets, and return their number. The transaction has locked the orders.

    Args:
        all_holders: True for whoever holds the tickets now. False leaves out those that have passed to somebody else.
    """
    params = {"order_ids": list(order_ids), "all": all_holders}
    return db.run(conn, SQL.lock_and_erase_buyers_tickets, **params, **erased.PARAMS)


def erase_holder(
    conn: db.Connection, ticket_ids: Sequence[UUID], account_id: UUID | None, email: str | None = None
) -> int:
    """Erase a person from those of some tickets that they still hold, and return their number.

    Args:
        email: the address that a ticket was sent to, if they hold it without an account.
    """
    person = {"account_id": account_id, "email": email}
    return db.run(conn, SQL.lock_and_erase_holders, ids=list(ticket_ids), **person, **erased.PARAMS)


def erase_named_holder(conn: db.Connection, ticket_ids: Sequence[UUID], email: str) -> int:
    """Erase a person from some tickets whose buyers have named their address. Return the number of tickets."""
    params = {"ids": list(ticket_ids), "email": email, "erased_name": erased.NAME}
    return db.run(conn, SQL.lock_and_erase_named_holders, **params)


def erase_senders(conn: db.Connection, transfer_ids: Sequence[UUID]) -> int:
    """Erase who sent some tickets, and return the number of transfers."""
    db.run(conn, SQL.lock_tickets_of_transfers, ids=list(transfer_ids))
    return db.run(conn, SQL.erase_senders, ids=list(transfer_ids), **erased.PARAMS)


def erase_recipients(
    conn: db.Connection, transfer_ids: Sequence[UUID], account_id: UUID | None = None, email: str | None = None
) -> int:
    """Erase to whom some tickets were sent, and return the number of transfers. Those that are pending end.

    Args:
        account_id: also erase this account, and this address, from the tickets that it has accepted and holds still.
    """
    ids = list(transfer_ids)
    sent = db.values(conn, SQL.lock_tickets_of_transfers, ids=ids)
    erase_holder(conn, sent, account_id, email)
    return db.run(conn, SQL.erase_recipients, ids=ids, **erased.PARAMS)
