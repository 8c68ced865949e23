"""A process that dies while it tells holders of a moved event tells each of them once in the end."""

import pytest

from boxoffice import db
from boxoffice.orders import moved_events
from tests.helpers import invariants
from tests.helpers.moves import move, tell
from tests.helpers.racing import die_everywhere
from tests.helpers.sellers import Shop, outbox_of
from tests.helpers.support import Client, Database


def test_killed_anywhere_each_holder_is_told_once(
    api: Client, database: Database, conn: db.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(conn)
    monkeypatch.setattr(moved_events, "_BATCH", 2)
    ticket_type = shop.ticket_type()
    buyers = [f"buyer-{number}@example.com" for number in range(3)]
    for buyer in buyers:
        shop.sold(ticket_type, buyer_email=buyer)
    move(shop, conn, "Lagoon Hall")
    conn.execute("UPDATE event_moves SET due_at = now()")

    assert len(list(die_everywhere(database, conn, tell))) >= 12
    tell(conn)

    assert [recipient for recipient, _ in outbox_of(conn, "event_moved")] == buyers
    invariants.check(conn)
