"""Whose an Idempotency-Key is: a guest's belongs to the organisation they buy from, an account's to the account."""

from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.api import ROUTES
from boxoffice.guest_tokens import order_token
from tests.helpers import factories, invariants
from tests.helpers.sellers import Shop
from tests.helpers.support import Answer, Client

KEYED = {
    "create_export",
    "create_order",  # it has such tests of its own, and so has claim_slot
    "duplicate_event",
    "send_message",
    "start_payment",
    "mark_order_paid",
    "refund_order",
    "claim_slot",
    "create_correction",
    "create_payout_file",
    "request_payout",
    "send_newsletter",
    "settle_money_matter",
}


def start_payment(api: Client, order: UUID, **options: Any) -> Answer:
    return api.post(f"/v1/orders/{order}/payments", {"provider": "sandbox"}, key="the-same-key", **options)


def mark_paid(api: Client, order: UUID, account: UUID) -> Answer:
    body = {"method": "cash"}
    return api.post(f"/v1/orders/{order}/mark-paid", body, key="the-same-key", account=account)


def refund(api: Client, order: UUID, account: UUID) -> Answer:
    return api.post(f"/v1/orders/{order}/refunds", {"amount": 100}, key="the-same-key", account=account)


@pytest.fixture
def shop(conn: Connection) -> Shop:
    return Shop(conn)


def test_every_operation_with_a_key_is_known_here(api: Client) -> None:
    keyed = {route.function.__name__ for route in ROUTES if "key" in route.function.__annotations__}
    assert keyed == KEYED


def test_a_guests_payment(api: Client, conn: Connection, shop: Shop) -> None:
    ticket_type = shop.ticket_type()
    first, second = (factories.order(conn, ticket_type) for _ in range(2))
    elsewhere = factories.order(conn, factories.ticket_type(conn))

    started = start_payment(api, first, order_token=order_token(first))

    assert started.status == 201
    assert start_payment(api, first, order_token=order_token(first)).json == started.json
    reused = start_payment(api, second, order_token=order_token(second))
    assert (reused.status, reused.code) == (422, "idempotency_key_reused")
    assert start_payment(api, second, order_token=order_token(first)).status == 404
    assert start_payment(api, elsewhere, order_token=order_token(elsewhere)).status == 201
    invariants.check(conn)


@pytest.mark.parametrize("operation", [mark_paid, refund])
def test_a_managers_key_belongs_to_the_manager(api: Client, conn: Connection, shop: Shop, operation: Any) -> None:
    def order() -> UUID:
        ticket_type = shop.ticket_type()
        return shop.sold(ticket_type) if operation is refund else factories.order(conn, ticket_type)

    ada, bola = (factories.member(conn, shop.organisation, "manager") for _ in range(2))
    first, second = order(), order()

    done = operation(api, first, ada)
    again = operation(api, first, ada)

    assert (again.status, again.json) == (done.status, done.json)
    assert again.headers["idempotent-replayed"] == "true"
    assert operation(api, second, ada).code == "idempotency_key_reused"
    assert "idempotent-replayed" not in operation(api, second, bola).headers
    assert operation(api, second, bola).headers["idempotent-replayed"] == "true"
    invariants.check(conn)


def test_an_owners_key_names_one_money_matter(api: Client, conn: Connection, shop: Shop) -> None:
    owner = factories.member(conn, shop.organisation, "owner")
    first, second = (factories.money_matter(conn, shop.sold(shop.ticket_type())) for _ in range(2))
    paths = [f"/v1/organisations/{shop.organisation}/money-matters/{matter}" for matter in (first, second)]
    body = {"action": "done", "note": "Checked in the dashboard"}

    done, again, reused = (api.post(path, body, account=owner, key="one") for path in (paths[0], *paths))

    assert (again.status, again.json) == (done.status, done.json) == (200, done.json)
    assert (reused.status, reused.code) == (422, "idempotency_key_reused")
