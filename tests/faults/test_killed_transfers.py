"""A process dies during a transfer: the ticket belongs to the former or to the new holder."""

from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.auth import Caller, Who
from boxoffice.guest_tokens import order_token
from boxoffice.tickets import service, transfers
from boxoffice.tickets.models import TransferRequest
from tests.concurrency.test_transfers import accept
from tests.helpers import factories, invariants
from tests.helpers.racing import die_everywhere
from tests.helpers.support import Client, Database


@pytest.fixture
def ticket(api: Client, conn: Connection) -> UUID:
    order = factories.paid_order(conn, factories.ticket_type(conn), quantity=1)
    return service.list_for_order(conn, order)[0].id


def test_a_start_killed_anywhere_can_be_repeated_and_one_link_works(
    ticket: UUID, database: Database, conn: Connection
) -> None:
    guest = Caller(Who.GUEST, guest_token=order_token(service.view_of(conn, ticket).order_id))

    def start(conn: Connection) -> UUID:
        with conn.transaction():
            return transfers.start_transfer(conn, guest, ticket, TransferRequest(email="bola@example.com")).id

    assert len(list(die_everywhere(database, conn, start))) >= 8

    last = start(conn)
    pending = conn.execute("SELECT id FROM transfers WHERE status = 'pending'").fetchall()
    assert pending == [(last,)]
    assert accept(conn, last) == "accepted"
    invariants.check(conn)


def test_an_acceptance_killed_anywhere_has_its_effect_once(ticket: UUID, database: Database, conn: Connection) -> None:
    transfer = factories.transfer(conn, ticket)
    outcomes = [
        conn.execute("SELECT transfer_count, holder_name FROM tickets").fetchone()
        for _ in die_everywhere(database, conn, lambda conn: accept(conn, transfer))
    ]
    assert len(outcomes) >= 8

    assert accept(conn, transfer) == "transfer_accepted"
    assert set(outcomes) == {(0, "Ada Buyer"), (1, "Bola")}
    assert conn.execute("SELECT count(*) FROM outbox WHERE template = 'transfer_completed'").fetchone() == (1,)
    invariants.check(conn)
