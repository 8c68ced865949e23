"""What holders answer is one person's: whatever changes, pays and accepts at once, and whatever is asked meanwhile."""

from collections import Counter
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from boxoffice import db
from boxoffice.auth import Caller, Who
from boxoffice.guest_tokens import order_token
from boxoffice.orders import changes
from boxoffice.orders import service as orders
from boxoffice.orders.models import OrderPatch, OrderRequest
from boxoffice.tickets import transfers
from boxoffice.tickets.models import AcceptTransferRequest
from tests.helpers import factories, invariants
from tests.helpers.factories import order_request
from tests.helpers.forms import form, question
from tests.helpers.racing import attempt, deadlocks, race
from tests.helpers.support import Client, Database

ASKED = form(question("diet", required=True), name="required")


@pytest.fixture
def ticket_type(api: Client, conn: Connection) -> UUID:
    return factories.ticket_type(conn, event_id=factories.event(conn, form=ASKED))


def buy(conn: Connection, ticket_type: UUID, holder: str, key: str = "", **answers: str) -> UUID:
    """Buy a ticket as a guest."""
    holders = [{"name": holder, "answers": answers}]
    buyer = {"name": "Ada Buyer", "email": "ada@example.com"}
    request = OrderRequest.model_validate(order_request(ticket_type, 1, holders=holders, buyer=buyer))
    return orders.place_order(conn, Caller(Who.PUBLIC), request, key or uuid4().hex).id


def pay(conn: db.Connection, order: UUID) -> None:
    with conn.transaction():
        row = orders.lock_order(conn, order)
        if row.status == "pending":
            orders.pay(conn, row, reason="test")


def change(conn: Connection, order: UUID, ticket: UUID | None, holder: str) -> None:
    """Change the holder and the answer, as the guest."""
    patch = {"ticket_id": ticket} if ticket else {}
    request = OrderPatch.model_validate({"holders": [{**patch, "name": holder, "answers": {"diet": holder}}]})
    guest = Caller(Who.GUEST, guest_token=order_token(order), operation="update_order")
    with conn.transaction():
        changes.update_order(conn, guest, order, request, None)


def accept(conn: Connection, transfer: UUID, holder: str) -> None:
    request = AcceptTransferRequest(token=transfers.token_of(transfer), name=holder, answers={"diet": holder})
    with conn.transaction():
        transfers.accept_transfer(conn, Caller(Who.PUBLIC), request)


def holders(conn: Connection) -> list[tuple[str, str]]:
    """Return each ticket's holder, and what they have answered."""
    return conn.execute("SELECT holder_name, answers #>> '{0,answer}' FROM tickets ORDER BY id").fetchall()


def test_a_change_that_meets_a_transfer_leaves_the_new_holders_answers(
    ticket_type: UUID, database: Database, conn: db.Connection
) -> None:
    sold = [buy(conn, ticket_type, "Ada", diet="Ada") for _ in range(6)]
    for order in sold:
        pay(conn, order)
    tickets = dict(conn.execute("SELECT order_id, id FROM tickets").fetchall())
    started = {order: factories.transfer(conn, tickets[order]) for order in sold}

    def act(conn: Connection, number: int) -> str:
        order = sold[number // 3]
        if number % 3 == 0:
            return attempt(lambda: accept(conn, started[order], "Bola"))
        return attempt(lambda: change(conn, order, tickets[order], f"Ada {number}"))

    ends = race(database, 18, act)

    assert ends[::3] == ["done"] * 6
    assert set(ends[1::3] + ends[2::3]) <= {"done", "ticket_transferred"}
    assert holders(conn) == [("Bola", "Bola")] * 6
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_a_change_that_meets_the_payment_is_on_the_ticket_or_refused(
    ticket_type: UUID, database: Database, conn: db.Connection
) -> None:
    placed = [buy(conn, ticket_type, "Ada", diet="Ada") for _ in range(8)]

    def act(conn: db.Connection, number: int) -> str:
        order = placed[number // 2]
        return attempt(lambda: change(conn, order, None, "Zoe") if number % 2 else pay(conn, order))

    ends = race(database, 16, act)

    assert ends[::2] == ["done"] * 8
    expected = Counter("Zoe" if end == "done" else "Ada" for end in ends[1::2])
    assert set(ends[1::2]) <= {"done", "invalid"}
    assert Counter(holder for holder, _ in holders(conn)) == expected
    assert all(holder == answer for holder, answer in holders(conn))
    assert conn.execute("SELECT count(*) FROM orders WHERE details ? 'holders'").fetchone() == (0,)
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_orders_fit_what_was_asked_before_or_after_a_change_of_the_questions(
    ticket_type: UUID, database: Database, conn: db.Connection
) -> None:
    later = form(question("size", required=True), name="required")

    def act(conn: Connection, number: int) -> str:
        if number == 0:
            conn.execute("UPDATE events SET form = %s", [later])
            return "asked"
        asked = "diet" if number % 2 else "size"
        return attempt(lambda: buy(conn, ticket_type, "Ada", **{asked: "x"}))

    ends = race(database, 17, act)

    assert set(ends[1:]) <= {"done", "invalid"}
    assert "done" in ends
    found = conn.execute("SELECT jsonb_array_length(details #> '{holders,0,answers}') FROM orders").fetchall()
    assert found == [(1,)] * ends.count("done")
    invariants.check(conn)


def test_a_repeat_at_the_same_moment_is_one_order_with_one_holder(
    ticket_type: UUID, database: Database, conn: db.Connection
) -> None:
    ids = race(database, 8, lambda conn, _: buy(conn, ticket_type, "Ada", "the same key for all", diet="Ada"))

    assert len(set(ids)) == 1
    pay(conn, ids[0])
    assert holders(conn) == [("Ada", "Ada")]
    invariants.check(conn)
