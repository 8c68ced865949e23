"""A guest list says what its tickets and orders say, whoever changes them at once."""

import pytest
from psycopg import Connection

from tests.helpers.doors import Doors, open_doors
from tests.helpers.racing import deadlocks, race
from tests.helpers.support import Client, Database

OUT_OF_DATE = """
    SELECT count(*) FROM guest_list FULL JOIN listed_guests USING (ticket_id)
    WHERE guest_list.words IS DISTINCT FROM listed_guests.words
"""


@pytest.fixture
def doors(api: Client, conn: Connection) -> Doors:
    return open_doors(api, conn)


def test_buyers_and_holders_who_change_at_once_are_found_as_they_are(
    doors: Doors, database: Database, conn: Connection
) -> None:
    tickets = doors.sell(6)
    ids, order = sorted(ticket.id for ticket in tickets), tickets[0].order_id

    def act(conn: Connection, number: int) -> None:
        for step in range(8):
            name = f"Ada {number} {step}"
            with conn.transaction():
                if number % 2:
                    conn.execute("UPDATE orders SET buyer_name = %s WHERE id = %s", [name, order])
                else:
                    lock = "SELECT id FROM tickets WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE"
                    conn.execute(lock, [ids[step % 3 :]])
                    change = "UPDATE tickets SET holder_name = %s WHERE id = ANY(%s)"
                    conn.execute(change, [name, ids[step % 3 :][::-1]])

    race(database, 8, act)

    assert deadlocks(conn) == 0
    assert conn.execute(OUT_OF_DATE).fetchone() == (0,)
    assert conn.execute("SELECT count(*) FROM guest_list").fetchone() == (6,)
