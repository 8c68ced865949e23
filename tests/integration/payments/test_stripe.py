"""Stripe from end to end: the real client, localstripe, and webhooks that arrive over HTTP."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.orders import service as orders
from boxoffice.payments import sending
from boxoffice.payments.errors import RefundTooLarge
from tests.helpers import factories, invariants, sellers
from tests.helpers.payers import ACCOUNTS_AT_PROVIDERS, emails, refunds, start, started, status_of
from tests.helpers.provider_servers import Receiver, Stripe, send_webhook
from tests.helpers.support import Client

ORDERS_OF_STEPS = list(permutations(["expire", "reconcile", "webhook"]))

type Job = Callable[[], dict[str, Any]]


@pytest.fixture
def ticket_type(api: Client, conn: Connection) -> UUID:
    event = factories.event(conn, currency="EUR")
    return factories.ticket_type(conn, event_id=event, quantity=10, price=2500)


@pytest.fixture
def order(conn: Connection, ticket_type: UUID) -> UUID:
    return factories.order(conn, ticket_type, quantity=2)


def lapse(conn: Connection, minutes: int = 16) -> None:
    conn.execute("UPDATE orders SET expires_at = %s", [datetime.now(UTC) - timedelta(minutes=minutes)])


def expire(conn: Connection) -> int:
    return sellers.expire_orders(conn)


def test_the_client_gets_what_stripe_js_needs(stripe: Stripe, api: Client, conn: Connection, order: UUID) -> None:
    payment = started(api, order, "stripe")

    assert payment["client_secret"].startswith("pi_")
    assert payment["publishable_key"] == ACCOUNTS_AT_PROVIDERS["stripe"]["publishable_key"]
    assert payment["url"] is None
    assert conn.execute("SELECT provider_reference FROM payments").fetchone() == (stripe.intent(payment),)
    assert stripe.take_requests() == [["POST", "/v1/payment_intents", payment["id"]]]


def test_paid(stripe: Stripe, receiver: Receiver, api: Client, conn: Connection, order: UUID) -> None:
    stripe.send_webhooks_to(f"{receiver.url}/v1/webhooks/stripe")
    payment = started(api, order, "stripe")

    assert stripe.pay(payment)["status"] == "succeeded"

    assert receiver.answer_about(stripe.intent(payment)) == "200 OK"
    assert status_of(conn, payment) == ("succeeded", "paid")
    assert emails(conn) == ["order_confirmation"]
    assert conn.execute("SELECT amount, currency, pays_order FROM incoming_payments").fetchall() == [
        (5000, "EUR", True)
    ]
    assert conn.execute("SELECT ask_at FROM payments").fetchone() == (None,)
    invariants.check(conn)


def test_declined_and_then_paid_with_another_card(
    stripe: Stripe, receiver: Receiver, api: Client, conn: Connection, order: UUID
) -> None:
    stripe.send_webhooks_to(f"{receiver.url}/v1/webhooks/stripe")
    payment = started(api, order, "stripe")

    assert "error" in stripe.pay(payment, Stripe.DECLINED)

    assert receiver.answer_about(stripe.intent(payment)) == "200 OK"
    assert status_of(conn, payment) == ("failed", "pending")
    again = started(api, order, "stripe")
    assert again == payment
    assert status_of(conn, payment) == ("pending", "pending")
    stripe.pay(again)
    assert receiver.answer_about("payment_intent.succeeded") == "200 OK"
    assert status_of(conn, payment) == ("succeeded", "paid")
    invariants.check(conn)


def test_webhook_lost_then_reconciled(
    stripe: Stripe, api: Client, conn: Connection, order: UUID, reconcile: Job
) -> None:
    payment = started(api, order, "stripe")
    stripe.pay(payment)

    assert reconcile()["asked"] == 1

    assert status_of(conn, payment) == ("succeeded", "paid")
    assert reconcile()["asked"] == 0
    invariants.check(conn)


def test_webhook_after_it_was_reconciled(
    stripe: Stripe, api: Client, conn: Connection, order: UUID, reconcile: Job
) -> None:
    payment = started(api, order, "stripe")
    stripe.pay(payment)
    reconcile()

    assert send_webhook(api, "stripe", stripe.event_of(payment)).json["effect"] == "ignored"
    assert refunds(conn) == []
    invariants.check(conn)


def test_webhook_twice(stripe: Stripe, api: Client, conn: Connection, order: UUID) -> None:
    payment = started(api, order, "stripe")
    stripe.pay(payment)
    event = stripe.event_of(payment)

    first, second = (send_webhook(api, "stripe", event) for _ in range(2))

    assert first.json == second.json == {"event_id": event["id"], "effect": "paid"}
    assert emails(conn) == ["order_confirmation"]
    invariants.check(conn)


def test_out_of_order(stripe: Stripe, api: Client, conn: Connection, order: UUID) -> None:
    payment = started(api, order, "stripe")
    stripe.pay(payment, Stripe.DECLINED)
    declined = stripe.event_of(payment)
    paid = {**declined, "id": "evt_later", "type": "payment_intent.succeeded"}

    assert send_webhook(api, "stripe", paid).json["effect"] == "paid"
    assert send_webhook(api, "stripe", declined).json["effect"] == "ignored"
    assert status_of(conn, payment) == ("succeeded", "paid")
    invariants.check(conn)


class TestAfterTheHold:
    def test_an_unpaid_payment_is_cancelled_and_the_stock_comes_back(
        self, stripe: Stripe, api: Client, conn: Connection, ticket_type: UUID, order: UUID, reconcile: Job
    ) -> None:
        payment = started(api, order, "stripe")
        lapse(conn, minutes=1)
        assert expire(conn) == 0, "the provider is asked first"

        reconcile()

        assert status_of(conn, payment) == ("failed", "expired")
        assert invariants.left(conn, ticket_type) == (10, 0, 0)
        assert stripe.pay(payment)["error"], "nobody can pay it any more"
        invariants.check(conn)

    def test_a_payment_in_time_is_found_and_pays_the_order(
        self, stripe: Stripe, api: Client, conn: Connection, order: UUID, reconcile: Job
    ) -> None:
        payment = started(api, order, "stripe")
        stripe.pay(payment)
        lapse(conn, minutes=1)
        assert expire(conn) == 0

        reconcile()

        assert status_of(conn, payment) == ("succeeded", "paid")
        invariants.check(conn)

    @pytest.mark.parametrize("steps", ORDERS_OF_STEPS, ids="-".join)
    def test_declined_once_and_then_paid_in_time_pays_the_order_whatever_comes_first(
        self, stripe: Stripe, api: Client, conn: Connection, ticket_type: UUID, order: UUID, reconcile: Job, steps: Any
    ) -> None:
        payment = started(api, order, "stripe")
        stripe.pay(payment, Stripe.DECLINED)
        send_webhook(api, "stripe", stripe.event_of(payment))
        assert status_of(conn, payment) == ("failed", "pending")
        assert stripe.pay(payment)["status"] == "succeeded"
        lapse(conn, minutes=1)

        for step in steps:
            if step == "expire":
                assert expire(conn) == 0
            elif step == "reconcile":
                reconcile()
            else:
                send_webhook(api, "stripe", stripe.event_of(payment, "payment_intent.succeeded"))

        assert status_of(conn, payment) == ("succeeded", "paid")
        assert refunds(conn) == []
        assert invariants.left(conn, ticket_type) == (8, 0, 2)
        invariants.check(conn)

    def test_declined_once_and_not_paid_gives_back_the_stock_when_stripe_has_been_asked(
        self, stripe: Stripe, api: Client, conn: Connection, ticket_type: UUID, order: UUID, reconcile: Job
    ) -> None:
        payment = started(api, order, "stripe")
        stripe.pay(payment, Stripe.DECLINED)
        reconcile()
        assert status_of(conn, payment) == ("failed", "pending")
        lapse(conn, minutes=1)
        assert expire(conn) == 0, "another card may have paid"

        reconcile()

        assert stripe.status(payment) == "canceled"
        assert status_of(conn, payment) == ("failed", "expired")
        assert conn.execute("SELECT ask_at FROM payments").fetchall() == [(None,)]
        assert invariants.left(conn, ticket_type) == (10, 0, 0)
        invariants.check(conn)

    def test_late_money_takes_stock_again(
        self, stripe: Stripe, api: Client, conn: Connection, ticket_type: UUID, order: UUID, reconcile: Job
    ) -> None:
        payment = started(api, order, "stripe")
        stripe.pay(payment)
        lapse(conn)
        assert expire(conn) == 1

        reconcile()

        assert status_of(conn, payment) == ("succeeded", "paid")
        assert invariants.left(conn, ticket_type) == (8, 0, 2)
        invariants.check(conn)

    def test_late_money_goes_back_at_once_if_the_stock_is_gone(
        self, stripe: Stripe, api: Client, conn: Connection, ticket_type: UUID, order: UUID, reconcile: Job
    ) -> None:
        payment = started(api, order, "stripe")
        stripe.pay(payment)
        lapse(conn)
        assert expire(conn) == 1
        factories.order(conn, ticket_type, quantity=9)

        reconcile()

        assert status_of(conn, payment) == ("refunded", "expired")
        assert emails(conn) == ["payment_returned"]
        (sent,) = stripe.refunds(payment)
        assert (sent["amount"], sent["currency"], sent["status"]) == (5000, "eur", "succeeded")
        assert conn.execute("SELECT status, provider_reference, due_at FROM refunds").fetchall() == [
            ("succeeded", sent["id"], None)
        ]
        invariants.check(conn)


class TestRefunds:
    @pytest.fixture
    def paid(self, stripe: Stripe, api: Client, conn: Connection, order: UUID, reconcile: Job) -> dict[str, Any]:
        payment = started(api, order, "stripe")
        stripe.pay(payment)
        reconcile()
        stripe.take_requests()
        return payment

    def owe(self, conn: Connection, payment: dict[str, Any], amount: int) -> UUID:
        with conn.transaction():
            orders.lock_order(conn, UUID(payment["order_id"]))
            return sending.owe_refund(conn, UUID(payment["id"]), amount, "asked for")

    def test_refunded_in_parts_and_never_more_than_was_paid(
        self, stripe: Stripe, conn: Connection, paid: dict[str, Any]
    ) -> None:
        first, second = self.owe(conn, paid, 2000), self.owe(conn, paid, 3000)
        with pytest.raises(RefundTooLarge):
            self.owe(conn, paid, 1)

        assert sending.send_refunds(conn, ids=[first, second]) == 2
        assert sending.send_refunds(conn, ids=[first, second]) == 0

        assert sorted(made["amount"] for made in stripe.refunds(paid)) == [2000, 3000]
        assert conn.execute("SELECT status, count(*) FROM refunds GROUP BY status").fetchall() == [("succeeded", 2)]
        assert sorted(key for _, path, key in stripe.take_requests() if path == "/v1/refunds" and key) == sorted(
            [str(first), str(second)]
        )
        invariants.check(conn)

    @pytest.mark.parametrize("mode", ["error", "html", "nonsense", "loses-answers"])
    @pytest.mark.parametrize("forgetful", [False, True])
    def test_a_refund_whose_answer_was_lost_is_made_once(
        self, stripe: Stripe, conn: Connection, paid: dict[str, Any], reconcile: Job, mode: str, forgetful: bool
    ) -> None:
        refund = self.owe(conn, paid, 5000)
        stripe.set_mode(mode)
        sending.send_refunds(conn, ids=[refund])
        ((status, attempts, error, later),) = conn.execute(
            "SELECT status, attempts, last_error, due_at > now() FROM refunds"
        ).fetchall()
        assert (status, attempts, error is not None, later) == ("owed", 1, True, True)

        stripe.set_mode("works")
        if forgetful:
            stripe.post("/_config/forget")
        for _ in range(2):
            reconcile()

        assert conn.execute("SELECT status, attempts FROM refunds").fetchall() == [("succeeded", 2)]
        assert len(stripe.refunds(paid)) == 1
        invariants.check(conn)

    def test_a_refund_that_fails_later_is_tried_again(
        self, stripe: Stripe, api: Client, conn: Connection, paid: dict[str, Any], reconcile: Job
    ) -> None:
        refund = self.owe(conn, paid, 5000)
        sending.send_refunds(conn, ids=[refund])
        (made,) = stripe.refunds(paid)
        event = {"id": "evt_r", "type": "refund.failed", "data": {"object": {**made, "object": "refund"}}}

        assert send_webhook(api, "stripe", event).json["effect"] == "noted"
        assert conn.execute("SELECT status, due_at <= now() FROM refunds").fetchall() == [("sent", True)]
        reconcile()  # and asks, since an event may be old
        assert conn.execute("SELECT status FROM refunds").fetchall() == [("succeeded",)]
        invariants.check(conn)


class TestWhenStripeFails:
    @pytest.mark.parametrize("mode", ["error", "html", "nonsense", "loses-answers"])
    def test_the_payment_can_be_started_with_the_same_key_later(
        self, stripe: Stripe, api: Client, conn: Connection, order: UUID, mode: str
    ) -> None:
        stripe.set_mode(mode)
        answer = start(api, order, key="k", provider="stripe")
        assert (answer.status, answer.code, answer.headers["retry-after"]) == (503, "provider_unavailable", "5")
        assert conn.execute("SELECT state FROM pg_stat_activity WHERE state LIKE 'idle in%'").fetchall() == []

        stripe.set_mode("works")
        payment = start(api, order, key="k", provider="stripe")

        assert payment.status == 201
        assert conn.execute("SELECT id::text, provider_reference FROM payments").fetchall() == [
            (payment.json["id"], stripe.intent(payment.json))
        ]

    @pytest.mark.parametrize("mode", ["error", "html", "nonsense"])
    def test_the_stock_is_kept_for_the_grace_period_and_then_comes_back(
        self, stripe: Stripe, api: Client, conn: Connection, order: UUID, reconcile: Job, mode: str
    ) -> None:
        payment = started(api, order, "stripe")
        lapse(conn, minutes=1)
        stripe.set_mode(mode)

        reconcile()

        assert status_of(conn, payment) == ("pending", "pending")
        lapse(conn, minutes=16)
        assert expire(conn) == 1
        stripe.set_mode("works")
        reconcile()
        assert status_of(conn, payment) == ("failed", "expired")
        invariants.check(conn)

    def test_it_hangs(
        self, stripe: Stripe, api: Client, conn: Connection, order: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from boxoffice.payments import stripe as adapter

        monkeypatch.setattr(adapter, "_TIMEOUT", (0.5, 0.5))
        adapter._client_for.cache_clear()
        stripe.set_mode("hangs")

        assert start(api, order, provider="stripe").code == "provider_unavailable"
        adapter._client_for.cache_clear()

    @pytest.mark.parametrize(("mode", "code"), [("busy", "provider_busy"), ("locked", "provider_unavailable")])
    def test_too_many_calls_are_told_from_an_object_that_another_call_has_locked(
        self, stripe: Stripe, api: Client, order: UUID, mode: str, code: str
    ) -> None:
        stripe.set_mode(mode)

        answer = start(api, order, provider="stripe")

        assert (answer.status, answer.code) == (503, code)
        assert int(answer.headers["retry-after"]) >= 2

    def test_a_payment_that_stripe_refuses_is_refused(
        self, stripe: Stripe, api: Client, conn: Connection, order: UUID
    ) -> None:
        stripe.set_mode("refuses")

        answer = start(api, order, provider="stripe")

        assert (answer.status, answer.code) == (409, "payment_refused")
        assert conn.execute("SELECT status, ask_at FROM payments").fetchall() == [("failed", None)]

    def test_a_repeat_that_comes_after_the_hold_prepares_nothing(
        self, stripe: Stripe, api: Client, conn: Connection, order: UUID
    ) -> None:
        stripe.set_mode("error")
        start(api, order, key="k", provider="stripe")
        stripe.set_mode("works")
        stripe.take_requests()
        lapse(conn, minutes=1)

        answer = start(api, order, key="k", provider="stripe")

        assert (answer.status, answer.code) == (409, "order_expired")
        assert stripe.take_requests() == []
