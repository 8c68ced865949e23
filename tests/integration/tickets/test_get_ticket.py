"""GET /v1/tickets/{ticket_id}, and how tickets are issued."""

from uuid import UUID, uuid4

from psycopg import Connection

from boxoffice.guest_tokens import order_token
from boxoffice.tickets import qr, service
from tests.helpers import factories, invariants
from tests.helpers.people import check_readers
from tests.helpers.support import Client


def tickets_of(conn: Connection, order_id: UUID) -> list[UUID]:
    return [ticket.id for ticket in service.list_for_order(conn, order_id)]


class TestIssue:
    def test_each_one_bought_is_a_ticket(self, api: Client, conn: Connection) -> None:
        ticket_type = factories.ticket_type(conn, max_entries=3)
        buyer = factories.account(conn)

        order = factories.paid_order(conn, ticket_type, quantity=3, account_id=buyer, buyer_name="Bola")

        rows = conn.execute(
            """SELECT item_no, position, ticket_type_id, account_id, holder_name, status, max_entries, entries
            FROM tickets"""
        ).fetchall()
        assert rows == [(1, position, ticket_type, buyer, "Bola", "valid", 3, 0) for position in (1, 2, 3)]
        assert len(tickets_of(conn, order)) == 3
        invariants.check(conn)

    def test_only_the_hash_of_a_qr_is_stored(self, api: Client, conn: Connection) -> None:
        order = factories.paid_order(conn, factories.ticket_type(conn), quantity=2)

        hashes = conn.execute("SELECT qr_hash FROM tickets ORDER BY position").fetchall()

        assert hashes == [(qr.hash_of(ticket.qr),) for ticket in service.list_for_order(conn, order)]

    def test_a_thousand_are_issued_at_once(self, api: Client, conn: Connection) -> None:
        ticket_type = factories.ticket_type(conn, quantity=2000, max_per_order=1000)
        conn.execute("UPDATE stock SET available = 0")
        conn.execute("UPDATE stock SET available = 2000 WHERE row_no = 0")

        factories.paid_order(conn, ticket_type, quantity=1000)

        assert conn.execute("SELECT count(DISTINCT qr_hash) FROM tickets").fetchone() == (1000,)
        invariants.check(conn)


def test_a_guest_reads_a_ticket_with_the_orders_token(api: Client, conn: Connection) -> None:
    event = factories.event(conn, title="Fela Night")
    order = factories.paid_order(conn, factories.ticket_type(conn, event_id=event, name="Balcony"), quantity=1)
    (ticket,) = tickets_of(conn, order)

    answer = api.get(f"/v1/tickets/{ticket}", order_token=order_token(order))

    assert answer.status == 200
    assert answer.json["id"] == str(ticket)
    assert answer.json["order_id"] == str(order)
    assert (answer.json["event_title"], answer.json["ticket_type_name"]) == ("Fela Night", "Balcony")
    assert (answer.json["status"], answer.json["entries"], answer.json["max_entries"]) == ("valid", 0, 1)
    assert "qr_hash" not in answer.json


def test_only_the_buyer_and_managers_read_a_ticket(api: Client, conn: Connection) -> None:
    organisation = factories.organisation(conn)
    event = factories.event(conn, organisation_id=organisation)
    buyer = factories.account(conn)
    order = factories.paid_order(conn, factories.ticket_type(conn, event_id=event), account_id=buyer)
    path = f"/v1/tickets/{tickets_of(conn, order)[0]}"

    manager, scanner = (factories.member(conn, organisation, role) for role in ("manager", "scanner"))
    check_readers(api, path, buyer=buyer, manager=manager, scanner=scanner, stranger=factories.account(conn))


def test_a_ticket_that_does_not_exist_is_not_found(api: Client, conn: Connection) -> None:
    assert api.get(f"/v1/tickets/{uuid4()}", account=factories.account(conn)).status == 404
    assert api.get("/v1/tickets/one", account=factories.account(conn)).status == 422
