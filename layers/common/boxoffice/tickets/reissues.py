"""Tickets get new QRs, since the key that signed their QRs is about to be withdrawn.

A reissued ticket is the same ticket with another QR. Until the key is withdrawn, the former QR admits too: whoever is
on the way to the door may not have read the email yet.
"""

from collections.abc import Sequence
from uuid import UUID

from boxoffice import db, signing, sql
from boxoffice.config import settings
from boxoffice.tickets import qr
from boxoffice.tickets.models import ReissuedTicket

SQL = sql.queries("tickets")


def reissue(conn: db.Connection, order_ids: Sequence[UUID], up_to: int) -> list[ReissuedTicket]:
    """Give the valid tickets of some orders QRs that the current key signs, if a key up to an id has signed them.

    Returns:
        The tickets that got a new QR.
    """
    key_id, master = signing.current_key(settings().ticket_keys_secret)
    assert int(key_id) > up_to, "this environment has not read the new key yet"
    tickets = db.many(conn, ReissuedTicket, SQL.lock_tickets_to_reissue, order_ids=list(order_ids), up_to=up_to)
    texts = [
        qr.text_of(master, int(key_id), ticket.transfer_count, ticket.organisation_id, ticket.id) for ticket in tickets
    ]
    db.run(
        conn,
        SQL.reissue_tickets,
        ids=[ticket.id for ticket in tickets],
        qr_hashes=[qr.hash_of(text) for text in texts],
        key_id=int(key_id),
    )
    return tickets
