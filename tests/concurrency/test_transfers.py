"""A ticket has one holder and one QR, even if it is accepted twice at once, or while it is scanned or sent again."""

from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.auth import Caller, Who
from boxoffice.checkin import service as checkin
from boxoffice.checkin.errors import Transferred
from boxoffice.checkin.models import ScanRequest
from boxoffice.errors import DomainError
from boxoffice.guest_tokens import order_token
from boxoffice.tickets import service, transfers
from boxoffice.tickets.errors import TicketUsed
from boxoffice.tickets.models import AcceptTransferRequest, TransferRequest
from tests.helpers import factories, invariants
from tests.helpers.racing import deadlocks, race
from tests.helpers.support import Client, Database

NOBODY = Caller(Who.PUBLIC)


@pytest.fixture
def ticket(api: Client, conn: Connection) -> UUID:
    order = factories.paid_order(conn, factories.ticket_type(conn), quantity=1)
    return service.list_for_order(conn, order)[0].id


def accept(conn: Connection, transfer: UUID, name: str = "Bola") -> str:
    """Accept a transfer. Return "accepted" or the error's code."""
    request = AcceptTransferRequest(token=transfers.token_of(transfer), name=name)
    try:
        with conn.transaction():
            transfers.accept_transfer(conn, NOBODY, request)
    except DomainError as error:
        return error.code
    return "accepted"


def test_one_of_many_who_accept_at_once_gets_the_ticket(ticket: UUID, database: Database, conn: Connection) -> None:
    transfer = factories.transfer(conn, ticket)

    outcomes = race(database, 20, lambda conn, number: accept(conn, transfer, f"Bola {number}"))

    assert sorted(outcomes) == ["accepted"] + ["transfer_accepted"] * 19
    assert conn.execute("SELECT transfer_count, cardinality(former_hashes) FROM tickets").fetchone() == (1, 1)
    assert conn.execute("SELECT count(*) FROM outbox WHERE template = 'transfer_accepted'").fetchone() == (1,)
    invariants.check(conn)


@pytest.mark.parametrize("attempt", range(15))
def test_a_scan_admits_before_the_transfer_or_is_refused_after_it(
    ticket: UUID, database: Database, conn: Connection, attempt: int
) -> None:
    (signed,) = service.list_for_order(conn, service.view_of(conn, ticket).order_id)
    transfer = factories.transfer(conn, ticket)
    scanner = Caller(Who.SCANNER, factories.member(conn, signed.organisation_id, "scanner"))

    def scan(conn: Connection) -> str:
        try:
            return checkin.scan_ticket(conn, scanner, ScanRequest(qr=signed.qr)).outcome
        except DomainError as error:
            return error.code

    scanned, accepted = race(database, 2, lambda conn, number: scan(conn) if number == 0 else accept(conn, transfer))

    assert (scanned, accepted) in {("admitted", TicketUsed.code), (Transferred.code, "accepted")}
    invariants.check(conn)


def test_starting_and_accepting_at_once_leaves_one_holder_and_no_deadlock(
    ticket: UUID, database: Database, conn: Connection
) -> None:
    first = factories.transfer(conn, ticket)
    guest = Caller(Who.GUEST, guest_token=order_token(service.view_of(conn, ticket).order_id))

    def act(conn: Connection, number: int) -> str:
        if number % 2:
            return accept(conn, first)
        request = TransferRequest(email=f"friend{number}@example.com")
        try:
            with conn.transaction():
                return transfers.start_transfer(conn, guest, ticket, request).status
        except DomainError as error:
            return error.code

    outcomes = race(database, 12, act)

    assert outcomes.count("accepted") <= 1
    assert set(outcomes) <= {"accepted", "pending", "ticket_transferred", "transfer_accepted", "transfer_replaced"}
    assert conn.execute("SELECT transfer_count FROM tickets").fetchone() == (outcomes.count("accepted"),)
    assert deadlocks(conn) == 0
    invariants.check(conn)
