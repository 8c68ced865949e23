"""Flutterwave from end to end, against a server that answers as its API documents."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.orders import service as orders
from boxoffice.payments import calls, sending
from tests.helpers import factories, invariants, sellers
from tests.helpers.payers import emails, refunds, start, started, status_of
from tests.helpers.provider_servers import Flutterwave, charge_completed, send_webhook
from tests.helpers.support import Client

ORDERS_OF_STEPS = list(permutations(["expire", "reconcile", "webhook"]))

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


@pytest.mark.parametrize(
    "wrong", [{"amount": 2500}, {"amount": 2500.49}, {"currency": "GHS"}, {"amount": 9000, "currency": "GHS"}]
)
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


class TestAmounts:
    """Flutterwave may convert currencies, and a buyer may pay more or less than asked."""

    @pytest.mark.parametrize(
        ("amount", "excess"),
        [(2500.5, None), (2500.504, None), (2500.51, 1), (2500.519, 1), (2600, 9950), (2600.0099, 9950)],
    )
    def test_the_total_and_more_pays_and_the_rest_goes_back_in_whole_kobo(
        self, flutterwave: Flutterwave, api: Client, conn: Connection, order: UUID, amount: float, excess: int | None
    ) -> None:
        payment = started(api, order, "flutterwave")
        transaction = flutterwave.pay(payment, amount=amount)

        assert send_webhook(api, "flutterwave", charge_completed(transaction)).json["effect"] == "paid"

        assert status_of(conn, payment) == ("succeeded", "paid")
        assert [returned for _, returned, _ in refunds(conn)] == ([excess] if excess else [])
        sent = [refund["amount_refunded"] for refund in flutterwave.refunds(transaction)]
        assert sent == ([excess / 100] if excess else [])
        assert conn.execute("SELECT payload ->> 'amount' FROM provider_events").fetchall() == [(str(amount),)]
        invariants.check(conn)

    @pytest.mark.parametrize(("amount", "returned"), [(2500.499, 250_049), (2500.4999, 250_049), (0.01, 1)])
    def test_less_than_the_total_goes_back_in_whole_kobo(
        self, flutterwave: Flutterwave, api: Client, conn: Connection, order: UUID, amount: float, returned: int
    ) -> None:
        payment = started(api, order, "flutterwave")
        transaction = flutterwave.pay(payment, amount=amount)

        assert send_webhook(api, "flutterwave", charge_completed(transaction)).json["effect"] == "returned"

        assert status_of(conn, payment) == ("failed", "pending")
        assert [each for _, each, _ in refunds(conn)] == [returned]
        invariants.check(conn)

    def test_less_than_a_kobo_is_no_money(
        self, flutterwave: Flutterwave, api: Client, conn: Connection, order: UUID
    ) -> None:
        payment = started(api, order, "flutterwave")
        transaction = flutterwave.pay(payment, amount=0.004)

        assert send_webhook(api, "flutterwave", charge_completed(transaction)).json["effect"] == "ignored"
        assert status_of(conn, payment) == ("pending", "pending")


class TestAnotherPaymentsTransaction:
    @pytest.fixture
    def mine(self, flutterwave: Flutterwave, api: Client, order: UUID) -> dict[str, Any]:
        return started(api, order, "flutterwave")

    @pytest.fixture
    def paid(
        self, flutterwave: Flutterwave, api: Client, conn: Connection, ticket_type: UUID, mine: dict[str, Any]
    ) -> dict[str, Any]:
        """Return a transaction that has paid another order."""
        return flutterwave.pay(started(api, factories.order(conn, ticket_type, quantity=1), "flutterwave"))

    def test_a_webhook_cannot_give_it_to_this_payment(
        self, api: Client, conn: Connection, mine: dict[str, Any], paid: dict[str, Any]
    ) -> None:
        forged = {**paid, "tx_ref": mine["id"]}

        assert send_webhook(api, "flutterwave", charge_completed(forged)).json["effect"] == "paid"
        assert status_of(conn, mine) == ("pending", "pending")
        assert status_of(conn, {"id": paid["tx_ref"]}) == ("succeeded", "paid")

    def test_it_does_not_stand_for_the_transaction_that_we_ask_about(
        self, flutterwave: Flutterwave, api: Client, conn: Connection, mine: dict[str, Any], paid: dict[str, Any]
    ) -> None:
        failed = flutterwave.pay(mine, status="failed")
        flutterwave.set_mode("mixes-up")

        assert send_webhook(api, "flutterwave", charge_completed(failed)).code == "provider_unavailable"
        assert conn.execute("SELECT count(*) FROM provider_events").fetchone() == (0,)

    def test_it_does_not_stand_among_those_of_this_payment(
        self, flutterwave: Flutterwave, conn: Connection, mine: dict[str, Any], paid: dict[str, Any], reconcile: Job
    ) -> None:
        conn.execute("UPDATE payments SET ask_at = NULL WHERE id <> %s", [mine["id"]])
        flutterwave.set_mode("mixes-up")

        assert reconcile()["asked"] == 1
        assert conn.execute("SELECT count(*) FROM provider_events").fetchone() == (0,)
        assert status_of(conn, mine) == ("pending", "pending")


class TestReturn:
    """Flutterwave sends the buyer back to the page of the order, and appends its parameters to the URL."""

    def test_the_page_can_read_the_order(
        self, flutterwave: Flutterwave, api: Client, order: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        payment = started(api, order, "flutterwave")
        url = flutterwave.link(payment)["redirect_url"]
        appended = f"status=successful&tx_ref={payment['id']}&transaction_id=288200108"
        parts = urlsplit(url)

        returned = [
            f"{url}?{appended}",  # appended to the text
            f"{url}&{appended}",  # appended to the text, in which there is a parameter already
            urlunsplit(parts._replace(query=appended)),  # appended to the query of the parsed URL
        ]

        for each in map(urlsplit, returned):
            assert (each.netloc, each.path) == ("127.0.0.1:3000", f"/orders/{order}")
            (token,) = parse_qs(each.fragment)["token"]
            assert api.get(f"/v1/orders/{order}", order_token=token).json["id"] == str(order)

    def test_only_ways_to_pay_that_settle_at_once_are_offered(
        self, flutterwave: Flutterwave, api: Client, order: UUID
    ) -> None:
        offered = flutterwave.link(started(api, order, "flutterwave"))["payment_options"].split(", ")

        assert {"card", "banktransfer", "ussd", "mpesa"} <= set(offered)
        assert not any(option.startswith("ach") for option in offered)


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

    @pytest.mark.parametrize("steps", ORDERS_OF_STEPS, ids="-".join)
    def test_a_failed_try_and_then_a_charge_in_time_pay_the_order_whatever_comes_first(
        self,
        flutterwave: Flutterwave,
        api: Client,
        conn: Connection,
        ticket_type: UUID,
        order: UUID,
        reconcile: Job,
        steps: Any,
    ) -> None:
        payment = started(api, order, "flutterwave")
        failed = flutterwave.pay(payment, status="failed")
        send_webhook(api, "flutterwave", charge_completed(failed))
        paid = flutterwave.pay(payment)
        flutterwave.pay(payment, status="failed")  # in another tab
        lapse(conn, minutes=1)

        for step in steps:
            if step == "expire":
                assert expire(conn) == 0
            elif step == "reconcile":
                reconcile()
            else:
                send_webhook(api, "flutterwave", charge_completed(paid))

        assert status_of(conn, payment) == ("succeeded", "paid")
        assert refunds(conn) == []
        assert invariants.left(conn, ticket_type) == (9, 0, 1)
        invariants.check(conn)

    def test_both_charges_are_found_although_both_webhooks_are_lost(
        self, flutterwave: Flutterwave, api: Client, conn: Connection, order: UUID, reconcile: Job
    ) -> None:
        payment = started(api, order, "flutterwave")
        transactions = [flutterwave.pay(payment) for _ in range(2)]

        reconcile()

        assert status_of(conn, payment) == ("succeeded", "paid")
        assert sorted(len(flutterwave.refunds(each)) for each in transactions) == [0, 1]
        invariants.check(conn)

    def test_failed_tries_give_back_the_stock_but_a_pending_one_keeps_it(
        self, flutterwave: Flutterwave, api: Client, conn: Connection, ticket_type: UUID, reconcile: Job
    ) -> None:
        failed, pending = (
            started(api, factories.order(conn, ticket_type, quantity=1), "flutterwave") for _ in range(2)
        )
        for payment in (failed, pending):
            flutterwave.pay(payment, status="failed")
        flutterwave.pay(pending, status="pending")
        lapse(conn, minutes=1)

        reconcile()

        assert status_of(conn, failed) == ("failed", "expired")
        assert status_of(conn, pending)[1] == "pending"
        assert invariants.left(conn, ticket_type) == (9, 1, 0)
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
    @pytest.mark.parametrize("words", ["Cannot refund \ud83d", "Cannot \x00refund"])
    def test_a_refusal_in_words_that_nobody_can_store_is_seen(
        self,
        flutterwave: Flutterwave,
        api: Client,
        conn: Connection,
        order: UUID,
        monkeypatch: pytest.MonkeyPatch,
        words: str,
    ) -> None:
        transaction = flutterwave.pay(started(api, order, "flutterwave"))
        send_webhook(api, "flutterwave", charge_completed(transaction))
        ask = calls.request

        def request(provider: str, method: str, url: str, *rest: Any) -> calls.HttpAnswer:
            if method == "POST":
                return calls.HttpAnswer(400, json.dumps({"status": "error", "message": words}).encode())
            return ask(provider, method, url, *rest)

        monkeypatch.setattr(calls, "request", request)
        payment = conn.execute("SELECT id FROM payments").fetchone()
        assert payment is not None
        with conn.transaction():
            orders.lock_order(conn, order)
            sending.owe_refund(conn, payment[0], 1000, "asked for")
        sending.send_refunds(conn)

        assert conn.execute("SELECT status, last_error FROM refunds").fetchall() == [
            ("failed", "Flutterwave: Cannot refund")
        ]
        assert conn.execute("SELECT kind FROM money_matters").fetchall() == [("refund_failed",)]

    @pytest.mark.parametrize("data", [b"{}", b"[]", b"null", b'{"link": 7}', b'{"link": "javascript:pay()"}'])
    def test_a_success_without_a_page_is_no_answer(
        self, flutterwave: Flutterwave, api: Client, order: UUID, monkeypatch: pytest.MonkeyPatch, data: bytes
    ) -> None:
        body = b'{"status": "success", "data": ' + data + b"}"
        monkeypatch.setattr(calls, "request", lambda *_: calls.HttpAnswer(200, body))

        assert start(api, order, provider="flutterwave").code == "provider_unavailable"

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

    def test_it_gets_more_calls_than_it_allows(
        self, flutterwave: Flutterwave, api: Client, conn: Connection, ticket_type: UUID, order: UUID
    ) -> None:
        transaction = flutterwave.pay(started(api, order, "flutterwave"))
        flutterwave.set_mode("busy")

        for answer in (
            start(api, factories.order(conn, ticket_type, quantity=1), provider="flutterwave"),
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


class TestMoneyThatWentBackThere:
    """Refunds in the dashboard, and chargebacks. A webhook says when to look, and Flutterwave what is true."""

    @pytest.fixture
    def transaction(
        self, flutterwave: Flutterwave, api: Client, conn: Connection, order: UUID, reconcile: Job
    ) -> dict[str, Any]:
        transaction = flutterwave.pay(started(api, order, "flutterwave"))
        reconcile()
        assert conn.execute("SELECT status FROM orders").fetchall() == [("paid",)]
        return transaction

    def hear(self, api: Client, event: str, transaction: dict[str, Any], **data: Any) -> str:
        answer = send_webhook(api, "flutterwave", {"event": event, "data": {"id": 7, "TransactionId": 1, **data}})
        assert answer.status == 200, answer.body
        return str(answer.json["effect"])

    def booked(self, conn: Connection) -> tuple[int, int]:
        row = conn.execute("SELECT refunded, refunded_elsewhere FROM incoming_payments").fetchone()
        assert row is not None
        return row

    @pytest.mark.parametrize("name", ["TransactionId", "transaction_id", "tx_id"])
    def test_a_part_in_the_dashboard_is_booked_once(
        self, flutterwave: Flutterwave, api: Client, conn: Connection, transaction: dict[str, Any], name: str
    ) -> None:
        flutterwave.refund_elsewhere(transaction, 1000.5)
        data = {"TransactionId": None, name: transaction["id"]}

        assert [self.hear(api, "refund.completed", transaction, **data) for _ in range(2)] == ["noted"] * 2

        assert self.booked(conn) == (0, 100_050)
        assert conn.execute("SELECT kind, amount FROM money_matters").fetchall() == [("refunded_elsewhere", 100_050)]
        invariants.check(conn)

    def test_what_the_webhook_says_counts_for_nothing(
        self, api: Client, conn: Connection, transaction: dict[str, Any]
    ) -> None:
        lies = {"TransactionId": transaction["id"], "AmountRefunded": 2500.5, "status": "completed"}

        assert self.hear(api, "refund.completed", transaction, **lies) == "ignored"
        assert self.booked(conn) == (0, 0)

    @pytest.mark.parametrize(
        ("status", "ends"),
        [("initiated", False), ("declined", False), ("won", False), ("lost", True), ("accepted", True)],
    )
    def test_chargebacks(
        self,
        flutterwave: Flutterwave,
        api: Client,
        conn: Connection,
        transaction: dict[str, Any],
        status: str,
        ends: bool,
    ) -> None:
        flutterwave.charge_back(transaction, 2500.5, status)

        assert self.hear(api, "chargeback.updated", transaction, transaction_id=transaction["id"], TransactionId=None)

        assert conn.execute("SELECT status FROM orders").fetchall() == [("refunded" if ends else "paid",)]
        assert self.booked(conn) == (0, 250_050 if ends else 0)
        invariants.check(conn)

    def test_a_refund_of_ours_sends_what_is_left(
        self, flutterwave: Flutterwave, conn: Connection, transaction: dict[str, Any]
    ) -> None:
        flutterwave.refund_elsewhere(transaction, 1000.5)
        (payment, order) = conn.execute("SELECT id, order_id FROM payments").fetchone() or ()
        with conn.transaction():
            orders.lock_order(conn, order)
            refund = sending.owe_refund(conn, payment, 250_050, "asked for")

        sending.send_at_once(conn, [refund])

        assert sorted(made["amount_refunded"] for made in flutterwave.refunds(transaction)) == [1000.5, 1500]
        assert conn.execute("SELECT amount, elsewhere, status FROM refunds").fetchall() == [
            (250_050, 100_050, "succeeded")
        ]
        assert self.booked(conn) == (150_000, 100_050)
        invariants.check(conn)
