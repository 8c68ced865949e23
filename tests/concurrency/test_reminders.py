"""Reminders that racing runs write."""

import pytest
from psycopg import Connection

from boxoffice import db
from boxoffice.orders import reminders
from tests.helpers import invariants
from tests.helpers.racing import race
from tests.helpers.reminders import remind, reminded, set_for_tomorrow, sold
from tests.helpers.sellers import Shop
from tests.helpers.support import Client, Database


def test_racing_runs_remind_each_buyer_once(
    api: Client, database: Database, conn: db.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(conn)
    monkeypatch.setattr(reminders, "_BATCH", 2)
    ticket_type = shop.ticket_type()
    buyers = [f"buyer-{number}@example.com" for number in range(7)]
    for buyer in buyers:
        sold(conn, shop, ticket_type, buyer_email=buyer)
    set_for_tomorrow(conn, shop)

    def act(own: Connection, _: int) -> None:
        assert isinstance(own, db.Connection)
        for _ in range(6):
            remind(own)

    race(database, 4, act)
    remind(conn)

    assert reminded(conn) == buyers
    invariants.check(conn)
