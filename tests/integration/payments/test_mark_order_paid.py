"""POST /v1/orders/{order_id}/mark-paid"""

from uuid import uuid4

import pytest
from psycopg import Connection

from boxoffice.guest_tokens import order_token
from tests.helpers import factories, invariants, payers
from tests.helpers.payers import started
from tests.helpers.provider_servers import Stripe, context_of_a_minute
from tests.helpers.sellers import Shop, given_back, history, mark_paid, refund, status_of, tickets_of
from tests.helpers.support import Client, context, function


@pytest.fixture
def shop(conn: Connection) -> Shop:
    return Shop(conn)


def lapsed(conn: Connection, ticket_type: object, **overrides: object) -> object:
    order = factories.order(conn, ticket_type, expires_at=factories.a_moment_ago(), **overrides)  # type: ignore[arg-type]
    assert function("expire_orders").handler({}, context()) == {"expired": 1, "forgotten": 0, "units_failed": 0}
    return order


@pytest.mark.parametrize("method", ["cash", "bank_transfer"])
def test_the_order_is_paid_by_a_payment(api: Client, conn: Connection, shop: Shop, method: str) -> None:
    ticket_type = shop.ticket_type()
    order = factories.order(conn, ticket_type)

    answer = mark_paid(api, shop, order, method=method, note="Receipt 4711")

    assert answer.status == 200, answer.body
    assert (answer.json["status"], len(answer.json["tickets"])) == ("paid", 2)
    assert [payment["provider"] for payment in answer.json["payments"]] == [method]
    assert conn.execute("SELECT amount, pays_order FROM incoming_payments").fetchall() == [(10_000, True)]
    assert history(conn, order) == [("paid", f"paid by {method.replace('_', ' ')}: Receipt 4711")]
    assert payers.emails(conn) == ["order_confirmation"]
    assert conn.execute("SELECT actor_id, action FROM audit_log").fetchall() == [(shop.manager, "mark_order_paid")]
    invariants.check(conn)


def test_a_refund_waits_for_a_person_who_sends_it(api: Client, conn: Connection, shop: Shop) -> None:
    order = factories.order(conn, shop.ticket_type())
    mark_paid(api, shop, order)

    assert refund(api, shop, order, whole=True).status == 201

    assert conn.execute("SELECT amount, status, due_at FROM refunds").fetchall() == [(10_000, "by_hand", None)]
    assert conn.execute("SELECT kind, amount FROM money_matters").fetchall() == [("refund_by_hand", 10_000)]
    invariants.check(conn)


def test_a_repeat_gets_the_first_answer(api: Client, conn: Connection, shop: Shop) -> None:
    order = factories.order(conn, shop.ticket_type())

    first, second = (mark_paid(api, shop, order, key="once") for _ in range(2))

    assert second.json == first.json
    assert second.headers["idempotent-replayed"] == "true"
    assert mark_paid(api, shop, order, key="once", note="x").code == "idempotency_key_reused"
    assert conn.execute("SELECT count(*) FROM payments").fetchone() == (1,)


def test_a_lapsed_order_takes_its_stock_again_if_there_is_any(api: Client, conn: Connection, shop: Shop) -> None:
    ticket_type = shop.ticket_type(quantity=3)
    order = lapsed(conn, ticket_type)

    assert mark_paid(api, shop, order).json["status"] == "paid"  # type: ignore[arg-type]

    assert invariants.left(conn, ticket_type) == (1, 0, 2)
    invariants.check(conn)


def test_a_lapsed_order_whose_tickets_are_gone_is_refused(api: Client, conn: Connection, shop: Shop) -> None:
    ticket_type = shop.ticket_type(quantity=3)
    order = lapsed(conn, ticket_type)
    factories.order(conn, ticket_type)

    refused = mark_paid(api, shop, order)  # type: ignore[arg-type]

    assert (refused.status, refused.code) == (409, "order_expired")
    assert conn.execute("SELECT count(*) FROM payments").fetchone() == (0,)
    invariants.check(conn)


@pytest.mark.parametrize(
    ("ended", "code"),
    [
        ("UPDATE events SET status = 'cancelled'", "event_cancelled"),
        ("UPDATE events SET starts_at = now() - interval '2 hours', ends_at = now()", "event_over"),
        ("UPDATE organisations SET status = 'suspended', status_reason = 'Fraud'", "seller_suspended"),
    ],
)
def test_an_order_of_a_sale_that_has_ended_is_refused(
    api: Client, conn: Connection, shop: Shop, ended: str, code: str
) -> None:
    ticket_type = shop.ticket_type()
    orders = [lapsed(conn, ticket_type), factories.order(conn, ticket_type)]
    conn.execute(ended)

    assert [mark_paid(api, shop, order).code for order in orders] == [code, code]  # type: ignore[arg-type]
    assert conn.execute("SELECT count(*) FROM payments").fetchone() == (0,)


def test_it_closes_the_payment_that_is_open_at_a_provider(
    stripe: Stripe, api: Client, conn: Connection, shop: Shop
) -> None:
    order = factories.order(conn, shop.ticket_type())
    payment = started(api, order, "stripe")

    assert mark_paid(api, shop, order).status == 200

    function("reconcile_payments").handler({}, context_of_a_minute())
    assert stripe.status(payment) == "canceled"
    assert payers.status_of(conn, payment) == ("failed", "paid")
    invariants.check(conn)


def test_a_paid_or_cancelled_order_is_refused(api: Client, conn: Connection, shop: Shop) -> None:
    ticket_type = shop.ticket_type()
    paid, cancelled = shop.sold(ticket_type), factories.order(conn, ticket_type)
    api.post(f"/v1/orders/{cancelled}/cancel", order_token=order_token(cancelled))

    assert mark_paid(api, shop, paid).code == "order_not_pending"
    assert mark_paid(api, shop, cancelled).code == "order_not_pending"
    invariants.check(conn)


def test_money_that_comes_by_a_provider_as_well_goes_back(api: Client, conn: Connection, shop: Shop) -> None:
    order = factories.order(conn, shop.ticket_type())
    payment = payers.started(api, order)
    mark_paid(api, shop, order)

    assert payers.tell(api, payment).json["effect"] == "returned"

    assert given_back(conn) == [10_000]
    assert status_of(conn, order) == "paid"
    assert len(tickets_of(conn, order)) == 2
    invariants.check(conn)


@pytest.mark.parametrize("body", [{"method": "cheque"}, {"method": None}, {"note": "x" * 201}, {"amount": 5}])
def test_an_impossible_request_is_invalid(api: Client, conn: Connection, shop: Shop, body: dict[str, object]) -> None:
    refused = mark_paid(api, shop, factories.order(conn, shop.ticket_type()), **body)  # type: ignore[arg-type]

    assert (refused.status, refused.code) == (422, "invalid")


def test_a_manager_and_an_idempotency_key_are_required(api: Client, conn: Connection, shop: Shop) -> None:
    order = factories.order(conn, shop.ticket_type())
    path, body = f"/v1/orders/{order}/mark-paid", {"method": "cash"}
    scanner = factories.member(conn, shop.organisation, "scanner")

    assert api.post(path, body, account=shop.manager).status == 422
    assert api.post(path, body, account=scanner, key="new").status == 403
    assert api.post(path, body, account=factories.account(conn), key="new").status == 404
    assert api.post(path, body, order_token=order_token(order), key="new").status == 401
    assert api.post(f"/v1/orders/{uuid4()}/mark-paid", body, account=shop.manager, key="new").status == 404
    assert status_of(conn, order) == "pending"
