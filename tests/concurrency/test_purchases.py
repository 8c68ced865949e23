"""Buyers who come at once buy exactly what is available."""

import random
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from boxoffice.auth import Caller, Who
from boxoffice.errors import KeyReused
from boxoffice.guest_tokens import order_token
from boxoffice.orders import service
from boxoffice.orders.models import OrderRequest, PlacedOrder
from boxoffice.stock.errors import SoldOut
from tests.helpers import factories, invariants, sellers
from tests.helpers.factories import order_request
from tests.helpers.racing import deadlocks, race
from tests.helpers.support import Client, Database


def buy(conn: Connection, wanted: dict[UUID, int], *, key: str | None = None) -> PlacedOrder | None:
    """Place an order as a guest. Return None if it is sold out."""
    items = [{"ticket_type_id": str(each), "quantity": quantity} for each, quantity in wanted.items()]
    request = OrderRequest.model_validate({**order_request(uuid4()), "items": items})
    try:
        return service.place_order(conn, Caller(Who.PUBLIC), request, key or str(uuid4()))
    except SoldOut:
        return None


def test_64_writers_on_500_tickets_sell_exactly_500(api: Client, database: Database, conn: Connection) -> None:
    ticket_type = factories.ticket_type(conn, quantity=500)

    def buy_until_sold_out(conn: Connection, _: int) -> int:
        bought = 0
        while buy(conn, {ticket_type: 1}):
            bought += 1
        return bought

    assert sum(race(database, 64, buy_until_sold_out)) == 500

    assert invariants.left(conn, ticket_type) == (0, 500, 0)
    assert conn.execute("SELECT count(*) FROM orders").fetchone() == (500,)
    assert deadlocks(conn) == 0
    invariants.check(conn)


@pytest.mark.parametrize("size", [3, 7])
def test_sold_out_is_only_said_when_an_order_of_that_size_no_longer_fits(
    api: Client, database: Database, conn: Connection, size: int
) -> None:
    ticket_type = factories.ticket_type(conn, quantity=500)

    def buy_until_sold_out(conn: Connection, _: int) -> int:
        bought = 0
        while buy(conn, {ticket_type: size}):
            bought += 1
        return bought

    assert sum(race(database, 32, buy_until_sold_out)) == 500 // size

    assert invariants.left(conn, ticket_type)[0] == 500 % size
    invariants.check(conn)


def test_mixed_carts_never_deadlock_and_leave_nothing_unsold_that_fits(
    api: Client, database: Database, conn: Connection
) -> None:
    event = factories.event(conn)
    prices = (5000, 2500, 0, 100)
    types = [factories.ticket_type(conn, event_id=event, quantity=120, price=price) for price in prices]

    def buy_at_random(conn: Connection, number: int) -> None:
        choice = random.Random(number)
        refused = 0
        while refused < 4:
            cart = choice.sample(types, choice.randint(1, 4))
            refused += buy(conn, {each: choice.randint(1, 6) for each in cart}) is None
        for each in types:
            while buy(conn, {each: 1}):
                pass

    race(database, 24, buy_at_random)

    assert [invariants.left(conn, each)[0] for each in types] == [0, 0, 0, 0]
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_stock_of_cancelled_and_expired_orders_is_sold_again(api: Client, database: Database, conn: Connection) -> None:
    ticket_type = factories.ticket_type(conn, quantity=60)

    def buy_and_change_ones_mind(conn: Connection, number: int) -> int:
        choice = random.Random(number)
        bought = 0
        for _ in range(25):
            order = buy(conn, {ticket_type: choice.randint(1, 3)})
            if order is None:
                continue
            fate = choice.choice(["cancel", "lapse", "keep"])
            if fate == "cancel":
                guest = Caller(Who.GUEST, guest_token=order_token(order.id))
                with conn.transaction():
                    service.cancel_order(conn, guest, order.id)
            elif fate == "lapse":
                conn.execute("UPDATE orders SET expires_at = now() - interval '1 second' WHERE id = %s", [order.id])
                sellers.expire_orders(conn, batch=3)
            else:
                bought += order.items[0].quantity
        return bought

    race(database, 16, buy_and_change_ones_mind)
    while sellers.expire_orders(conn):
        pass
    while buy(conn, {ticket_type: 1}):
        pass

    assert invariants.left(conn, ticket_type) == (0, 60, 0)
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_repeats_of_a_request_that_race_have_one_effect_and_one_answer(
    api: Client, database: Database, conn: Connection
) -> None:
    for price in (5000, 0):
        ticket_type = factories.ticket_type(conn, quantity=50, price=price)
        request = OrderRequest.model_validate(order_request(ticket_type))

        def repeat(conn: Connection, _: int, request: OrderRequest = request) -> dict[str, Any]:
            answer = service.place_order(conn, Caller(Who.PUBLIC), request, "the same key")
            return answer.model_dump()

        answers = race(database, 12, repeat)

        assert all(answer == answers[0] for answer in answers)
        available, held, sold = invariants.left(conn, ticket_type)
        assert (available, held + sold) == (48, 2)
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_one_key_with_different_addresses_at_once_places_one_order(
    api: Client, database: Database, conn: Connection
) -> None:
    ticket_type = factories.ticket_type(conn, quantity=50)

    def correct_the_address(conn: Connection, _: int) -> str:
        request = OrderRequest.model_validate(order_request(ticket_type))  # each has an address of its own
        try:
            return str(service.place_order(conn, Caller(Who.PUBLIC), request, "the same key of 12").id)
        except KeyReused as error:
            return error.code

    answers = race(database, 12, correct_the_address)

    assert sorted(answers)[1:] == ["idempotency_key_reused"] * 11
    assert invariants.left(conn, ticket_type) == (48, 2, 0)
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_the_last_tickets_go_although_they_lie_in_many_rows(api: Client, conn: Connection) -> None:
    ticket_type = factories.ticket_type(conn, quantity=100)
    conn.execute("UPDATE stock SET available = 1, held = 9")
    conn.execute("UPDATE stock_pools SET quantity = quantity")

    assert buy(conn, {ticket_type: 6}) is not None
    assert buy(conn, {ticket_type: 5}) is None
    assert buy(conn, {ticket_type: 4}) is not None

    assert invariants.left(conn, ticket_type)[0] == 0


def test_a_buyer_waits_for_stock_that_another_transaction_may_give_back(
    api: Client, database: Database, conn: Connection
) -> None:
    ticket_type = factories.ticket_type(conn, quantity=5)

    def hold_and_let_go(conn: Connection, number: int) -> bool:
        if number == 0:
            with conn.transaction(force_rollback=True):
                conn.execute("UPDATE stock SET available = 0, held = 5")
                conn.execute("SELECT pg_sleep(0.5)")
            return True
        conn.execute("SELECT pg_sleep(0.1)")
        return buy(conn, {ticket_type: 2}) is not None

    assert race(database, 3, hold_and_let_go) == [True, True, True]
