"""Flutterwave from end to end, against a server that answers as its API documents."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.orders import service as orders
from boxoffice.payments import calls, sending
from tests.helpers import factories, invariants, sellers
from tests.helpers.payers import emails, refunds, start, started, status_of
from tests.helpers.provider_servers import Flutterwave, charge_completed, send_webhook
from tests.helpers.support import Client

type Job = Callable[[], dict[str, Any]]


@pytest.fixture
def ticket_type(api: Client, conn: Connection) -> UUID:
    return factories.ticket_type(conn, quantity=10, price=250_050)


@pytest.fixture
def order(conn: Connection, ticket_type: UUID) -> UUID:
    return factories.order(conn, ticket_type, quantity=1)


def lapse(conn: Connection, minutes: int = 16) -> None:
    conn.execute("UPDATE orders SET expires_at = %s", [datetime.now(UTC) - timedelta(minutes=minutes)])


def expire(conn: Connection) -> int:
    return sellers.expire_orders(conn)


def test_the_buyer_is_sent_to_its_page(flutterwave: Flutterwave, api: Client, order: UUID) -> None:
    payment = started(api, order, "flutterwave")

    assert payment["url"].startswith("https://checkout.flutterwave.com/")
    assert (payment["amount"], payment["client_secret"]) == (250_050, None)


def test_paid_in_naira_and_kobo(flutterwave: Flutterwave, api: Client, conn: Connection, order: UUID) -> None:
    payment = started(api, order, "flutterwave")
    transaction = flutterwave.pay(payment)
    assert transaction["amount"] == 2500.5
    flutterwave.take_requests()

    answers = [send_webhook(api, "flutterwave", charge_completed(transaction)) for _ in range(2)]

    assert [answer.json["effect"] for answer in answers] == ["paid", "paid"]
    assert flutterwave.take_requests() == [f"GET /transactions/{transaction['id']}/verify"] * 2
    assert status_of(conn, payment) == ("succeeded", "paid")
    assert conn.execute("SELECT reference, amount FROM incoming_payments").fetchall() == [
        (str(transaction["id"]), 250_050)
    ]
    invariants.check(conn)


def test_a_webhook_counts_only_if_flutterwave_confirms_it(
    flutterwave: Flutterwave, api: Client, conn: Connection, order: UUID
) -> None:
    payment = started(api, order, "flutterwave")
    failed = flutterwave.pay(payment, status="failed")
    forged = {**failed, "status": "successful", "amount": 2500.5}

    assert send_webhook(api, "flutterwave", charge_completed(forged)).json["effect"] == "failed"
    assert send_webhook(api, "flutterwave", charge_completed({**forged, "id": 1})).json["effect"] == "ignored"
    assert status_of(conn, payment) == ("failed", "pending")


def test_a_second_attempt_on_the_same_page_pays(
    flutterwave: Flutterwave, api: Client, conn: Connection, order: UUID
) -> None:
    payment = started(api, order, "flutterwave")
    failed, paid = flutterwave.pay(payment, status="failed"), flutterwave.pay(payment)

    effects = [send_webhook(api, "flutterwave", charge_completed(each)).json["effect"] for each in (paid, failed)]

    assert effects == ["paid", "ignored"]
    invariants.check(conn)


def test_a_second_payment_on_the_same_page_goes_back(
    flutterwave: Flutterwave, api: Client, conn: Connection, order: UUID
) -> None:
    payment = started(api, order, "flutterwave")
    first, second = flutterwave.pay(payment), flutterwave.pay(payment)

    effects = [send_webhook(api, "flutterwave", charge_completed(each)).json["effect"] for each in (first, second)]

    assert effects == ["paid", "returned"]
    assert status_of(conn, payment) == ("succeeded", "paid")
    assert flutterwave.refunds(first) == []
    assert [refund["amount_refunded"] for refund in flutterwave.refunds(second)] == [2500.5]
    assert sorted(emails(conn)) == ["order_confirmation", "payment_returned"]
    invariants.check(conn)


@pytest.mark.parametrize("wrong", [{"amount": 2500}, {"amount": 2501}, {"currency": "GHS"}])
def test_the_wrong_amount_goes_back(
    flutterwave: Flutterwave, api: Client, conn: Connection, order: UUID, reconcile: Job, wrong: dict[str, Any]
) -> None:
    payment = started(api, order, "flutterwave")
    transaction = flutterwave.pay(payment, **wrong)

    assert send_webhook(api, "flutterwave", charge_completed(transaction)).json["effect"] == "returned"
    reconcile()  # hears of the same money

    assert status_of(conn, payment) == ("failed", "pending")
    assert [refund["amount_refunded"] for refund in flutterwave.refunds(transaction)] == [transaction["amount"]]
    assert len(refunds(conn)) == 1
    assert emails(conn) == ["payment_returned"]
    invariants.check(conn)


class TestReconciled:
    def test_a_lost_webhook_loses_nothing(
        self, flutterwave: Flutterwave, api: Client, conn: Connection, order: UUID, reconcile: Job
    ) -> None:
        payment = started(api, order, "flutterwave")
        assert reconcile()["asked"] == 1
        assert status_of(conn, payment) == ("pending", "pending")
        transaction = flutterwave.pay(payment)

        reconcile()

        assert status_of(conn, payment) == ("succeeded", "paid")
        assert send_webhook(api, "flutterwave", charge_completed(transaction)).json["effect"] == "paid"
        invariants.check(conn)

    def test_a_payment_under_way_keeps_the_stock_for_the_grace_period(
        self, flutterwave: Flutterwave, api: Client, conn: Connection, order: UUID, reconcile: Job
    ) -> None:
        payment = started(api, order, "flutterwave")
        flutterwave.pay(payment, status="pending")
        lapse(conn, minutes=1)

        reconcile()

        assert status_of(conn, payment) == ("pending", "pending")
        flutterwave.pay(payment)
        reconcile()
        assert status_of(conn, payment) == ("succeeded", "paid")
        invariants.check(conn)

    def test_money_on_a_page_that_was_left_open_is_found_although_its_webhook_is_lost(
        self, flutterwave: Flutterwave, api: Client, conn: Connection, ticket_type: UUID, order: UUID, reconcile: Job
    ) -> None:
        payment = started(api, order, "flutterwave")
        lapse(conn, minutes=1)
        reconcile()
        assert status_of(conn, payment) == ("failed", "expired")
        factories.order(conn, ticket_type, quantity=10)
        transaction = flutterwave.pay(payment)

        reconcile()

        assert status_of(conn, payment) == ("refunded", "expired")
        assert len(flutterwave.refunds(transaction)) == 1
        assert emails(conn) == ["payment_returned"]
        invariants.check(conn)

    def test_nobody_asks_after_three_days(
        self, flutterwave: Flutterwave, api: Client, conn: Connection, order: UUID, reconcile: Job
    ) -> None:
        started(api, order, "flutterwave")
        lapse(conn, minutes=1)
        reconcile()
        conn.execute("UPDATE payments SET created_at = now() - interval '4 days'")

        assert [reconcile()["asked"] for _ in range(2)] == [1, 0]


class TestRefunds:
    @pytest.fixture
    def transaction(self, flutterwave: Flutterwave, api: Client, order: UUID) -> dict[str, Any]:
        """Return a transaction that has paid the order."""
        transaction = flutterwave.pay(started(api, order, "flutterwave"))
        send_webhook(api, "flutterwave", charge_completed(transaction))
        flutterwave.take_requests()
        return transaction

    def owe(self, conn: Connection, amount: int) -> UUID:
        payment, order = conn.execute("SELECT id, order_id FROM payments").fetchall()[0]
        with conn.transaction():
            orders.lock_order(conn, order)
            return sending.owe_refund(conn, payment, amount, "asked for")

    @pytest.mark.parametrize("mode", ["error", "html", "nonsense", "loses-answers"])
    def test_a_refund_whose_answer_was_lost_is_made_once(
        self, flutterwave: Flutterwave, conn: Connection, transaction: dict[str, Any], reconcile: Job, mode: str
    ) -> None:
        refund = self.owe(conn, 250_050)
        flutterwave.set_mode(mode)
        sending.send_refunds(conn, ids=[refund])
        flutterwave.set_mode("works")

        for _ in range(2):
            reconcile()

        assert len(flutterwave.refunds(transaction)) == 1
        assert conn.execute("SELECT status, attempts FROM refunds").fetchall() == [("succeeded", 2)]
        invariants.check(conn)

    def test_a_refund_that_takes_days_is_asked_about(
        self, flutterwave: Flutterwave, conn: Connection, transaction: dict[str, Any], reconcile: Job
    ) -> None:
        flutterwave.set_mode("pending-refunds")
        refund = self.owe(conn, 50)
        sending.send_refunds(conn, ids=[refund])
        assert conn.execute("SELECT status, due_at > now() FROM refunds").fetchall() == [("sent", True)]

        reconcile()

        assert conn.execute("SELECT status, closed_at IS NULL FROM refunds").fetchall() == [("succeeded", False)]
        assert len(flutterwave.refunds(transaction)) == 1

    def test_a_refund_that_fails_is_counted_and_tried_again(
        self, flutterwave: Flutterwave, conn: Connection, transaction: dict[str, Any], reconcile: Job
    ) -> None:
        flutterwave.set_mode("failing-refunds")
        refund = self.owe(conn, 250_050)
        sending.send_refunds(conn, ids=[refund])
        report = reconcile()
        assert report["refunds_failed"] == 1
        assert conn.execute("SELECT status, failures, last_error FROM refunds").fetchall() == [
            ("failed", 2, "Flutterwave: failed-mpgs")
        ]
        invariants.check(conn)

        flutterwave.set_mode("works")
        reconcile()

        assert conn.execute("SELECT status FROM refunds").fetchall() == [("succeeded",)]
        assert [each["comment"] for each in flutterwave.refunds(transaction)] == [f"Refund {refund}.2"]
        invariants.check(conn)


class TestWhenItFails:
    @pytest.mark.parametrize("mode", ["error", "html", "nonsense", "loses-answers"])
    def test_nothing_is_left_in_limbo(
        self, flutterwave: Flutterwave, api: Client, conn: Connection, order: UUID, reconcile: Job, mode: str
    ) -> None:
        flutterwave.set_mode(mode)
        assert start(api, order, key="k", provider="flutterwave").code == "provider_unavailable"
        flutterwave.set_mode("works")
        payment = start(api, order, key="k", provider="flutterwave").json
        transaction = flutterwave.pay(payment)

        flutterwave.set_mode(mode)
        answer = send_webhook(api, "flutterwave", charge_completed(transaction))
        reconcile()
        assert (answer.status, answer.code) == (503, "provider_unavailable")
        assert status_of(conn, payment) == ("pending", "pending")
        assert conn.execute("SELECT count(*) FROM provider_events").fetchone() == (0,)

        flutterwave.set_mode("works")
        assert send_webhook(api, "flutterwave", charge_completed(transaction)).json["effect"] == "paid"
        invariants.check(conn)

    def test_it_hangs(
        self, flutterwave: Flutterwave, api: Client, order: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(calls, "_TIMEOUT", 0.5)
        calls._pool.cache_clear()
        flutterwave.set_mode("hangs")

        assert start(api, order, provider="flutterwave").code == "provider_unavailable"
        calls._pool.cache_clear()

    def test_it_gets_more_calls_than_it_allows(self, flutterwave: Flutterwave, api: Client, order: UUID) -> None:
        transaction = flutterwave.pay(started(api, order, "flutterwave"))
        flutterwave.set_mode("busy")

        for answer in (
            start(api, order, provider="flutterwave"),
            send_webhook(api, "flutterwave", charge_completed(transaction)),
        ):
            assert (answer.status, answer.code) == (503, "provider_busy")
            assert int(answer.headers["retry-after"]) >= 2

    def test_a_payment_that_flutterwave_refuses_is_refused(
        self, flutterwave: Flutterwave, api: Client, conn: Connection, order: UUID
    ) -> None:
        conn.execute("UPDATE orders SET currency = 'CHF'")

        answer = start(api, order, provider="flutterwave")

        assert (answer.status, answer.code) == (409, "payment_refused")
