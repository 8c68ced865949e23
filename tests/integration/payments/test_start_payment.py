"""POST /v1/orders/{order_id}/payments"""

from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection
from psycopg.errors import UniqueViolation

from boxoffice import config
from boxoffice.guest_tokens import order_token
from boxoffice.orders import service as orders
from boxoffice.orders.models import OrderRow
from boxoffice.payments import providers, sandbox
from boxoffice.payments.errors import PaymentRefused
from boxoffice.payments.models import PreparedPayment, ProviderPayment
from tests.helpers import factories, invariants
from tests.helpers.payers import start, status_of, tell
from tests.helpers.provider_servers import Stripe, context_of_a_minute
from tests.helpers.support import Client, function


@pytest.fixture
def order(api: Client, conn: Connection) -> UUID:
    return factories.order(conn, factories.ticket_type(conn, price=2500), quantity=2)


def payments(conn: Connection) -> int:
    row = conn.execute("SELECT count(*) FROM payments").fetchone()
    assert row is not None
    return int(row[0])


def test_a_guest_learns_where_to_pay(api: Client, conn: Connection, order: UUID) -> None:
    answer = start(api, order)

    assert answer.status == 201
    payment = answer.json
    assert payment["url"] == f"http://127.0.0.1:3000/_local/sandbox/{payment['id']}"
    assert (payment["order_id"], payment["provider"], payment["status"]) == (str(order), "sandbox", "pending")
    assert (payment["amount"], payment["currency"], payment["closed_at"]) == (5000, "NGN", None)
    assert conn.execute("SELECT id::text, provider_reference FROM payments").fetchall() == [(payment["id"],) * 2]
    invariants.check(conn)


class TestOneOpenPayment:
    """An order has one open payment at each provider."""

    def test_another_request_is_answered_with_the_open_payment(
        self, api: Client, conn: Connection, order: UUID
    ) -> None:
        first, second = start(api, order), start(api, order)

        assert (second.status, second.json) == (201, first.json)
        assert second.headers.get("idempotent-replayed") is None
        assert payments(conn) == 1

    def test_a_decline_leaves_it_open(self, api: Client, conn: Connection, order: UUID) -> None:
        first = start(api, order).json
        tell(api, first, "payment.failed")

        again = start(api, order).json

        assert again == first
        assert status_of(conn, first) == ("pending", "pending")
        assert tell(api, again).json["effect"] == "paid"
        invariants.check(conn)

    def test_another_provider_has_its_own(self, stripe: Stripe, api: Client, conn: Connection, order: UUID) -> None:
        ids = {start(api, order, provider=provider).json["id"] for provider in ("sandbox", "stripe") * 2}

        assert len(ids) == payments(conn) == 2
        assert stripe.intents() == 1

    def test_a_closed_payment_is_not_open(self, api: Client, conn: Connection, order: UUID) -> None:
        closed = start(api, order, key="k").json
        conn.execute("UPDATE payments SET status = 'failed', ask_at = NULL")

        assert start(api, order).json["id"] != closed["id"]
        assert start(api, order, key="k").json == closed, "a repeat gets the first answer"

    def test_it_is_answered_while_the_provider_is_down(self, stripe: Stripe, api: Client, order: UUID) -> None:
        first = start(api, order, provider="stripe").json
        stripe.set_mode("error")

        assert start(api, order, provider="stripe").json == first

    def test_the_database_refuses_a_second(self, conn: Connection, order: UUID) -> None:
        factories.payment(conn, order, ask_at=factories.NOW)

        with pytest.raises(UniqueViolation, match="payments_one_open"):
            factories.payment(conn, order, ask_at=factories.NOW)

    def test_an_order_takes_ten_payments(self, api: Client, conn: Connection, order: UUID) -> None:
        for _ in range(9):
            factories.payment(conn, order, status="failed")
        tenth = start(api, order)

        assert tenth.status == 201
        refused = start(api, order, provider="stripe")
        assert (refused.status, refused.code, refused.json["max_payments"]) == (409, "too_many_payments", 10)
        assert start(api, order).json == tenth.json
        assert payments(conn) == 10

    def test_refused_payments_count(
        self, api: Client, conn: Connection, order: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        calls: list[UUID] = []

        def refuse(payment: ProviderPayment) -> PreparedPayment:
            calls.append(payment.id)
            raise PaymentRefused

        monkeypatch.setattr(sandbox, "create", refuse)

        codes = [start(api, order).code for _ in range(12)]

        assert codes == ["payment_refused"] * 10 + ["too_many_payments"] * 2
        assert len(set(calls)) == len(calls) == 10

    def test_a_repeat_of_a_refused_request_is_refused_again(
        self, api: Client, conn: Connection, order: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(_: ProviderPayment) -> PreparedPayment:
            raise PaymentRefused

        with monkeypatch.context() as patch:
            patch.setattr(sandbox, "create", refuse)
            start(api, order, key="k")

        assert start(api, order, key="k").code == "payment_refused"
        assert payments(conn) == 1
        assert start(api, order).status == 201

    def test_while_money_is_under_way_no_payment_starts(self, api: Client, conn: Connection, order: UUID) -> None:
        start(api, order)
        conn.execute("UPDATE payments SET status = 'processing'")

        for provider in ("sandbox", "stripe"):
            answer = start(api, order, provider=provider)
            assert (answer.status, answer.code) == (409, "payment_processing")
            assert conn.execute("SELECT id::text FROM payments").fetchone() == (answer.json["payment_id"],)

    def test_who_is_told_nothing_cannot_pay(
        self, api: Client, conn: Connection, order: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The hold ends, and the payment is closed, before the provider answers how to pay it."""
        create = sandbox.create

        def slowly(payment: ProviderPayment) -> PreparedPayment:
            conn.execute("UPDATE orders SET expires_at = now() - interval '1 second'")
            conn.execute("UPDATE payments SET ask_at = now() - interval '1 second'")
            function("reconcile_payments").handler({}, context_of_a_minute())
            return create(payment)

        monkeypatch.setattr(sandbox, "create", slowly)

        assert start(api, order).code == "order_expired"
        assert conn.execute("SELECT payments.status, ask_at, orders.status FROM payments, orders").fetchall() == [
            ("failed", None, "expired")
        ]
        invariants.check(conn)


def test_the_way_back_shows_the_order_by_the_link_that_the_payer_had(
    api: Client, conn: Connection, order: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order gets another address while the payment is prepared. Its next link is not for whoever had this one."""
    urls = []
    read = orders.find_order

    def before_the_change(*args: Any) -> OrderRow:
        found = read(*args)
        conn.execute("UPDATE orders SET email_changes = 1")
        return found

    def note(payment: ProviderPayment) -> PreparedPayment:
        urls.append(providers.return_url(payment))
        return PreparedPayment(reference="r", url="https://pay.example.com")

    monkeypatch.setattr(orders, "find_order", before_the_change)
    monkeypatch.setattr(sandbox, "create", note)

    assert start(api, order).status == 201
    assert [order_token(order, 0) in url for url in urls] == [True]


def test_a_repeat_is_answered_with_the_same_payment(api: Client, conn: Connection, order: UUID) -> None:
    first, second = start(api, order, key="k"), start(api, order, key="k")

    assert first.json == second.json
    assert first.headers.get("idempotent-replayed") is None
    assert second.headers["idempotent-replayed"] == "true"
    assert payments(conn) == 1


def test_a_repeat_is_answered_even_after_the_order_was_paid(api: Client, order: UUID) -> None:
    first = start(api, order, key="k")
    tell(api, first.json)

    assert start(api, order, key="k").json == first.json
    assert start(api, order, key="another").code == "order_not_pending"


def test_two_orders_may_use_the_same_key(api: Client, conn: Connection, order: UUID) -> None:
    other = factories.order(conn, factories.ticket_type(conn))

    assert start(api, order, key="k").json["id"] != start(api, other, key="k").json["id"]


def test_a_repeat_after_a_cut_off_request_continues_with_the_same_payment(
    api: Client, conn: Connection, order: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off(name: str) -> providers.Provider:
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(sandbox, "create", cut_off)
        cut = start(api, order, key="k")
    assert (cut.status, cut.code) == (503, "provider_unavailable")
    assert b"ConnectionError" not in cut.body, "what went wrong in our code is for the log alone"
    assert conn.execute("SELECT provider_reference FROM payments").fetchall() == [(None,)]

    resumed = start(api, order, key="k")

    assert resumed.status == 201
    assert conn.execute("SELECT id::text, provider_reference FROM payments").fetchall() == [(resumed.json["id"],) * 2]
    assert start(api, order).json == resumed.json
    assert start(api, order, key="k").json == resumed.json


def test_a_refusal_that_comes_after_the_money_changes_nothing(
    api: Client, conn: Connection, order: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    bills: list[ProviderPayment] = []

    def paid_through_another_request_meanwhile(bill: ProviderPayment) -> PreparedPayment:
        bills.append(bill)
        tell(api, {"id": str(bill.id), "amount": bill.amount, "currency": bill.currency})
        raise PaymentRefused

    monkeypatch.setattr(sandbox, "create", paid_through_another_request_meanwhile)

    assert start(api, order).code == "payment_refused"
    assert status_of(conn, {"id": bills[0].id}) == ("succeeded", "paid")
    invariants.check(conn)


class TestRefusals:
    def test_an_order_with_a_lapsed_hold_cannot_be_paid(self, api: Client, conn: Connection) -> None:
        ticket_type = factories.ticket_type(conn)
        lapsed = factories.order(conn, ticket_type, expires_at=factories.a_moment_ago())
        conn.execute("UPDATE orders SET status = 'expired' WHERE id = %s", [factories.order(conn, ticket_type)])
        expired = conn.execute("SELECT id FROM orders WHERE status = 'expired'").fetchone()

        assert expired is not None
        assert (start(api, lapsed).status, start(api, lapsed).code) == (409, "order_expired")
        assert start(api, expired[0]).code == "order_expired"
        assert payments(conn) == 0

    def test_a_cancelled_or_paid_order_cannot_be_paid(self, api: Client, conn: Connection, order: UUID) -> None:
        paid = factories.paid_order(conn, factories.ticket_type(conn))
        free = factories.paid_order(conn, factories.ticket_type(conn, price=0))
        api.post(f"/v1/orders/{order}/cancel", order_token=order_token(order))

        for each in (order, paid, free):
            assert (start(api, each).status, start(api, each).code) == (409, "order_not_pending")

    @pytest.mark.parametrize(
        ("ended", "code"),
        [
            ("UPDATE events SET status = 'cancelled'", "event_cancelled"),
            ("UPDATE events SET deleted_at = now()", "event_cancelled"),
            ("UPDATE events SET starts_at = now() - interval '2 hours', ends_at = now()", "event_over"),
            ("UPDATE organisations SET status = 'suspended', status_reason = 'Fraud'", "seller_suspended"),
        ],
    )
    @pytest.mark.parametrize("has_payment", [False, True])
    def test_an_order_of_a_sale_that_has_ended_cannot_be_paid(
        self, api: Client, conn: Connection, order: UUID, ended: str, code: str, has_payment: bool
    ) -> None:
        if has_payment:
            start(api, order)
        conn.execute(ended)

        assert (start(api, order).status, start(api, order).code) == (409, code)
        assert payments(conn) == has_payment

    def test_it_says_which_of_its_events_is_cancelled_or_who_sells_no_more(self, api: Client, conn: Connection) -> None:
        seller = factories.organisation(conn)
        events = [factories.event(conn, organisation_id=seller) for _ in range(2)]
        items = [
            {"ticket_type_id": str(factories.ticket_type(conn, event_id=event)), "quantity": 1} for event in events
        ]
        body = {"items": items, "buyer": {"name": "Ada", "email": "ada@example.com"}}
        order = UUID(api.post("/v1/orders", body, key="new").json["id"])

        conn.execute("UPDATE organisations SET status = 'suspended', status_reason = 'Fraud'")
        assert start(api, order).json["organisation_id"] == str(seller)
        conn.execute("UPDATE events SET status = 'cancelled' WHERE id = %s", [events[1]])
        assert start(api, order).json["event_id"] == str(events[1])

    def test_a_provider_that_is_not_enabled(self, api: Client, order: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PAYMENT_PROVIDERS", "")
        config.settings.cache_clear()

        assert (start(api, order).status, start(api, order).code) == (422, "provider_not_enabled")

    def test_production_refuses_the_sandbox(self, api: Client, order: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
        payment = start(api, order).json
        monkeypatch.setenv("STAGE", "prod")
        config.settings.cache_clear()

        assert start(api, order).code == "provider_not_enabled"
        assert tell(api, payment).code == "provider_not_enabled"

    def test_strangers_do_not_find_the_order(self, api: Client, conn: Connection, order: UUID) -> None:
        path, elsewhere = (f"/v1/orders/{each}/payments" for each in (order, uuid4()))
        body = {"provider": "sandbox"}
        row = conn.execute("SELECT organisation_id FROM orders").fetchone()
        assert row is not None

        assert api.post(path, body, key="new").status == 401
        assert api.post(path, body, key="new", order_token=order_token(uuid4())).status == 404
        assert api.post(path, body, key="new", account=factories.account(conn)).status == 404
        assert api.post(path, body, key="new", account=factories.member(conn, row[0], "scanner")).status == 403
        assert api.post(elsewhere, body, key="new", account=factories.account(conn)).status == 404
        assert payments(conn) == 0

    @pytest.mark.parametrize("body", [{}, {"provider": "stripes"}, {"provider": None}, {"provider": "sandbox", "x": 1}])
    def test_an_impossible_body_is_invalid(self, api: Client, order: UUID, body: object) -> None:
        answer = api.post(f"/v1/orders/{order}/payments", body, key="new", order_token=order_token(order))

        assert (answer.status, answer.code) == (422, "invalid")

    def test_a_key_of_another_request_is_refused(self, api: Client, conn: Connection, order: UUID) -> None:
        start(api, order, key="k")

        reused = start(api, order, provider="stripe", key="k")

        assert (reused.status, reused.code) == (422, "idempotency_key_reused")
        assert payments(conn) == 1

    def test_the_key_is_required(self, api: Client, order: UUID) -> None:
        path = f"/v1/orders/{order}/payments"

        assert api.post(path, {"provider": "sandbox"}, order_token=order_token(order)).status == 422
