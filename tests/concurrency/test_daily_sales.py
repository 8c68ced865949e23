"""Sales, refunds and runs of the job at once: each fact counts once."""

from uuid import UUID

from psycopg import Connection

from boxoffice.analytics.counting import SALES
from boxoffice.auth import Caller, Who
from boxoffice.refunds import service as refunds
from boxoffice.refunds.models import RefundRequest
from tests.helpers import factories, invariants
from tests.helpers.racing import race
from tests.helpers.sellers import Shop, count_sales
from tests.helpers.support import Client, Database


def count(conn: Connection) -> None:
    """Count as the job does, without its pause of five seconds."""
    conn.execute("UPDATE daily_sales_state SET as_of = as_of - interval '1 minute'")
    for uncounted in SALES.find_uncounted(conn):
        with conn.transaction():
            SALES.count(conn, uncounted)


def give_back(conn: Connection, shop: Shop, order: UUID) -> None:
    factories.payment(conn, order, status="succeeded")
    caller, request = Caller(Who.MANAGER, shop.manager), RefundRequest(whole=True)
    refunds.refund_order(conn, caller, order, request, f"refund of {order}")


def test_each_sale_and_refund_counts_once(api: Client, database: Database, conn: Connection) -> None:
    shop = Shop(conn)
    ticket_type = shop.ticket_type(quantity=10_000, price=1000)

    def act(racer: Connection, number: int) -> None:
        for turn in range(8):
            if number % 2:
                count(racer)
                continue
            order = factories.paid_order(racer, ticket_type, quantity=1)
            if turn % 4 == 0:
                give_back(racer, shop, order)

    race(database, 8, act)
    count_sales(conn)

    sums = "SELECT sum(orders)::int, sum(tickets)::int, sum(total)::int, sum(refunded)::int FROM daily_sales"
    assert conn.execute(sums).fetchone() == (32, 32, 32_000, 8_000)
    invariants.check(conn)
