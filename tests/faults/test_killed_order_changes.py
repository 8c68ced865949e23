"""A process dies while an order gets another address: the order is at one of the two, with all of its tickets."""

from psycopg import Connection

from tests.concurrency.test_order_changes import change, confirm, guest_of, link_of
from tests.helpers import invariants
from tests.helpers.racing import attempt, die_everywhere
from tests.helpers.sellers import Shop, outbox_of
from tests.helpers.support import Client, Database

STATE = """SELECT DISTINCT buyer_email, email_changes, transfer_count, (SELECT count(*) FROM one_time_tokens),
    (SELECT count(*) FROM outbox WHERE template = 'order_email_changed')
FROM orders JOIN tickets ON order_id = orders.id"""


def test_a_request_killed_anywhere_can_be_repeated_and_one_link_works(
    api: Client, database: Database, conn: Connection
) -> None:
    shop = Shop(conn)
    order = shop.sold(shop.ticket_type(), buyer_email="old@example.com")

    assert len(list(die_everywhere(database, conn, lambda conn: change(conn, guest_of(order), order, "n@x.org")))) >= 8

    change(conn, guest_of(order), order, "n@x.org")
    assert conn.execute(STATE).fetchall() == [("old@example.com", 0, 0, 1, 0)]
    confirm(conn, link_of(conn))
    assert conn.execute(STATE).fetchall() == [("n@x.org", 1, 1, 0, 1)]
    invariants.check(conn)


def test_a_confirmation_killed_anywhere_has_its_effect_once(api: Client, database: Database, conn: Connection) -> None:
    shop = Shop(conn)
    order = shop.sold(shop.ticket_type(), buyer_email="old@example.com")
    change(conn, guest_of(order), order, "n@x.org")
    token = link_of(conn)

    def act(conn: Connection) -> str:
        return attempt(lambda: confirm(conn, token))

    states = [conn.execute(STATE).fetchall() for _ in die_everywhere(database, conn, act)]

    assert len(states) >= 8
    assert {state for (state,) in states} == {("old@example.com", 0, 0, 1, 0), ("n@x.org", 1, 1, 0, 1)}
    assert act(conn) == "link_over"
    assert [to for to, _ in outbox_of(conn, "order_email_changed")] == ["old@example.com"]
    invariants.check(conn)
