"""A process that dies while it reminds holders reminds each of them once in the end."""

import pytest

from boxoffice import db
from boxoffice.orders import reminders
from tests.helpers import invariants
from tests.helpers.racing import die_everywhere
from tests.helpers.reminders import remind, reminded, set_for_tomorrow, sold
from tests.helpers.sellers import Shop
from tests.helpers.support import Client, Database


def test_killed_anywhere_each_buyer_is_reminded_once(
    api: Client, database: Database, conn: db.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(conn)
    monkeypatch.setattr(reminders, "_BATCH", 2)
    ticket_type = shop.ticket_type()
    buyers = [f"buyer-{number}@example.com" for number in range(3)]
    for buyer in buyers:
        sold(conn, shop, ticket_type, buyer_email=buyer)
    set_for_tomorrow(conn, shop)

    assert len(list(die_everywhere(database, conn, remind))) >= 10
    remind(conn)

    assert reminded(conn) == buyers
    invariants.check(conn)
