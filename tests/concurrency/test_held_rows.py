"""Nobody waits for a row that somebody else has locked while another row will do, or while the work can wait.

Another connection holds the rows. Whoever waited for one of them would fail, since locks time out here soon.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace
from uuid import UUID, uuid4

import psycopg
import pytest

from boxoffice import db
from boxoffice.auth import Caller, Who
from boxoffice.orders import service as orders
from boxoffice.orders.models import OrderRequest
from boxoffice.slots import service as slots
from boxoffice.slots.models import ClaimRequest
from boxoffice.stock import service as stock
from boxoffice.stock.models import Draw
from boxoffice.waitlist import service as waitlist
from tests.helpers import factories, invariants, provider_servers, sellers
from tests.helpers.factories import NOW, order_request
from tests.helpers.mailbox import owe
from tests.helpers.support import Client, Database, context, function

ROWS = 8
LAPSED = NOW - timedelta(minutes=20)


@pytest.fixture
def buyer(api: Client, database: Database) -> Iterator[db.Connection]:
    """Connect as a function does, but with half a second for a lock. It starts at neither of the first two rows."""
    for _ in range(100):
        with db.Connection.connect(database.api_url, autocommit=True) as conn:
            if conn.info.backend_pid % ROWS >= 2:
                conn.execute("SET lock_timeout = '500ms'")
                yield conn
                return
    raise AssertionError("the server gave no other process")


@contextmanager
def held(database: Database, rows: str, **params: object) -> Iterator[None]:
    """Lock rows, which a query finds, on another connection."""
    with psycopg.connect(database.api_url) as other:
        found = other.execute(f"{rows} FOR UPDATE".encode(), params).fetchall()
        assert found
        yield
        other.rollback()


def order_of(*ticket_types: UUID, quantity: int = 1, **overrides: object) -> OrderRequest:
    """Return a request that orders some of each ticket type."""
    items = [{"ticket_type_id": str(each), "quantity": quantity, **overrides} for each in ticket_types]
    return OrderRequest.model_validate({**order_request(uuid4()), "items": items})


def buy(conn: db.Connection, request: OrderRequest) -> UUID:
    return orders.place_order(conn, Caller(Who.PUBLIC), request, uuid4().hex).id


@pytest.mark.parametrize("kinds", [1, 2], ids=["one item", "a cart"])
def test_a_purchase_takes_the_one_row_of_stock_that_is_free(
    database: Database, conn: db.Connection, buyer: db.Connection, kinds: int
) -> None:
    event = factories.event(conn)
    ticket_types = [factories.ticket_type(conn, event_id=event, quantity=ROWS * 10) for _ in range(kinds)]

    for free in range(ROWS):
        with held(database, "SELECT FROM stock WHERE row_no <> %(free)s", free=free):
            buy(buyer, order_of(*ticket_types))

    taken = conn.execute("SELECT row_no, held FROM stock ORDER BY pool_id, row_no").fetchall()
    assert taken == [(row, 1) for row in range(ROWS)] * kinds
    invariants.check(conn)


def test_stock_is_taken_again_from_the_one_row_that_is_free(
    database: Database, conn: db.Connection, buyer: db.Connection
) -> None:
    pool = stock.create_pool(conn, ROWS * 10)
    for free in range(ROWS):
        with held(database, "SELECT FROM stock WHERE row_no <> %(free)s", free=free), buyer.transaction():
            assert stock.take(buyer, [Draw(pool, 1, start=0)]) == f'{{"({pool},{free},1)"}}'


def test_the_best_seats_are_those_of_a_row_that_is_free(
    database: Database, conn: db.Connection, buyer: db.Connection
) -> None:
    ticket_type = factories.ticket_type(conn, quantity=0)
    rows = factories.seats(conn, ticket_type, 4, 4, 4)

    with held(database, "SELECT FROM seat_rows WHERE name IN ('A', 'C')"):
        order = buy(buyer, order_of(ticket_type, quantity=2))

    taken = conn.execute("SELECT id FROM seats WHERE owner_id = %s ORDER BY position", [order]).fetchall()
    assert [seat for (seat,) in taken] == rows[1][:2]
    invariants.check(conn)


def test_an_offer_takes_seats_of_rows_that_are_free(
    database: Database, conn: db.Connection, buyer: db.Connection
) -> None:
    ticket_type = factories.ticket_type(conn, quantity=0)
    factories.seats(conn, ticket_type, 2, 2, 2)
    entry = factories.waitlist_entry(conn, ticket_type, quantity=4)

    with held(database, "SELECT FROM seat_rows WHERE name = 'A'"):
        assert waitlist.make_offers(buyer, ticket_type, wait=False) == 1

    rows = conn.execute("SELECT row_name FROM seats WHERE owner_id = %s ORDER BY row_name", [entry]).fetchall()
    assert [row for (row,) in rows] == ["B", "B", "C", "C"]
    invariants.check(conn)


def test_an_offer_takes_stock_of_rows_that_are_free(
    database: Database, conn: db.Connection, buyer: db.Connection
) -> None:
    ticket_type = factories.ticket_type(conn, quantity=ROWS * 10, max_per_order=12)
    factories.waitlist_entry(conn, ticket_type, quantity=12)

    with held(database, "SELECT FROM stock WHERE row_no NOT IN (3, 5)"):
        assert waitlist.make_offers(buyer, ticket_type, wait=False) == 1

    assert conn.execute("SELECT row_no, held FROM stock WHERE held > 0").fetchall() == [(3, 12)]
    invariants.check(conn)


def test_a_claim_takes_the_lowest_slot_that_is_free(
    database: Database, conn: db.Connection, buyer: db.Connection
) -> None:
    organisation = factories.organisation(conn)
    scanner = Caller(Who.SCANNER, factories.member(conn, organisation, "scanner"))
    cloakroom = factories.place(conn, organisation_id=organisation, capacity=4)
    request = ClaimRequest.model_validate({"customer": {"email": "ada@example.com"}})

    with held(database, "SELECT FROM slots WHERE number IN (1, 2, 4)"):
        assert slots.claim_slot(buyer, scanner, cloakroom, request, uuid4().hex).slot == 3

    invariants.check(conn)


# ------------------------------------------------------------------------------------------------------- jobs


def lapsed_order(conn: db.Connection) -> None:
    factories.order(conn, factories.ticket_type(conn), expires_at=LAPSED)


def order_of_a_cancelled_event(conn: db.Connection) -> None:
    shop = sellers.Shop(conn)
    shop.sold(shop.ticket_type(quantity=10))
    assert sellers.cancel_event(Client(), shop).status == 200


def lapsed_offer(conn: db.Connection) -> None:
    ticket_type = factories.ticket_type(conn)
    factories.waitlist_entry(conn, ticket_type)
    assert waitlist.make_offers(conn, ticket_type) == 1
    conn.execute("UPDATE waitlist_entries SET expires_at = %s", [LAPSED])


def entry_of_a_cancelled_event(conn: db.Connection) -> None:
    event = factories.event(conn, status="cancelled")
    factories.waitlist_entry(conn, factories.ticket_type(conn, event_id=event))


def waiting_entry(conn: db.Connection) -> None:
    factories.waitlist_entry(conn, factories.ticket_type(conn))


def open_payment(conn: db.Connection) -> None:
    order = factories.order(conn, factories.ticket_type(conn), expires_at=LAPSED)
    factories.payment(conn, order, ask_at=LAPSED)


def owed_refund(conn: db.Connection) -> None:
    order = factories.paid_order(conn, factories.ticket_type(conn))
    factories.payment(conn, order, status="succeeded")
    (ticket,) = conn.execute("SELECT id FROM tickets LIMIT 1").fetchone() or ()
    factories.refund(conn, ticket)


def due_message(conn: db.Connection) -> None:
    owe(conn, UUID(int=0), relay_at="now")


def due_entry(conn: db.Connection) -> None:
    conn.execute(
        """INSERT INTO provider_entries (id, provider, reference, kind, type, amount, fee, currency, made_at)
        VALUES (uuidv7(), 'sandbox', '1', 'hold', 'hold', -1, 0, 'EUR', now())"""
    )


@pytest.mark.parametrize(
    ("job", "step", "table", "make"),
    [
        ("expire_orders", "expired", "orders", lapsed_order),
        ("finish_cancellations", "orders", "orders", order_of_a_cancelled_event),
        ("offer_waitlist", "lapsed", "waitlist_entries", lapsed_offer),
        ("offer_waitlist", "closed", "waitlist_entries", entry_of_a_cancelled_event),
        ("offer_waitlist", "offered", "waitlist_entries", waiting_entry),
        ("reconcile_books", "entries", "provider_entries", due_entry),
        ("reconcile_payments", "asked", "payments", open_payment),
        ("send_refunds", "refunds_tried", "refunds", owed_refund),
        ("relay_outbox", "relayed", "outbox", due_message),
    ],
)
def test_a_job_leaves_to_the_next_run_what_others_have_locked(
    api: Client,
    database: Database,
    conn: db.Connection,
    job: str,
    step: str,
    table: str,
    make: Callable[[db.Connection], None],
) -> None:
    make(conn)
    provider_servers.make_all_due(conn)
    db.connect().execute("SET lock_timeout = '500ms'")

    a_minute = SimpleNamespace(**{**vars(context()), "get_remaining_time_in_millis": lambda: 60_000})
    event = provider_servers.due_at("sandbox") if job == "send_refunds" else {}
    with held(database, f"SELECT FROM {table}"):
        report = function(job).handler(event, a_minute)
    assert (report[step], report["units_failed"]) == (0, 0)

    report = function(job).handler(event, a_minute)
    assert (report[step], report["units_failed"]) == (1, 0)
