"""A process dies while holders and answers pass to the tickets, or change: they are in one place, whole."""

from psycopg import Connection

from boxoffice import db
from tests.concurrency.test_answers import ASKED, buy, change, pay
from tests.helpers import factories, invariants
from tests.helpers.racing import die_everywhere
from tests.helpers.support import Client, Database

STATE = """SELECT orders.status, details #>> '{holders,0,name}', details #>> '{holders,0,answers,0,answer}',
    holder_name, tickets.answers #>> '{0,answer}', version, (
        SELECT count(*) FROM order_history WHERE order_id = orders.id AND reason LIKE 'changed%')
FROM orders LEFT JOIN tickets ON order_id = orders.id"""


def test_a_payment_killed_anywhere_leaves_them_with_the_order_or_the_ticket(
    api: Client, database: Database, conn: db.Connection
) -> None:
    event = factories.event(conn, form=ASKED)
    order = buy(conn, factories.ticket_type(conn, event_id=event), "Zoe", diet="Fish")
    before, after = (
        ("pending", "Zoe", "Fish", None, None, 1, 0),
        ("paid", None, None, "Zoe", "Fish", 1, 0),
    )

    states = [conn.execute(STATE).fetchall() for _ in die_everywhere(database, conn, lambda conn: pay(conn, order))]

    assert len(states) >= 8
    assert {state for (state,) in states} == {before, after}
    pay(conn, order)
    assert conn.execute(STATE).fetchall() == [after]
    invariants.check(conn)


def test_a_change_killed_anywhere_is_whole_and_can_be_repeated(
    api: Client, database: Database, conn: db.Connection
) -> None:
    event = factories.event(conn, form=ASKED)
    order = buy(conn, factories.ticket_type(conn, event_id=event), "Zoe", diet="Fish")
    pay(conn, order)
    (ticket,) = conn.execute("SELECT id FROM tickets").fetchone() or ()

    def act(conn: Connection) -> None:
        change(conn, order, ticket, "Bola")

    states = [conn.execute(STATE).fetchall() for _ in die_everywhere(database, conn, act)]

    assert len(states) >= 8
    changed = ("paid", None, None, "Bola", "Bola", 2, 1)
    assert {state for (state,) in states} == {("paid", None, None, "Zoe", "Fish", 1, 0), changed}
    act(conn)
    assert conn.execute(STATE).fetchall() == [changed]
    invariants.check(conn)
