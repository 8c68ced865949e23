"""Announcements that racing runs write, while managers withdraw some and holders change."""

import pytest
from psycopg import Connection

from boxoffice import db
from boxoffice.announcements import sending
from tests.helpers import factories, invariants
from tests.helpers.announcements import write, written_to
from tests.helpers.racing import race
from tests.helpers.sellers import Shop
from tests.helpers.support import Client, Database


def test_racing_runs_write_one_email_to_each_mailbox(
    api: Client, database: Database, conn: db.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(conn)
    monkeypatch.setattr(sending, "_BATCH", 2)
    ticket_type = shop.ticket_type()
    buyers = [f"buyer-{number}@example.com" for number in range(7)]
    for buyer in [*buyers, *buyers]:
        shop.sold(ticket_type, buyer_email=buyer)
    announcement = factories.announcement(conn, shop.event, shop.manager)

    def act(own: Connection, number: int) -> None:
        assert isinstance(own, db.Connection)
        if number < 4:
            for _ in range(8):
                write(own)
        else:
            for _ in range(8):
                sending.tally(own, announcement)

    race(database, 5, act)
    write(conn)

    assert written_to(conn) == buyers
    query = "SELECT recipients, finished_at IS NOT NULL FROM announcements"
    assert conn.execute(query).fetchall() == [(7, True)]
    invariants.check(conn)
