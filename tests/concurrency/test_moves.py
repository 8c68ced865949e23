"""Events that are moved while the job tells their holders, and while orders are paid."""

import pytest
from psycopg import Connection

from boxoffice import db
from boxoffice.orders import moved_events
from boxoffice.orders import service as orders
from tests.helpers import factories, invariants
from tests.helpers.moves import move, tell
from tests.helpers.racing import race
from tests.helpers.sellers import Shop, outbox_of
from tests.helpers.support import Client, Database


def test_racing_runs_moves_and_orders_tell_each_holder_of_the_last_state(
    api: Client, database: Database, conn: db.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is not told has a confirmation that was not written when the event was moved for the last time."""
    shop = Shop(conn)
    monkeypatch.setattr(moved_events, "_BATCH", 3)
    monkeypatch.setattr("boxoffice.events.moves.WAIT", "0 seconds")
    ticket_type = shop.ticket_type()
    buyers = [f"buyer-{number}@example.com" for number in range(6)]
    for buyer in buyers:
        shop.sold(ticket_type, buyer_email=buyer)
    pending = [factories.order(conn, ticket_type, buyer_email=f"late-{number}@example.com") for number in range(6)]

    def act(own: Connection, number: int) -> None:
        assert isinstance(own, db.Connection)
        if number < 2:
            for hall in range(3):
                move(shop, own, f"Hall {number}{hall}")
        elif number < 4:
            for _ in range(6):
                tell(own)
        else:
            for order in pending[number - 4 :: 2]:
                with own.transaction():
                    orders.pay(own, orders.lock_order(own, order), reason="test")

    race(database, 6, act)
    tell(conn)

    moves = conn.execute("SELECT id, seen_at, outcome FROM event_moves ORDER BY version").fetchall()
    assert {outcome for _, _, outcome in moves} <= {"told", "superseded"}
    last, seen_at, outcome = moves[-1]
    assert outcome == "told"
    told = [recipient for recipient, payload in outbox_of(conn, "event_moved") if payload["move_id"] == str(last)]
    assert len(told) == len(set(told)), "nobody is told twice"
    query = "SELECT buyer_email FROM tickets JOIN orders ON orders.id = order_id WHERE tickets.created_at <= %s"
    assert set(buyers) <= set(told) <= {email for (email,) in conn.execute(query, [seen_at])}
    invariants.check(conn)
