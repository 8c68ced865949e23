"""Guests who come at once never get more than their budgets, and honest ones behind one address get their tickets."""

from collections import Counter
from typing import Literal
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from boxoffice.auth import Caller, Who
from boxoffice.guest_tokens import order_token
from boxoffice.orders import service
from boxoffice.orders.errors import GuestBudgetReached
from boxoffice.orders.models import OrderRequest, PlacedOrder
from tests.helpers import factories, invariants
from tests.helpers.factories import guest_budget, order_request, platform_setting
from tests.helpers.racing import deadlocks, race, race_in_processes
from tests.helpers.support import Client, Database

ONE_ADDRESS = "203.0.113.7"


def buy(
    conn: Connection,
    ticket_type: UUID,
    quantity: int,
    *,
    email: str | None = None,
    address: str = ONE_ADDRESS,
    key: str | None = None,
    challenge: Literal["passed"] | None = None,
) -> PlacedOrder | None:
    """Place an order as a guest. Return None if a budget is used up."""
    buyer = {"name": "Ada", "email": email or f"{uuid4().hex}@example.com"}
    request = OrderRequest.model_validate(order_request(ticket_type, quantity, buyer=buyer))
    try:
        return service.place_order(conn, Caller(Who.PUBLIC, address=address), request, key or str(uuid4()), challenge)
    except GuestBudgetReached:
        return None


def test_one_address_gets_no_more_than_its_budget_however_many_requests_it_sends(
    api: Client, database: Database, conn: Connection
) -> None:
    """552 requests for 5,200 tickets. By default, an address may have a fifth of an event, but no more than 500."""
    platform_setting(conn, **factories.DEFAULT_GUEST_BUDGETS)
    ticket_type = factories.ticket_type(conn, quantity=5200)

    def attack(conn: Connection, _: int) -> int:
        return sum(buy(conn, ticket_type, 10) is not None for _ in range(23))

    assert sum(race(database, 24, attack)) == 50

    assert invariants.left(conn, ticket_type) == (4700, 500, 0)
    short = "SELECT count(*) FROM orders WHERE expires_at - created_at = interval '5 minutes'"
    assert conn.execute(short).fetchone() == (25,)  # the second half
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_one_address_gets_no_more_than_its_budget_of_a_free_event(
    api: Client, database: Database, conn: Connection
) -> None:
    platform_setting(conn, **factories.DEFAULT_GUEST_BUDGETS)
    ticket_type = factories.ticket_type(conn, price=0, quantity=100)

    order_token(ticket_type)  # reads the secret, which a forked process cannot
    assert sum(race_in_processes(database, 11, lambda conn, _: buy(conn, ticket_type, 10) is not None)) == 1
    assert invariants.left(conn, ticket_type) == (90, 0, 10)
    invariants.check(conn)


def test_one_mailbox_gets_no_more_than_its_budget_from_everywhere(
    api: Client, database: Database, conn: Connection
) -> None:
    platform_setting(conn, guest_unpaid=guest_budget(mailbox_most=6))
    ticket_type = factories.ticket_type(conn)

    def attack(conn: Connection, number: int) -> bool:
        return buy(conn, ticket_type, 2, email=f"a.da+{number}@gmail.com", address=f"192.0.2.{number}") is not None

    assert Counter(race(database, 16, attack)) == {True: 3, False: 13}
    assert deadlocks(conn) == 0


def test_500_honest_buyers_behind_one_address_get_their_tickets(
    api: Client, database: Database, conn: Connection
) -> None:
    """Half of them fit into the budget of 500 tickets. The others solve the challenge that the refusal names."""
    platform_setting(conn, **factories.DEFAULT_GUEST_BUDGETS)
    ticket_type = factories.ticket_type(conn, quantity=3000)

    def arrive(conn: Connection, _: int) -> list[bool]:
        solved = []
        for _ in range(25):
            solved.append(buy(conn, ticket_type, 2) is None)
            if solved[-1]:
                assert buy(conn, ticket_type, 2, challenge="passed")
        return solved

    had_to_solve = Counter(each for solved in race(database, 20, arrive) for each in solved)

    assert had_to_solve == {True: 250, False: 250}
    assert invariants.left(conn, ticket_type) == (2000, 1000, 0)
    invariants.check(conn)


def test_those_who_wait_get_theirs_as_soon_as_others_have_paid(
    api: Client, database: Database, conn: Connection
) -> None:
    """A budget of 20 tickets serves 80 buyers of two behind one address, since all of them pay."""
    platform_setting(conn, guest_unpaid=guest_budget(network_percent=1, network_least=20))
    ticket_type = factories.ticket_type(conn, quantity=200)

    def buy_and_pay(conn: Connection, _: int) -> int:
        tries = 0
        for _ in range(5):
            while (placed := buy(conn, ticket_type, 2)) is None:
                tries += 1
                assert tries < 1000
                conn.execute("SELECT pg_sleep(0.005)")
            with conn.transaction():
                service.pay(conn, service.lock_order(conn, placed.id), reason="test")
        return tries

    race(database, 16, buy_and_pay)

    assert invariants.left(conn, ticket_type) == (40, 0, 160)
    assert conn.execute("SELECT count(*) FROM guest_holds").fetchone() == (0,)
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_repeats_at_once_are_one_order_even_if_the_budget_has_room_for_one(
    api: Client, database: Database, conn: Connection
) -> None:
    platform_setting(conn, guest_unpaid=guest_budget(network_percent=1, network_least=2, mailbox_most=2))
    ticket_type = factories.ticket_type(conn)
    email, key = "ada@example.com", str(uuid4())

    placed = race(database, 16, lambda conn, _: buy(conn, ticket_type, 2, email=email, key=key))

    assert len({order.id for order in placed if order}) == 1
    assert None not in placed
    assert conn.execute("SELECT sum(quantity) FROM guest_holds").fetchone() == (2,)
    invariants.check(conn)


@pytest.mark.parametrize("quantity", [1, 7])
def test_refused_buyers_of_a_sold_out_event_leave_nothing_behind(
    api: Client, database: Database, conn: Connection, quantity: int
) -> None:
    ticket_type = factories.ticket_type(conn, quantity=0)

    def ask(conn: Connection, _: int) -> None:
        from boxoffice.stock.errors import SoldOut

        with pytest.raises(SoldOut):
            buy(conn, ticket_type, quantity)

    race(database, 16, ask)

    assert conn.execute("SELECT count(*) FROM guest_holds").fetchone() == (0,)
