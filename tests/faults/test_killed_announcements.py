"""A process that dies while it writes an announcement writes to each mailbox once in the end."""

import pytest

from boxoffice import db
from boxoffice.announcements import sending
from tests.helpers import factories, invariants
from tests.helpers.announcements import write, written_to
from tests.helpers.racing import die_everywhere
from tests.helpers.sellers import Shop
from tests.helpers.support import Client, Database


def test_killed_anywhere_each_mailbox_gets_one_email(
    api: Client, database: Database, conn: db.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(conn)
    monkeypatch.setattr(sending, "_BATCH", 2)
    ticket_type = shop.ticket_type()
    buyers = [f"buyer-{number}@example.com" for number in range(3)]
    for buyer in buyers:
        shop.sold(ticket_type, buyer_email=buyer)
    factories.announcement(conn, shop.event, shop.manager)

    assert len(list(die_everywhere(database, conn, write))) >= 10
    write(conn)

    assert written_to(conn) == buyers
    assert conn.execute("SELECT recipients FROM announcements").fetchall() == [(3,)]
    invariants.check(conn)
