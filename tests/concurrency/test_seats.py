"""Buyers who come at once never share a seat. The answer is "seats are gone" only when they are."""

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from boxoffice.auth import Caller, Who
from boxoffice.guest_tokens import order_token
from boxoffice.orders import service
from boxoffice.orders.models import OrderRequest, PlacedOrder
from boxoffice.seats.errors import NoSeatsTogether, SeatNotFound, SeatsInUse, SeatTaken
from boxoffice.seats.models import SeatMapRequest
from boxoffice.stock.errors import SoldOut
from boxoffice.ticket_types import service as ticket_types
from boxoffice.ticket_types.errors import TicketsTaken
from tests.helpers import factories, invariants, sellers
from tests.helpers.factories import order_request
from tests.helpers.racing import deadlocks, race
from tests.helpers.support import Client, Database

UNAVAILABLE = (SoldOut, SeatTaken, NoSeatsTogether)


def buy(conn: Connection, ticket_type: UUID, quantity: int, seat_ids: Sequence[UUID] = (), **more: Any) -> PlacedOrder:
    """Place an order as a guest."""
    named = {"seat_ids": [str(seat) for seat in seat_ids]} if seat_ids else {}
    items = [{"ticket_type_id": str(ticket_type), "quantity": quantity, **named, **more}]
    request = OrderRequest.model_validate({**order_request(uuid4()), "items": items})
    return service.place_order(conn, Caller(Who.PUBLIC), request, str(uuid4()))


def seats_of(orders: Sequence[PlacedOrder | None]) -> list[UUID]:
    """Return all seats of these orders."""
    return [seat.id for order in orders if order for item in order.items for seat in item.seats]


def end_order(conn: Connection, order: PlacedOrder, how: str) -> None:
    """Cancel an order, or let it expire."""
    if how == "cancel":
        with conn.transaction():
            service.cancel_order(conn, Caller(Who.GUEST, guest_token=order_token(order.id)), order.id)
    else:
        conn.execute("UPDATE orders SET expires_at = now() - interval '1 second' WHERE id = %s", [order.id])
        sellers.expire_orders(conn, batch=3)


def test_one_of_64_buyers_of_the_same_seats_gets_them(api: Client, database: Database, conn: Connection) -> None:
    ticket_type = factories.ticket_type(conn)
    (row,) = factories.seats(conn, ticket_type, 10)

    def want(conn: Connection, number: int) -> PlacedOrder | None:
        try:
            return buy(conn, ticket_type, 2, row[4:6] if number % 2 else row[5:3:-1])
        except SeatTaken:
            return None

    orders = race(database, 64, want)

    assert sum(order is not None for order in orders) == 1
    assert sorted(seats_of(orders)) == sorted(row[4:6])
    assert invariants.left(conn, ticket_type) == (8, 2, 0)
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_overlapping_requests_get_all_their_seats_or_none(api: Client, database: Database, conn: Connection) -> None:
    ticket_type = factories.ticket_type(conn)
    seats = [seat for row in factories.seats(conn, ticket_type, 12, 12, 12) for seat in row]

    def want(conn: Connection, number: int) -> list[PlacedOrder]:
        choice = random.Random(number)
        placed = []
        for _ in range(6):
            try:
                placed.append(buy(conn, ticket_type, 3, choice.sample(seats, 3)))
            except UNAVAILABLE:
                continue
        return placed

    orders = [order for placed in race(database, 32, want) for order in placed]

    taken = seats_of(orders)
    assert len(taken) == len(set(taken)) == 3 * len(orders)
    assert invariants.left(conn, ticket_type) == (36 - len(taken), len(taken), 0)
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_64_buyers_of_the_best_seats_get_all_of_them_in_pairs(
    api: Client, database: Database, conn: Connection
) -> None:
    ticket_type = factories.ticket_type(conn)
    factories.seats(conn, ticket_type, *[8] * 20)

    def want(conn: Connection, _: int) -> list[PlacedOrder]:
        placed = []
        try:
            while True:
                placed.append(buy(conn, ticket_type, 2))
        except UNAVAILABLE:
            return placed

    orders = [order for placed in race(database, 64, want) for order in placed]

    assert len(orders) == 80  # nobody was turned away while there were two together
    assert len(set(seats_of(orders))) == 160
    for order in orders:
        first, second = (seat.label.rsplit(" · ", 1) for seat in order.items[0].seats)
        assert (first[0], int(first[1]) + 1) == (second[0], int(second[1]))
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_all_seats_are_sold_while_some_buyers_want_them_together(
    api: Client, database: Database, conn: Connection
) -> None:
    ticket_type = factories.ticket_type(conn)
    factories.seats(conn, ticket_type, *[7] * 12)

    def want(conn: Connection, number: int) -> int:
        sizes, bought = random.Random(number).sample([1, 2, 3, 4], 4), 0
        for size in sizes:
            try:
                while True:
                    buy(conn, ticket_type, size, together=number % 3 > 0)
                    bought += size
            except UNAVAILABLE:
                continue
        return bought

    assert sum(race(database, 24, want)) == 84
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_no_seat_is_lost_while_orders_of_several_maps_begin_and_end(
    api: Client, database: Database, conn: Connection
) -> None:
    event = factories.event(conn)
    stalls, balcony = (factories.ticket_type(conn, event_id=event) for _ in range(2))
    maps = {stalls: factories.seats(conn, stalls, 6, 6, 6), balcony: factories.seats(conn, balcony, 6, 6, section="Up")}

    def cart(choice: random.Random) -> list[dict[str, Any]]:
        items = []
        for ticket_type in choice.sample(list(maps), choice.randint(1, 2)):
            item: dict[str, Any] = {"ticket_type_id": str(ticket_type), "quantity": choice.randint(1, 3)}
            match choice.randint(0, 2):
                case 0:
                    seats = [str(seat) for row in maps[ticket_type] for seat in row]
                    item["seat_ids"] = choice.sample(seats, item["quantity"])
                case 1:
                    item["together"] = False
            items.append(item)
        return items

    def act(conn: Connection, number: int) -> list[PlacedOrder]:
        choice = random.Random(number)
        kept = []
        for _ in range(15):
            request = OrderRequest.model_validate({**order_request(uuid4()), "items": cart(choice)})
            try:
                order = service.place_order(conn, Caller(Who.PUBLIC), request, str(uuid4()))
            except UNAVAILABLE:
                continue
            if choice.random() < 0.8:
                end_order(conn, order, choice.choice(["cancel", "expire"]))
            else:
                kept.append(order)
        return kept

    kept = [order for orders in race(database, 24, act) for order in orders]

    assert max(Counter(seats_of(kept)).values()) == 1
    left = sum(invariants.left(conn, each)[0] for each in maps)
    assert left == 30 - len(seats_of(kept))
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_a_buyer_waits_for_seats_that_another_transaction_may_release(
    api: Client, database: Database, conn: Connection
) -> None:
    ticket_type = factories.ticket_type(conn)
    factories.seats(conn, ticket_type, 4)
    conn.execute("UPDATE stock_pools SET quantity = quantity")

    def hold_and_let_go(conn: Connection, number: int) -> bool:
        if number == 0:
            with conn.transaction(force_rollback=True):
                conn.execute("UPDATE seats SET owner_id = %s", [uuid4()])
                conn.execute("UPDATE seat_rows SET longest_free = 0")
                conn.execute("SELECT pg_sleep(0.5)")
            return True
        conn.execute("SELECT pg_sleep(0.1)")
        return len(seats_of([buy(conn, ticket_type, 2)])) == 2

    assert race(database, 3, hold_and_let_go) == [True, True, True]


def lay_out(conn: Connection, manager: Caller, ticket_type: UUID, lengths: Sequence[int]) -> None:
    rows = [
        {"section": "Stalls", "row": chr(65 + row), "numbers": [str(number) for number in range(length)]}
        for row, length in enumerate(lengths)
    ]
    with conn.transaction():
        ticket_types.define_seats(conn, manager, ticket_type, SeatMapRequest.model_validate({"rows": rows}))


def test_a_ticket_type_gets_seats_or_sells_without_but_not_both(
    api: Client, database: Database, conn: Connection, manager: Caller, event: UUID
) -> None:
    for delay in range(8):
        ticket_type = factories.ticket_type(conn, event_id=event, quantity=8)

        def act(conn: Connection, number: int, delay: int = delay, ticket_type: UUID = ticket_type) -> bool:
            try:
                if number == 0:
                    conn.execute("SELECT pg_sleep(%s)", [delay / 1000])
                    lay_out(conn, manager, ticket_type, [4, 4])
                else:
                    buy(conn, ticket_type, 2)
            except (*UNAVAILABLE, TicketsTaken):
                return False
            return True

        outcome = race(database, 6, act)

        assert sum(outcome) == 4 + outcome[0]
        seated = conn.execute("SELECT seated FROM ticket_types WHERE id = %s", [ticket_type]).fetchone()
        assert seated == (outcome[0],)
        conn.execute("UPDATE seats SET key = %s || key WHERE event_id = %s", [str(ticket_type), event])
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_a_seat_map_changes_while_it_sells(
    api: Client, database: Database, conn: Connection, manager: Caller, event: UUID
) -> None:
    ticket_type = factories.ticket_type(conn, event_id=event)
    lay_out(conn, manager, ticket_type, [6, 6])

    def act(conn: Connection, number: int) -> list[PlacedOrder]:
        choice = random.Random(number)
        placed = []
        for _ in range(12):
            try:
                if number < 3:
                    lay_out(conn, manager, ticket_type, choice.choice([[6, 6], [8, 8, 4], [6, 6, 6, 6, 6], [9] * 6]))
                else:
                    placed.append(buy(conn, ticket_type, choice.randint(1, 3)))
            except (*UNAVAILABLE, SeatsInUse, SeatNotFound):
                continue
        return placed

    orders = [order for placed in race(database, 12, act) for order in placed]

    assert orders
    assert all(len(item.seats) == item.quantity for order in orders for item in order.items)
    assert max(Counter(seats_of(orders)).values()) == 1
    assert deadlocks(conn) == 0
    invariants.check(conn)


@pytest.mark.parametrize("price", [0, 5000])
def test_repeated_requests_that_race_get_the_same_seats(
    api: Client, database: Database, conn: Connection, price: int
) -> None:
    ticket_type = factories.ticket_type(conn, price=price)
    factories.seats(conn, ticket_type, 20)
    request = OrderRequest.model_validate(order_request(ticket_type, 3))

    def repeat(conn: psycopg.Connection, _: int) -> dict[str, Any]:
        return service.place_order(conn, Caller(Who.PUBLIC), request, "the same key").model_dump()

    answers = race(database, 12, repeat)

    assert all(answer == answers[0] for answer in answers)
    assert invariants.left(conn, ticket_type)[0] == 17
    invariants.check(conn)
