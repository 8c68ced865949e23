"""A process that dies while it refunds an order, marks it as paid or finishes an event does it wholly or not at all."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.auth import Caller, Who
from boxoffice.events import service as events
from boxoffice.events.models import CancelEventRequest
from boxoffice.payments import service as payments
from boxoffice.payments.models import PaymentByHandRequest
from boxoffice.refunds import service
from boxoffice.refunds.models import RefundRequest
from tests.helpers import factories, invariants, sellers
from tests.helpers.racing import die_everywhere
from tests.helpers.sellers import Shop, given_back, outbox_of, status_of, tickets_of
from tests.helpers.support import Client, Database

type Deed = Callable[[Connection], Any]


@pytest.fixture
def shop(api: Client, conn: Connection) -> Shop:
    return Shop(conn)


def refund(shop: Shop, order: UUID, **body: object) -> Deed:
    caller, request = Caller(Who.MANAGER, shop.manager), RefundRequest.model_validate(body)
    return lambda conn: service.refund_order(conn, caller, order, request, f"once {order}")


def finish_cancellations(conn: Connection) -> None:
    """Give back the orders of cancelled events and finish the events, as the job does."""
    for order in service.list_orders_to_give_back(conn):
        with conn.transaction():
            service.give_back_order(conn, order)
    for event in service.list_cancelled_events(conn):
        service.finish_cancelled_event(conn, event)


@pytest.mark.parametrize("part", ["whole", "tickets", "amount"])
def test_killed_anywhere_a_repeated_refund_gives_back_once(
    database: Database, conn: Connection, shop: Shop, part: str
) -> None:
    ticket_type = shop.ticket_type(quantity=3)
    order = shop.sold(ticket_type, quantity=3)
    factories.waitlist_entry(conn, ticket_type, quantity=1)
    body: dict[str, object] = {
        "whole": {"whole": True},
        "tickets": {"ticket_ids": [str(tickets_of(conn, order)[0])]},
        "amount": {"amount": 5000},
    }[part]
    deed = refund(shop, order, **body)

    assert len(list(die_everywhere(database, conn, deed))) >= 12
    answer = deed(conn)

    assert answer.amount == (15_000 if part == "whole" else 5000)
    assert given_back(conn) == [answer.amount]
    assert status_of(conn, order) == answer.order_status
    assert len(outbox_of(conn, "order_refunded")) == 1
    assert conn.execute("SELECT count(*) FROM audit_log").fetchone() == (1,)
    invariants.check(conn)


def test_killed_anywhere_an_order_is_marked_as_paid_once(database: Database, conn: Connection, shop: Shop) -> None:
    order = factories.order(conn, shop.ticket_type())
    caller, request = Caller(Who.MANAGER, shop.manager), PaymentByHandRequest(method="cash")

    def deed(conn: Connection) -> Any:
        return payments.mark_order_paid(conn, caller, order, request, f"once {order}")

    assert len(list(die_everywhere(database, conn, deed))) >= 12
    answer = deed(conn)

    assert (answer.status, len(answer.tickets), len(answer.payments)) == ("paid", 2, 1)
    assert conn.execute("SELECT count(*), sum(amount) FROM incoming_payments").fetchone() == (1, 10_000)
    assert len(outbox_of(conn, "order_confirmation")) == 1
    invariants.check(conn)


def test_killed_anywhere_the_next_run_gives_back_a_cancelled_event(
    database: Database, conn: Connection, shop: Shop
) -> None:
    ticket_type = shop.ticket_type()
    paid = [shop.sold(ticket_type, buyer_email=f"buyer{number}@example.com") for number in range(3)]
    pending = factories.order(conn, ticket_type)
    for order in paid[:2]:
        sellers.accept(Client(), factories.transfer(conn, tickets_of(conn, order)[0], email="bola@example.com"))
    with conn.transaction():
        caller, reason = Caller(Who.MANAGER, shop.manager), CancelEventRequest(reason="The singer is ill.")
        events.cancel_event(conn, caller, shop.event, reason)

    assert len(list(die_everywhere(database, conn, finish_cancellations))) >= 30
    finish_cancellations(conn)

    assert [status_of(conn, order) for order in [*paid, pending]] == ["refunded"] * 3 + ["cancelled"]
    assert given_back(conn) == [10_000] * 3
    assert [to for to, _ in outbox_of(conn, "event_cancelled")] == [
        "bola@example.com",
        *(f"buyer{number}@example.com" for number in range(3)),
    ]
    assert invariants.left(conn, ticket_type) == (100, 0, 0)
    invariants.check(conn)
