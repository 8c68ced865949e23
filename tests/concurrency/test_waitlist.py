"""Offers race with purchases, expiry and each other. No offer is made twice, and no stock is lost."""

import random
from contextlib import suppress
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from boxoffice.accounts.errors import LinkOver
from boxoffice.auth import Caller, Who
from boxoffice.guest_tokens import order_token, waitlist_token
from boxoffice.orders import service as orders
from boxoffice.orders.errors import OrderNotPending
from boxoffice.orders.models import OrderRequest, PlacedOrder
from boxoffice.seats.errors import NoSeatsTogether
from boxoffice.stock import service as stock
from boxoffice.stock.errors import SoldOut
from boxoffice.waitlist import entries, joining, service
from boxoffice.waitlist.errors import NoOffer, OfferTooSmall, StillAvailable
from boxoffice.waitlist.models import WaitlistRequest
from tests.helpers import factories, invariants, sellers
from tests.helpers.factories import order_request
from tests.helpers.racing import deadlocks, race
from tests.helpers.support import Client, Database

PUBLIC = Caller(Who.PUBLIC)


def buy(conn: Connection, ticket_type: UUID, quantity: int) -> PlacedOrder | None:
    """Place an order as a guest. Return None if it is sold out."""
    request = OrderRequest.model_validate(order_request(ticket_type, quantity))
    try:
        return orders.place_order(conn, PUBLIC, request, str(uuid4()))
    except (SoldOut, NoSeatsTogether):
        return None


def accept(conn: Connection, entry: UUID, quantity: int) -> PlacedOrder | None:
    """Order what the waitlist offers to an entry. Return None if it has no open offer."""
    row = conn.execute("SELECT email, ticket_type_id FROM waitlist_entries WHERE id = %s", [entry]).fetchone()
    assert row is not None
    buyer = {"name": "Ada", "email": row[0]}
    request = order_request(row[1], quantity, buyer=buyer, waitlist_token=waitlist_token(entry))
    try:
        return orders.place_order(conn, PUBLIC, OrderRequest.model_validate(request), str(uuid4()))
    except (NoOffer, OfferTooSmall):
        return None


def cancel(conn: Connection, order: PlacedOrder) -> None:
    with conn.transaction():
        orders.cancel_order(conn, Caller(Who.GUEST, guest_token=order_token(order.id)), order.id)


def leave(conn: Connection, entry: UUID) -> None:
    with conn.transaction():
        entries.leave(conn, Caller(Who.GUEST, guest_token=waitlist_token(entry)), entry)


def run_job(conn: Connection) -> int:
    """Run the job once. Return how many offers it made."""
    for entry in service.list_lapsed(conn):
        with conn.transaction():
            service.end_lapsed_offer(conn, entry)
    made = 0
    for ticket_type in service.list_awaited(conn):
        while offered := service.make_offers(conn, ticket_type):
            made += offered
    return made


def test_jobs_that_race_offer_all_stock_once(api: Client, database: Database, conn: Connection) -> None:
    ticket_type = factories.ticket_type(conn, quantity=100)
    for number in range(60):
        factories.waitlist_entry(conn, ticket_type, quantity=1 + number % 3)

    made = race(database, 4, lambda conn, _: run_job(conn))
    made.append(run_job(conn))

    offered = conn.execute("SELECT sum(quantity)::int, count(*)::int FROM waitlist_entries WHERE status = 'offered'")
    quantity, entries = offered.fetchone() or (0, 0)
    assert sum(made) == entries
    assert conn.execute("SELECT count(*) FROM outbox").fetchone() == (entries,)
    assert invariants.left(conn, ticket_type) == (100 - quantity, quantity, 0)
    assert quantity == 100
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_a_job_makes_offers_in_order_of_joining(api: Client, database: Database, conn: Connection) -> None:
    ticket_type = factories.ticket_type(conn, quantity=20)
    entries = [factories.waitlist_entry(conn, ticket_type, quantity=1 + number % 2) for number in range(20)]

    run_job(conn)

    rows = conn.execute("SELECT id FROM waitlist_entries WHERE status = 'offered' ORDER BY id").fetchall()
    assert [row[0] for row in rows[:13]] == entries[:13]


def test_nobody_buys_before_the_waiting_entries(api: Client, database: Database, conn: Connection) -> None:
    """Each order that is cancelled frees as much as the next entry wants. So no ticket reaches the public."""
    ticket_type = factories.ticket_type(conn, quantity=40)
    held = [buy(conn, ticket_type, 2) for _ in range(20)]
    for _ in range(20):
        factories.waitlist_entry(conn, ticket_type)

    def act(conn: Connection, number: int) -> int:
        if number < 5:
            for order in held[number::5]:
                assert order is not None
                cancel(conn, order)
            return 0
        return sum(buy(conn, ticket_type, 1) is not None for _ in range(25))

    race(database, 16, act)
    run_job(conn)

    offered = conn.execute("SELECT count(*)::int FROM waitlist_entries WHERE status = 'offered'").fetchone()
    assert offered == (20,)
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_nobody_buys_before_hundreds_who_wait_for_lapsed_orders(
    api: Client, database: Database, conn: Connection
) -> None:
    ticket_type = factories.ticket_type(conn, quantity=400, max_per_order=20)
    conn.execute("UPDATE stock SET available = CASE row_no WHEN 0 THEN 400 ELSE 0 END")
    for _ in range(20):
        factories.order(conn, ticket_type, quantity=20, expires_at=factories.a_moment_ago())
    for _ in range(400):
        factories.waitlist_entry(conn, ticket_type, quantity=1)

    def act(conn: Connection, number: int) -> int:
        if number < 2:
            while sellers.expire_orders(conn, batch=4):
                pass
            return 0
        return sum(buy(conn, ticket_type, 1) is not None for _ in range(30))

    bought = race(database, 8, act)
    run_job(conn)

    assert sum(bought) == 0
    offered = conn.execute("SELECT count(*)::int FROM waitlist_entries WHERE status = 'offered'").fetchone()
    assert offered == (400,)
    assert deadlocks(conn) == 0
    invariants.check(conn)


def confirm(conn: Connection, token: str) -> UUID | None:
    """Open the link of an email. Return the entry, or None if the link was used."""
    try:
        with conn.transaction():
            return joining.confirm(conn, PUBLIC, token).entry_id
    except LinkOver:
        return None


def join(conn: Connection, ticket_type: UUID, choice: random.Random) -> None:
    request = WaitlistRequest(quantity=choice.randint(1, 3), name="Ada", email=f"{uuid4()}@example.com")
    with suppress(StillAvailable), conn.transaction():
        joining.join(conn, PUBLIC, ticket_type, request)
    confirm(conn, factories.waitlist_token(conn, ticket_type, quantity=request.quantity))


def expire_an_order(conn: Connection, ticket_type: UUID, choice: random.Random) -> None:
    conn.execute(
        """UPDATE orders SET expires_at = now() WHERE id = (
            SELECT id FROM orders WHERE status = 'pending' LIMIT 1 FOR UPDATE SKIP LOCKED)"""
    )
    sellers.expire_orders(conn, batch=3)


def buy_and_cancel(conn: Connection, ticket_type: UUID, choice: random.Random) -> None:
    if order := buy(conn, ticket_type, choice.randint(1, 3)):
        with suppress(OrderNotPending):  # it has expired meanwhile
            cancel(conn, order)


def offer(conn: Connection, ticket_type: UUID, choice: random.Random) -> None:
    run_job(conn)


def accept_some(conn: Connection, ticket_type: UUID, choice: random.Random) -> None:
    for entry, quantity in offers(conn):
        accept(conn, entry, choice.randint(1, quantity))


def lapse_an_offer(conn: Connection, ticket_type: UUID, choice: random.Random) -> None:
    conn.execute(
        """UPDATE waitlist_entries SET expires_at = now() WHERE id = (
            SELECT id FROM waitlist_entries WHERE status = 'offered' LIMIT 1 FOR UPDATE SKIP LOCKED)"""
    )


def leave_one(conn: Connection, ticket_type: UUID, choice: random.Random) -> None:
    for entry, _ in offers(conn)[:1]:
        leave(conn, entry)


def offers(conn: Connection) -> list[tuple[UUID, int]]:
    return conn.execute("SELECT id, quantity FROM waitlist_entries WHERE status = 'offered' LIMIT 3").fetchall()


ACTIONS = (join, expire_an_order, buy_and_cancel, offer, accept_some, lapse_an_offer, leave_one)


@pytest.mark.parametrize("seated", [False, True])
def test_no_stock_is_lost_while_orders_and_offers_begin_and_end(
    api: Client, database: Database, conn: Connection, seated: bool
) -> None:
    ticket_type = factories.ticket_type(conn, quantity=48)
    if seated:
        factories.seats(conn, ticket_type, *[6] * 8)
    sold = [buy(conn, ticket_type, 2) for _ in range(24)]
    for _ in range(24):
        factories.waitlist_entry(conn, ticket_type)
    for order in sold[:4]:
        assert order is not None
        cancel(conn, order)  # so that there are offers to accept from the start
    accept_some(conn, ticket_type, random.Random(0))

    def act(conn: Connection, number: int) -> None:
        choice = random.Random(number)
        for _ in range(12):
            choice.choice(ACTIONS)(conn, ticket_type, choice)

    race(database, 16, act)

    run_job(conn)
    assert deadlocks(conn) == 0
    invariants.check(conn)
    statuses = dict(conn.execute("SELECT status, count(*) FROM waitlist_entries GROUP BY status").fetchall())
    assert statuses.get("accepted", 0) > 0


def test_one_of_many_who_use_the_same_link_gets_the_tickets(api: Client, database: Database, conn: Connection) -> None:
    ticket_type = factories.ticket_type(conn, quantity=4)
    entry = factories.waitlist_entry(conn, ticket_type, quantity=4)
    run_job(conn)

    orders_or_none = race(database, 16, lambda conn, _: accept(conn, entry, 4))

    assert sum(order is not None for order in orders_or_none) == 1
    assert invariants.left(conn, ticket_type) == (0, 4, 0)
    invariants.check(conn)


def test_an_offer_is_accepted_or_left_but_not_both(api: Client, database: Database, conn: Connection) -> None:
    for delay in range(10):
        ticket_type = factories.ticket_type(conn, quantity=2)
        first, second = (factories.waitlist_entry(conn, ticket_type) for _ in range(2))
        run_job(conn)

        def act(conn: Connection, number: int, first: UUID = first, delay: int = delay) -> bool:
            if number == 0:
                return accept(conn, first, 2) is not None
            conn.execute("SELECT pg_sleep(%s)", [delay / 1000])
            with conn.transaction():
                leave(conn, first)
            return True

        accepted, _ = race(database, 2, act)

        statuses = dict(conn.execute("SELECT id, status FROM waitlist_entries WHERE id = ANY(%s)", [[first, second]]))
        assert statuses[first] == ("accepted" if accepted else "left")
        assert statuses[second] == ("waiting" if accepted else "offered")
        assert invariants.left(conn, ticket_type) == (0, 2, 0)
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_one_of_many_who_open_the_same_link_joins(api: Client, database: Database, conn: Connection) -> None:
    ticket_type = factories.ticket_type(conn)
    token = factories.waitlist_token(conn, ticket_type)

    opened = race(database, 12, lambda conn, _: confirm(conn, token))

    assert [entry for entry in opened if entry] == [row[0] for row in conn.execute("SELECT id FROM waitlist_entries")]
    assert conn.execute("SELECT count(*) FROM outbox").fetchone() == (1,)


def test_an_address_whose_links_are_opened_at_once_has_one_entry(
    api: Client, database: Database, conn: Connection
) -> None:
    ticket_type = factories.ticket_type(conn)
    tokens = [
        factories.waitlist_token(conn, ticket_type, quantity=1 + number % 5, email="ada@example.com")
        for number in range(12)
    ]

    opened = race(database, 12, lambda conn, number: confirm(conn, tokens[number]))

    assert {*opened} == {row[0] for row in conn.execute("SELECT id FROM waitlist_entries")}
    assert len({*opened}) == 1
    assert conn.execute("SELECT count(*) FROM one_time_tokens").fetchone() == (0,)
    assert deadlocks(conn) == 0


@pytest.mark.parametrize("end", ["leave", "lapse"])
def test_a_link_that_is_opened_while_the_entry_ends_is_not_lost(
    api: Client, database: Database, conn: Connection, end: str
) -> None:
    """Whoever opens it gets a new entry that waits, or the one that ends at this moment. No stock is lost."""
    for delay in range(8):
        ticket_type, email = factories.ticket_type(conn, quantity=2), f"ada{delay}@example.com"
        first = factories.waitlist_entry(conn, ticket_type, email=email)
        run_job(conn)
        if end == "lapse":
            conn.execute("UPDATE waitlist_entries SET expires_at = now() WHERE id = %s", [first])
        token = factories.waitlist_token(conn, ticket_type, quantity=1, email=email)

        def act(
            conn: Connection, number: int, first: UUID = first, delay: int = delay, token: str = token
        ) -> UUID | None:
            if number == 0:
                conn.execute("SELECT pg_sleep(%s)", [delay / 1000])
                return confirm(conn, token)
            with conn.transaction():
                if end == "lapse":
                    service.end_lapsed_offer(conn, first)
                else:
                    entries.leave(conn, Caller(Who.GUEST, guest_token=waitlist_token(first)), first)
            return None

        opened, _ = race(database, 2, act)
        for lapsed in service.list_lapsed(conn):
            with conn.transaction():
                service.end_lapsed_offer(conn, lapsed)

        statuses = dict(
            conn.execute("SELECT id, status FROM waitlist_entries WHERE ticket_type_id = %s", [ticket_type]).fetchall()
        )
        ended = "left" if end == "leave" else "lapsed"
        assert statuses == ({first: ended} if opened == first else {first: ended, opened: "waiting"})
        assert invariants.left(conn, ticket_type) == (2, 0, 0)
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_a_mailbox_gets_three_offers_though_ten_transactions_make_them(
    api: Client, database: Database, conn: Connection
) -> None:
    ticket_types = [factories.ticket_type(conn, quantity=4) for _ in range(10)]
    for ticket_type in ticket_types:
        for number in range(2):
            email = f"ada+{number}@example.com"
            factories.waitlist_entry(conn, ticket_type, email=email, quantity=1)
        factories.waitlist_entry(conn, ticket_type, quantity=1)

    race(database, 10, lambda conn, number: service.make_offers(conn, ticket_types[number], wait=False))
    run_job(conn)

    offers = conn.execute(
        "SELECT mailbox = 'ada@example.com', count(*) FROM waitlist_entries WHERE status = 'offered' GROUP BY 1"
    )
    assert dict(offers.fetchall()) == {True: 3, False: 10}
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_a_transaction_that_frees_stock_never_waits_for_other_stock(
    api: Client, database: Database, conn: Connection
) -> None:
    ticket_type = factories.ticket_type(conn, quantity=4)
    order = buy(conn, ticket_type, 2)
    assert order is not None
    factories.waitlist_entry(conn, ticket_type, quantity=4)

    def act(conn: Connection, number: int) -> bool:
        if number == 0:
            with conn.transaction(force_rollback=True):
                conn.execute("SELECT FROM stock WHERE available > 0 FOR UPDATE")
                conn.execute("SELECT pg_sleep(0.4)")
            return True
        conn.execute("SELECT pg_sleep(0.1)")
        with conn.transaction():
            conn.execute("SET LOCAL lock_timeout = '1s'")
            return not service.make_offers(conn, ticket_type, wait=False)

    assert all(race(database, 2, act))


def test_a_job_that_waits_for_one_pool_locks_no_row_of_another(
    api: Client, database: Database, conn: Connection
) -> None:
    capacity = stock.create_pool(conn, 40)
    ticket_type = factories.ticket_type(
        conn, quantity=40, event_id=factories.event(conn, capacity_pool_id=capacity), max_per_order=30
    )
    (own,) = conn.execute("SELECT pool_id FROM ticket_types").fetchone() or (None,)
    in_one_row, in_several_rows = sorted((own, capacity), reverse=True)
    conn.execute("UPDATE stock SET available = CASE row_no WHEN 0 THEN 40 ELSE 0 END WHERE pool_id = %s", [in_one_row])
    factories.waitlist_entry(conn, ticket_type, quantity=25)

    def act(conn: Connection, number: int) -> bool:
        if number == 0:
            conn.execute("SELECT pg_sleep(0.2)")
            return service.make_offers(conn, ticket_type) == 1
        with conn.transaction():
            conn.execute("SELECT FROM stock WHERE pool_id = %s FOR NO KEY UPDATE", [in_several_rows])
            conn.execute("SELECT pg_sleep(0.4)")
            conn.execute("SELECT FROM stock WHERE pool_id = %s FOR NO KEY UPDATE", [in_one_row])
        return True

    assert all(race(database, 2, act))
    assert deadlocks(conn) == 0
    invariants.check(conn)
