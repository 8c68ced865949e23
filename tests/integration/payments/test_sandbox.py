"""The sandbox from end to end: a provider with a memory of its own, behind HTTP."""

import html
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import pytest
from psycopg import Connection

from boxoffice.orders import service as orders
from boxoffice.payments import calls, sending
from tests.helpers import factories, invariants, sellers
from tests.helpers.payers import emails, refunds, start, started, status_of, tell
from tests.helpers.provider_servers import Receiver, Sandbox, make_all_due
from tests.helpers.support import Client

type Job = Callable[[], dict[str, Any]]


@pytest.fixture
def order(api: Client, conn: Connection) -> UUID:
    return factories.order(conn, factories.ticket_type(conn, price=2500), quantity=2)


def lapse(conn: Connection, minutes: int) -> None:
    conn.execute("UPDATE orders SET expires_at = %s", [datetime.now(UTC) - timedelta(minutes=minutes)])


def wait_until_paid(conn: Connection, payment: dict[str, Any]) -> None:
    deadline = time.monotonic() + 20
    while status_of(conn, payment) != ("succeeded", "paid"):
        assert time.monotonic() < deadline, "the webhook was not sent again"
        time.sleep(0.02)


def test_the_buyer_pays_on_the_page(sandbox: Sandbox, receiver: Receiver, api: Client, conn: Connection, order: UUID):
    sandbox.send_webhooks_to(receiver.url)
    payment = started(api, order)
    page = httpx.get(payment["url"], headers={"Accept": "text/html"}).text
    assert "NGN" in page
    assert ">Pay</button>" in page

    assert sandbox.decide(payment) == [200]

    assert status_of(conn, payment) == ("succeeded", "paid")
    assert sandbox.show(payment)["status"] == "succeeded"
    assert sandbox.decide(payment) == [], "a payment brings money once"
    assert sandbox.decide(payment, "decline") == []
    assert emails(conn) == ["order_confirmation"]
    invariants.check(conn)


def test_declined_and_then_paid(sandbox: Sandbox, receiver: Receiver, api: Client, conn: Connection, order: UUID):
    sandbox.send_webhooks_to(receiver.url)
    payment = started(api, order)

    assert sandbox.decide(payment, "decline") == [200]
    assert status_of(conn, payment) == ("failed", "pending")
    assert sandbox.decide(payment) == [200]

    assert status_of(conn, payment) == ("succeeded", "paid")
    invariants.check(conn)


def test_a_webhook_that_nobody_took_is_sent_again_even_by_the_next_process(
    sandbox: Sandbox, receiver: Receiver, api: Client, conn: Connection, order: UUID
):
    payment = started(api, order)
    assert sandbox.decide(payment) == [0], "nobody listens"
    sandbox.kill()
    sandbox.start()
    sandbox.send_webhooks_to(receiver.url)

    wait_until_paid(conn, payment)

    assert conn.execute("SELECT count(*) FROM provider_events").fetchone() == (1,)
    invariants.check(conn)


def test_a_lost_webhook_loses_nothing(sandbox: Sandbox, api: Client, conn: Connection, order: UUID, reconcile: Job):
    payment = started(api, order)
    sandbox.order("webhook", "lost")
    sandbox.decide(payment)

    reconcile()

    assert status_of(conn, payment) == ("succeeded", "paid")
    invariants.check(conn)


def test_after_the_hold_nobody_can_pay_any_more(
    sandbox: Sandbox, api: Client, conn: Connection, order: UUID, reconcile: Job
):
    payment = started(api, order)
    lapse(conn, minutes=1)

    reconcile()

    assert status_of(conn, payment) == ("failed", "expired")
    assert sandbox.show(payment)["status"] == "cancelled"
    assert sandbox.decide(payment) == []


def test_late_money_goes_back(sandbox: Sandbox, api: Client, conn: Connection, order: UUID, reconcile: Job):
    payment = started(api, order)
    sandbox.decide(payment)
    conn.execute("UPDATE events SET status = 'cancelled'")
    lapse(conn, minutes=16)
    assert sellers.expire_orders(conn) == 1

    reconcile()

    assert status_of(conn, payment) == ("refunded", "expired")
    assert sandbox.show(payment)["refunded"] == 5000
    invariants.check(conn)


@pytest.mark.parametrize("is_told", [True, False])
def test_a_payment_under_way_keeps_its_stock(
    sandbox: Sandbox,
    receiver: Receiver,
    api: Client,
    conn: Connection,
    order: UUID,
    reconcile: Job,
    is_told: bool,
):
    if is_told:
        sandbox.send_webhooks_to(receiver.url)
    payment = started(api, order)
    sandbox.control(f"payments/{payment['id']}", status="processing")
    lapse(conn, minutes=1)

    reconcile()
    assert status_of(conn, payment) == ("processing", "pending")
    assert sellers.expire_orders(conn) == 0
    sandbox.control(f"payments/{payment['id']}", status="succeeded")
    reconcile()

    assert status_of(conn, payment) == ("succeeded", "paid")
    invariants.check(conn)


def test_a_debit_that_takes_days_comes_in_the_end_or_not(
    sandbox: Sandbox, receiver: Receiver, api: Client, conn: Connection, order: UUID, reconcile: Job
):
    sandbox.send_webhooks_to(receiver.url)
    payment = started(api, order)
    assert sandbox.decide(payment, "pay_later") == [200]
    assert status_of(conn, payment) == ("processing", "pending")
    page = httpx.get(payment["url"], headers={"Accept": "text/html"}).text
    assert ">The money arrives</button>" in page

    sandbox.order("webhook", "lost")
    sandbox.decide(payment, "decline")
    for _ in range(2):
        reconcile()

    assert status_of(conn, payment) == ("failed", "expired")
    assert emails(conn) == ["payment_processing", "payment_failed"]
    invariants.check(conn)


@pytest.mark.parametrize("steps", list(permutations(["expire", "reconcile", "webhook"])), ids="-".join)
def test_declined_once_and_then_paid_in_time_pays_the_order_whatever_comes_first(
    sandbox: Sandbox, api: Client, conn: Connection, order: UUID, reconcile: Job, steps: Any
):
    payment = started(api, order)
    tell(api, payment, "payment.failed")
    sandbox.decide(payment, "decline")
    sandbox.decide(payment)
    lapse(conn, minutes=1)

    for step in steps:
        if step == "expire":
            assert sellers.expire_orders(conn) == 0
        elif step == "reconcile":
            reconcile()
        else:
            tell(api, payment)

    assert status_of(conn, payment) == ("succeeded", "paid")
    assert refunds(conn) == []
    invariants.check(conn)


def test_the_page_leads_back_to_what_reads_the_order(sandbox: Sandbox, api: Client, conn: Connection, order: UUID):
    payment = started(api, order)
    sandbox.decide(payment)

    page = httpx.get(payment["url"], headers={"Accept": "text/html"}).text

    (link,) = re.findall(r'<a href="(.+?)">Back to your order', page)
    url = urlsplit(html.unescape(link))
    assert url.path == f"/orders/{order}"
    (token,) = parse_qs(url.fragment)["token"]
    assert api.get(f"/v1/orders/{order}", order_token=token).status == 200


def test_a_payment_that_the_sandbox_does_not_know_is_closed(
    sandbox: Sandbox, api: Client, conn: Connection, order: UUID, reconcile: Job
):
    payment = factories.payment(conn, order)
    conn.execute("UPDATE payments SET ask_at = now()")
    lapse(conn, minutes=1)

    reconcile()

    assert status_of(conn, {"id": payment}) == ("failed", "expired")


def test_a_payment_that_brought_too_little_is_over(
    sandbox: Sandbox, api: Client, conn: Connection, order: UUID, reconcile: Job
):
    payment = started(api, order)
    sandbox.control(f"payments/{payment['id']}", status="succeeded", amount=4999)

    reconcile()

    assert status_of(conn, payment) == ("failed", "pending")
    assert sandbox.show(payment)["refunded"] == 4999
    again = started(api, order)
    assert again["id"] != payment["id"], "the page of the first one takes no more money"
    sandbox.decide(again)
    reconcile()
    assert status_of(conn, again) == ("succeeded", "paid")
    invariants.check(conn)


class TestTrouble:
    @pytest.mark.parametrize(
        ("kind", "status", "code"),
        [("error", 503, "provider_unavailable"), ("cut", 503, "provider_unavailable"), ("busy", 503, "provider_busy")],
    )
    def test_a_repeat_continues(
        self, sandbox: Sandbox, api: Client, conn: Connection, order: UUID, kind: Any, status: int, code: str
    ):
        sandbox.order("create", kind)

        refused = start(api, order, key="k")
        resumed = start(api, order, key="k")

        assert (refused.status, refused.code) == (status, code)
        assert resumed.status == 201
        assert conn.execute("SELECT id::text FROM payments").fetchall() == [(resumed.json["id"],)]

    @pytest.mark.parametrize("body", [b"null", b"7", b"[1]", b'"paid"', b"{}", b'{"url": null}', b'{"url": 7}'])
    def test_nonsense_is_no_answer(
        self, sandbox: Sandbox, api: Client, order: UUID, monkeypatch: pytest.MonkeyPatch, body: bytes
    ):
        with monkeypatch.context() as patch:
            patch.setattr(calls, "request", lambda *_: calls.HttpAnswer(200, body))
            assert start(api, order, key="k").code == "provider_unavailable"

        assert start(api, order, key="k").status == 201

    def test_a_refusal_is_final(self, sandbox: Sandbox, api: Client, conn: Connection, order: UUID):
        sandbox.order("create", "refused")

        assert start(api, order).code == "payment_refused"
        assert conn.execute("SELECT status FROM payments").fetchall() == [("failed",)]


class TestRefunds:
    @pytest.fixture
    def paid(self, sandbox: Sandbox, api: Client, conn: Connection, order: UUID, reconcile: Job) -> dict[str, Any]:
        payment = started(api, order)
        sandbox.decide(payment)
        reconcile()
        sandbox.take_answers()
        return payment

    def owe(self, conn: Connection, payment: dict[str, Any], amount: int) -> UUID:
        with conn.transaction():
            orders.lock_order(conn, UUID(payment["order_id"]))
            return sending.owe_refund(conn, UUID(payment["id"]), amount, "asked for")

    def send(self, conn: Connection, refund: UUID) -> tuple[str, bool]:
        """Try a refund. Return its status, and True if it is due again."""
        make_all_due(conn)
        assert sending.send_refunds(conn, ids=[refund]) == 1
        row = conn.execute("SELECT status, due_at IS NOT NULL FROM refunds WHERE id = %s", [refund]).fetchone()
        assert row is not None
        return row

    def test_refunded_in_parts(self, sandbox: Sandbox, conn: Connection, paid: dict[str, Any]):
        for amount in (2000, 3000):
            assert self.send(conn, self.owe(conn, paid, amount)) == ("succeeded", False)

        assert sandbox.show(paid)["refunded"] == 5000
        invariants.check(conn)

    @pytest.mark.parametrize("kind", ["error", "cut", "busy"])
    def test_whatever_happens_to_the_answer_the_money_goes_back_once(
        self, sandbox: Sandbox, conn: Connection, paid: dict[str, Any], kind: Any
    ):
        refund = self.owe(conn, paid, 2000)
        sandbox.order("refund", kind)

        assert self.send(conn, refund) == ("owed", True)
        assert self.send(conn, refund) == ("succeeded", False)
        assert sandbox.show(paid)["refunded"] == 2000

    def test_what_is_made_is_not_refused_in_the_end(self, sandbox: Sandbox, conn: Connection, paid: dict[str, Any]):
        refund = self.owe(conn, paid, 2000)
        sandbox.order("refund", "cut")
        sandbox.order("refund", "refused")

        assert self.send(conn, refund) == ("owed", True)
        assert self.send(conn, refund) == ("succeeded", False)
        assert sandbox.show(paid)["refunded"] == 2000

    def test_a_refund_that_takes_a_while_is_asked_about(self, sandbox: Sandbox, conn: Connection, paid: dict[str, Any]):
        refund = self.owe(conn, paid, 2000)
        sandbox.order("refund", "pending")

        assert self.send(conn, refund) == ("sent", True)
        assert self.send(conn, refund) == ("sent", True)
        sandbox.control(f"refunds/{refund}", status="succeeded")
        assert self.send(conn, refund) == ("succeeded", False)
        assert [each["operation"] for each in sandbox.take_answers()] == ["refund", "fetch", "fetch"]


class TestMoneyThatWentBackThere:
    @pytest.fixture
    def paid(self, sandbox: Sandbox, receiver: Receiver, api: Client, order: UUID) -> dict[str, Any]:
        sandbox.send_webhooks_to(receiver.url)
        payment = started(api, order)
        assert sandbox.decide(payment) == [200]
        return payment

    def test_a_refund_on_the_dashboard_is_told_and_booked(
        self, sandbox: Sandbox, conn: Connection, paid: dict[str, Any]
    ) -> None:
        assert sandbox.reverse(paid, "refund.created", 100)["status"] == 200

        assert conn.execute("SELECT refunded_elsewhere FROM incoming_payments").fetchall() == [(100,)]
        invariants.check(conn)

    def test_a_refund_of_ours_finds_one_whose_webhook_was_lost_and_sends_what_is_left(
        self, sandbox: Sandbox, conn: Connection, paid: dict[str, Any]
    ) -> None:
        sandbox.order("webhook", "lost")
        sandbox.reverse(paid, "refund.created", 100)
        with conn.transaction():
            orders.lock_order(conn, UUID(paid["order_id"]))
            refund = sending.owe_refund(conn, UUID(paid["id"]), paid["amount"], "asked for")

        sending.send_at_once(conn, [refund])

        assert conn.execute("SELECT elsewhere, status FROM refunds").fetchall() == [(100, "succeeded")]
        assert sandbox.show(paid)["refunded"] == paid["amount"]
        invariants.check(conn)

    def test_no_more_goes_back_than_is_left_and_what_has_ended_stays_so(
        self, sandbox: Sandbox, conn: Connection, paid: dict[str, Any]
    ) -> None:
        assert "message" in sandbox.reverse(paid, "refund.created", 5001)
        assert sandbox.reverse(paid, "dispute.opened", 3000)["status"] == 200
        assert "message" in sandbox.reverse(paid, "refund.created", 2001)
        assert sandbox.reverse(paid, "dispute.won", 3000)["status"] == 200
        assert "message" in sandbox.reverse(paid, "dispute.lost", 3000)

        known = sandbox.payment(paid["id"])
        assert (known["refunded"], [each["type"] for each in known["reversals"]]) == (0, ["dispute.won"])
        assert conn.execute("SELECT status FROM reversals").fetchall() == [("won",)]
        invariants.check(conn)

    def test_a_lost_dispute_ends_the_order(self, sandbox: Sandbox, conn: Connection, paid: dict[str, Any]) -> None:
        for kind in ("dispute.opened", "dispute.lost"):
            assert sandbox.reverse(paid, kind, paid["amount"])["status"] == 200

        assert conn.execute("SELECT status FROM orders").fetchall() == [("refunded",)]
        invariants.check(conn)
