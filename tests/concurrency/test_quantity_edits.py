"""Managers edit quantities while tickets sell. Nothing is oversold, and the counts add up at every moment."""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from boxoffice import db
from boxoffice.auth import Caller, Who
from boxoffice.errors import NotFound, StaleVersion
from boxoffice.events import service as events
from boxoffice.events.models import EventPatch
from boxoffice.guest_tokens import order_token
from boxoffice.orders import service as orders
from boxoffice.orders.errors import TicketTypeNotFound
from boxoffice.orders.models import OrderRequest, PlacedOrder
from boxoffice.stock import service as stock
from boxoffice.stock.errors import QuantityTooLow, SoldOut
from boxoffice.stock.models import Draw
from boxoffice.ticket_types import service as ticket_types
from boxoffice.ticket_types.errors import NoTicketTypes, TicketsTaken
from boxoffice.ticket_types.models import TicketTypePatch, TicketTypeRequest
from tests.helpers import factories, invariants
from tests.helpers.factories import order_request
from tests.helpers.racing import deadlocks, race, watching
from tests.helpers.support import Client, Database


def buy(conn: Connection, ticket_type: UUID, quantity: int) -> PlacedOrder | None:
    """Place an order as a guest. Return None if nothing is available or for sale any more."""
    request = OrderRequest.model_validate(order_request(ticket_type, quantity))
    try:
        return orders.place_order(conn, Caller(Who.PUBLIC), request, str(uuid4()))
    except (SoldOut, TicketTypeNotFound):
        return None


def edit(conn: Connection, manager: Caller, ticket_type: UUID, version: int | None = None, **changes: Any) -> bool:
    """Change a ticket type. Return True if it changed."""
    try:
        with conn.transaction():
            patch = TicketTypePatch.model_validate(changes)
            ticket_types.update_ticket_type(conn, manager, ticket_type, patch, version)
    except (QuantityTooLow, StaleVersion, NotFound):
        return False
    return True


def wrong_counts(ticket_type: UUID) -> Callable[[Connection], tuple[int, ...] | None]:
    """Return the counts of the stock if they do not add up."""

    def read_counts(conn: Connection) -> tuple[int, ...] | None:
        row = db.one(conn, dict, ticket_types.SQL.get_ticket_type, id=ticket_type)
        assert row is not None
        counts = (row["quantity"], row["available"], row["held"], row["sold"])
        return counts if min(counts) < 0 or sum(counts[1:]) != counts[0] else None

    return read_counts


def test_a_quantity_goes_up_and_down_while_tickets_sell(
    api: Client, database: Database, conn: Connection, manager: Caller, event: UUID
) -> None:
    ticket_type = factories.ticket_type(conn, event_id=event, quantity=300)

    def buy_or_edit(conn: Connection, number: int) -> int:
        choice = random.Random(number)
        if number < 3:
            for _ in range(25):
                edit(conn, manager, ticket_type, quantity=choice.choice([0, 40, 150, 300, 900, 3000]))
            return 0
        held = 0
        for _ in range(20):
            order = buy(conn, ticket_type, choice.randint(1, 6))
            if order and choice.random() < 0.3:
                with conn.transaction():
                    orders.cancel_order(conn, Caller(Who.GUEST, guest_token=order_token(order.id)), order.id)
            elif order:
                held += order.items[0].quantity
        return held

    with watching(database, wrong_counts(ticket_type)) as wrong:
        held = sum(race(database, 16, buy_or_edit))

    assert wrong == []
    assert invariants.left(conn, ticket_type)[1:] == (held, 0)
    assert deadlocks(conn) == 0
    invariants.check(conn)
    assert edit(conn, manager, ticket_type, quantity=held)
    assert not edit(conn, manager, ticket_type, quantity=held - 1)
    assert buy(conn, ticket_type, 1) is None


def test_a_quantity_shrunk_to_what_is_held_leaves_nothing_to_buy(
    api: Client, database: Database, conn: Connection, manager: Caller, event: UUID
) -> None:
    for _ in range(5):
        ticket_type = factories.ticket_type(conn, event_id=event, quantity=200)

        def buy_or_shrink(conn: Connection, number: int, ticket_type: UUID = ticket_type) -> int:
            if number == 0:
                return -int(edit(conn, manager, ticket_type, quantity=20))
            return sum(buy(conn, ticket_type, 2) is not None for _ in range(4)) * 2

        shrunk, *bought = race(database, 12, buy_or_shrink)

        limit = 20 if shrunk else 200
        assert sum(bought) <= limit
        assert invariants.left(conn, ticket_type) == (limit - sum(bought), sum(bought), 0)
    invariants.check(conn)


def test_buyers_find_added_stock_at_once(
    api: Client, database: Database, conn: Connection, manager: Caller, event: UUID
) -> None:
    ticket_type = factories.ticket_type(conn, event_id=event, quantity=0)

    def buy_or_grow(conn: Connection, number: int) -> int:
        if number == 0:
            return sum(edit(conn, manager, ticket_type, quantity=n * 40) for n in range(1, 11)) * 0
        bought = 0
        while bought < 40:
            bought += (buy(conn, ticket_type, 4) is not None) * 4
        return bought

    assert sum(race(database, 11, buy_or_grow)) == 400

    assert invariants.left(conn, ticket_type) == (0, 400, 0)
    invariants.check(conn)


def test_one_of_many_edits_of_the_same_version_is_made(
    api: Client, database: Database, conn: Connection, manager: Caller, event: UUID
) -> None:
    ticket_type = factories.ticket_type(conn, event_id=event, quantity=50)

    made = race(database, 10, lambda conn, n: edit(conn, manager, ticket_type, version=1, quantity=100 + n))

    assert sum(made) == 1
    assert invariants.left(conn, ticket_type) == (100 + made.index(True), 0, 0)
    assert conn.execute("SELECT count(*) FROM audit_log").fetchone() == (1,)


def test_one_of_many_edits_of_the_same_event_is_made(
    api: Client, database: Database, conn: Connection, manager: Caller, event: UUID
) -> None:
    def rename(conn: Connection, number: int) -> bool:
        try:
            with conn.transaction():
                events.update_event(conn, manager, event, EventPatch(title=f"Title {number}"), 1)
        except StaleVersion:
            return False
        return True

    made = race(database, 10, rename)

    assert sum(made) == 1
    row = conn.execute("SELECT title, version FROM events").fetchone()
    assert row == (f"Title {made.index(True)}", 2)


def delete_event(conn: Connection, manager: Caller, event: UUID, _: UUID) -> None:
    events.delete_event(conn, manager, event)


def delete_ticket_type(conn: Connection, manager: Caller, _: UUID, ticket_type: UUID) -> None:
    ticket_types.delete_ticket_type(conn, manager, ticket_type)


def shrink(conn: Connection, manager: Caller, _: UUID, ticket_type: UUID) -> None:
    ticket_types.update_ticket_type(conn, manager, ticket_type, TicketTypePatch(quantity=1), None)


type Edit = Callable[[Connection, Caller, UUID, UUID], None]


@pytest.mark.parametrize("edit_stock", [delete_event, delete_ticket_type, shrink])
def test_an_edit_waits_for_a_running_purchase_and_counts_it(
    api: Client, database: Database, conn: Connection, manager: Caller, event: UUID, edit_stock: Edit
) -> None:
    factories.ticket_type(conn, event_id=event)
    ticket_type = factories.ticket_type(conn, event_id=event, quantity=40)

    def buy_slowly_or_edit(conn: Connection, number: int) -> bool:
        with conn.transaction():
            if number == 0:
                bought = buy(conn, ticket_type, 2)
                conn.execute("SELECT pg_sleep(0.4)")
                return bought is not None
            conn.execute("SELECT pg_sleep(0.2)")
            with pytest.raises((TicketsTaken, QuantityTooLow)), conn.transaction():
                edit_stock(conn, manager, event, ticket_type)
            return True

    assert race(database, 2, buy_slowly_or_edit) == [True, True]
    assert invariants.left(conn, ticket_type) == (38, 2, 0)


@pytest.mark.parametrize("edit_stock", [delete_event, delete_ticket_type, shrink])
def test_a_purchase_that_read_the_terms_before_finds_no_stock(
    api: Client,
    database: Database,
    conn: Connection,
    manager: Caller,
    event: UUID,
    edit_stock: Edit,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    factories.ticket_type(conn, event_id=event)
    ticket_type = factories.ticket_type(conn, event_id=event, quantity=40)
    plans = stock.plans

    def plan_after_the_edit(buyer: Connection, draws: Sequence[Draw]) -> Iterator[Sequence[Draw]]:
        with conn.transaction():
            edit_stock(conn, manager, event, ticket_type)
        return plans(buyer, draws)

    monkeypatch.setattr(stock, "plans", plan_after_the_edit)
    with db.Connection.connect(database.api_url, autocommit=True) as buyer:
        assert buy(buyer, ticket_type, 2) is None

    assert invariants.left(conn, ticket_type)[1:] == (0, 0)
    invariants.check(conn)


def test_a_ticket_type_is_deleted_or_sold_but_not_both(
    api: Client, database: Database, conn: Connection, manager: Caller, event: UUID
) -> None:
    factories.ticket_type(conn, event_id=event)
    for number in range(12):
        ticket_type = factories.ticket_type(conn, event_id=event, quantity=40)

        def buy_or_delete(conn: Connection, racer: int, number: int = number, ticket_type: UUID = ticket_type) -> bool:
            if racer > 0:
                return buy(conn, ticket_type, 2) is not None
            conn.execute("SELECT pg_sleep(%s)", [number / 2000])
            try:
                with conn.transaction():
                    ticket_types.delete_ticket_type(conn, manager, ticket_type)
            except TicketsTaken:
                return False
            return True

        deleted, *bought = race(database, 6, buy_or_delete)

        assert deleted is not any(bought)
        if deleted:
            assert invariants.left(conn, ticket_type) == (0, 0, 0)
            assert buy(conn, ticket_type, 1) is None
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_an_event_is_deleted_or_sold_but_not_both(
    api: Client, database: Database, conn: Connection, manager: Caller, organisation: UUID
) -> None:
    for number in range(12):
        event = factories.event(conn, organisation_id=organisation)
        types = [factories.ticket_type(conn, event_id=event, quantity=40) for _ in range(3)]

        def act(
            conn: Connection, racer: int, number: int = number, event: UUID = event, types: list[UUID] = types
        ) -> bool:
            if racer == 1:
                return edit(conn, manager, types[number % 3], quantity=70) and False
            if racer > 1:
                return buy(conn, types[(number + racer) % 3], 2) is not None
            conn.execute("SELECT pg_sleep(%s)", [number / 2000])
            try:
                with conn.transaction():
                    events.delete_event(conn, manager, event)
            except TicketsTaken:
                return False
            return True

        deleted, *bought = race(database, 6, act)

        assert deleted is not any(bought)
        assert all(buy(conn, each, 1) is None for each in types) is deleted
        assert not deleted or [invariants.left(conn, each) for each in types] == [(0, 0, 0)] * 3
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_no_ticket_type_is_added_to_an_event_that_is_deleted(
    api: Client, database: Database, conn: Connection, manager: Caller, organisation: UUID
) -> None:
    request = TicketTypeRequest(name="Late", price=100, quantity=10)
    for _ in range(8):
        event = factories.event(conn, organisation_id=organisation)

        def add_or_delete(conn: Connection, racer: int, event: UUID = event) -> bool:
            try:
                with conn.transaction():
                    if racer == 0:
                        events.delete_event(conn, manager, event)
                    else:
                        ticket_types.create_ticket_type(conn, manager, event, request)
            except NotFound:
                return False
            return True

        assert race(database, 4, add_or_delete)[0]

        alive = "SELECT count(*) FROM ticket_types WHERE event_id = %s AND deleted_at IS NULL"
        assert conn.execute(alive, [event]).fetchone() == (0,)
    invariants.check(conn)


def test_the_last_two_ticket_types_are_not_both_deleted(
    api: Client, database: Database, conn: Connection, manager: Caller, organisation: UUID
) -> None:
    for _ in range(8):
        event = factories.event(conn, organisation_id=organisation)
        types = [factories.ticket_type(conn, event_id=event, quantity=10) for _ in range(2)]

        def delete(conn: Connection, racer: int, types: list[UUID] = types) -> bool:
            try:
                with conn.transaction():
                    ticket_types.delete_ticket_type(conn, manager, types[racer])
            except NoTicketTypes:
                return False
            return True

        assert sorted(race(database, 2, delete)) == [False, True]
    assert deadlocks(conn) == 0
