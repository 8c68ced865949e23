"""A run that dies while it counts sales has counted all of a part or nothing of it, and the next one goes on."""

from psycopg import Connection

from tests.concurrency.test_daily_sales import count
from tests.helpers import invariants
from tests.helpers.racing import die_everywhere
from tests.helpers.sellers import Shop, count_sales
from tests.helpers.support import Client, Database


def test_killed_anywhere_each_sale_counts_once(api: Client, database: Database, conn: Connection) -> None:
    shop = Shop(conn)
    ticket_type = shop.ticket_type(price=1000)
    shop.sold(ticket_type, quantity=2)

    assert len(list(die_everywhere(database, conn, count))) >= 12
    shop.sold(ticket_type, quantity=2)
    count_sales(conn)

    assert conn.execute("SELECT sum(orders)::int, sum(total)::int FROM daily_sales").fetchone() == (2, 4000)
    invariants.check(conn)
