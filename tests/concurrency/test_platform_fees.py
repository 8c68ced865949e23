"""While admins change the platform's fee, each order has the terms that one read gave, whole."""

from uuid import uuid4

from psycopg import Connection

from boxoffice.auth import Caller, Who
from boxoffice.fees import service as fees
from boxoffice.fees.models import PlatformFeesRequest
from boxoffice.orders import service as orders
from boxoffice.orders.models import OrderRequest
from tests.helpers import factories, invariants
from tests.helpers.factories import order_request
from tests.helpers.racing import race
from tests.helpers.sellers import Shop
from tests.helpers.support import Client, Database

CHANGES, PURCHASES = 12, 12


def test_each_order_has_the_terms_of_one_moment(api: Client, conn: Connection, database: Database) -> None:
    shop = Shop(conn)
    admin = Caller(Who.ADMIN, factories.account(conn, is_admin=True))
    ticket_types = [shop.ticket_type(price=10_000, quantity=1000) for _ in range(2)]

    def change(racer: Connection, number: int) -> None:
        for each in range(CHANGES):  # of each the fixed amount is ten times the basis points, or there are none
            points = number * CHANGES + each
            wanted = {"NGN": {"basis_points": points, "fixed": 10 * points}} if each % 4 else {}
            with racer.transaction():
                request = PlatformFeesRequest(fees=wanted, reason="Why")
                fees.set_fees(racer, admin, shop.organisation, request, None)

    def act(racer: Connection, number: int) -> None:
        if number < 2:
            change(racer, number)
            return
        items = [{"ticket_type_id": str(each), "quantity": 1} for each in ticket_types]
        for _ in range(PURCHASES):
            request = OrderRequest.model_validate({**order_request(ticket_types[0]), "items": items})
            account = factories.account(racer)
            orders.place_order(racer, Caller(Who.PUBLIC, account), request, str(uuid4()))

    race(database, 5, act)

    placed = conn.execute(
        """SELECT array_agg(DISTINCT terms_id), array_agg(DISTINCT platform_fee::bigint),
            (SELECT basis_points FROM fee_terms WHERE id = min(order_items.terms_id::text)::uuid)
        FROM order_items GROUP BY order_id"""
    ).fetchall()
    assert len(placed) == 3 * PURCHASES
    for terms, paid, points in placed:
        assert len(terms) == 1, "all items of an order have the same"
        # Of 100.00 a basis point is a cent.
        assert paid == ([None] if points is None else [points + 10 * points])
    assert conn.execute("SELECT count(*) FROM fee_terms WHERE replaced_at IS NULL").fetchone() in [(0,), (1,)]
    invariants.check(conn)
