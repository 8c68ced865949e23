"""A free order that is confirmed and expires at once ends one way or the other, wholly."""

from collections import Counter
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.accounts.errors import LinkOver
from boxoffice.auth import Caller, Who
from boxoffice.guest_tokens import order_token
from boxoffice.one_time import Purpose
from boxoffice.orders import confirmation, service
from boxoffice.orders.errors import BuyerLimitReached, OrderNotPending
from boxoffice.orders.models import OrderRequest
from tests.helpers import factories, invariants
from tests.helpers.factories import order_request, text_of
from tests.helpers.racing import deadlocks, race
from tests.helpers.support import Client, Database

ADA = {"name": "Ada", "email": "ada@example.com"}


@pytest.fixture
def ticket_type(conn: Connection) -> UUID:
    event = factories.event(conn, confirm_free_orders=True)
    return factories.ticket_type(conn, event_id=event, price=0, max_per_buyer=2)


def place(conn: Connection, ticket_type: UUID, key: str = "key") -> tuple[UUID, str]:
    """Place a free order as a guest. Return its id, and the token of the link."""
    order_token(UUID(int=0))  # reads the secret before the race
    request = OrderRequest.model_validate(order_request(ticket_type, 2, buyer=ADA))
    placed = service.place_order(conn, Caller(Who.PUBLIC, address="203.0.113.7"), request, key)
    query = "SELECT payload ->> 'token_id' FROM outbox WHERE payload ->> 'order_id' = %s"
    (token_id,) = conn.execute(query, [str(placed.id)]).fetchone() or (None,)
    return placed.id, text_of(Purpose.CONFIRM_ORDER, UUID(token_id))


def confirm(conn: Connection, token: str) -> str:
    """Confirm an order. Return what came of it."""
    try:
        with conn.transaction():
            return str(confirmation.confirm_order(conn, token).status)
    except (LinkOver, OrderNotPending, BuyerLimitReached) as refusal:
        return refusal.code


def expire(conn: Connection) -> int:
    with conn.transaction():
        return service.expire_lapsed(conn, service.list_lapsed(conn))


def test_of_many_clicks_one_gets_the_tickets(
    api: Client, database: Database, conn: Connection, ticket_type: UUID
) -> None:
    _, token = place(conn, ticket_type)

    assert Counter(race(database, 12, lambda conn, _: confirm(conn, token))) == {"paid": 1, "link_over": 11}

    assert invariants.left(conn, ticket_type) == (98, 0, 2)
    invariants.check(conn)


def test_a_confirmation_and_the_job_that_expires_the_order_do_not_both_win(
    api: Client, database: Database, conn: Connection, ticket_type: UUID
) -> None:
    outcomes = set()
    for number in range(8):
        order, token = place(conn, ticket_type, f"key {number}")
        conn.execute("UPDATE orders SET expires_at = now() - interval '1 minute' WHERE id = %s", [order])

        def act(conn: Connection, racer: int, token: str = token) -> str:
            return confirm(conn, token) if racer == 0 else f"expired {expire(conn)}"

        outcome, *expired = race(database, 3, act)

        outcomes.add(outcome)
        assert sorted(expired) == ["expired 0", "expired 0" if outcome == "paid" else "expired 1"]
        assert outcome in ("paid", "order_not_pending")
        conn.execute("UPDATE orders SET buyer_email = id || '@example.com'")  # for the next one
        invariants.check(conn)
    assert deadlocks(conn) == 0


def test_of_orders_that_are_confirmed_at_once_the_limit_lets_one_pass(
    api: Client, database: Database, conn: Connection, ticket_type: UUID
) -> None:
    tokens = [place(conn, ticket_type, f"key {number}")[1] for number in range(6)]

    outcomes = Counter(race(database, 6, lambda conn, number: confirm(conn, tokens[number])))

    assert outcomes == {"paid": 1, "buyer_limit_reached": 5}
    invariants.check(conn)
