"""POST /v1/webhooks/sandbox: money that pays an order, and money that goes back."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from boxoffice import outbox
from boxoffice.api import MAX_BODY
from boxoffice.guest_tokens import order_token
from boxoffice.payments import sandbox
from tests.helpers import factories, invariants, sellers
from tests.helpers.factories import NOW
from tests.helpers.payers import emails, refunds, start, started, status_of, tell
from tests.helpers.support import Client, context, function

SALE_ENDED = [
    "UPDATE events SET status = 'cancelled'",
    "UPDATE events SET starts_at = now() - interval '2 hours', ends_at = now() - interval '1 hour'",
    "UPDATE events SET deleted_at = now()",
    "UPDATE organisations SET status = 'suspended', status_reason = 'Fraud'",
]


@pytest.fixture
def ticket_type(api: Client, conn: Connection) -> UUID:
    return factories.ticket_type(conn, quantity=10, price=2500)


def lapse(api: Client, conn: Connection, order: UUID) -> None:
    conn.execute("UPDATE orders SET expires_at = %s WHERE id = %s", [NOW - timedelta(minutes=16), order])
    assert function("expire_orders").handler({}, context()) == {"expired": 1, "forgotten": 0, "units_failed": 0}


class TestInTime:
    def test_money_pays_the_order(self, api: Client, conn: Connection, ticket_type: UUID) -> None:
        order = factories.order(conn, ticket_type, quantity=2)
        payment = started(api, order)

        answer = tell(api, payment, event_id="evt_1")

        assert (answer.status, answer.json) == (200, {"event_id": "evt_1", "effect": "paid"})
        assert status_of(conn, payment) == ("succeeded", "paid")
        assert invariants.left(conn, ticket_type) == (8, 0, 2)
        assert conn.execute("SELECT count(*) FROM tickets").fetchone() == (2,)
        assert emails(conn) == ["order_confirmation"]
        assert conn.execute("SELECT from_status, to_status, reason FROM order_history").fetchall() == [
            ("pending", "paid", f"payment {payment['id']}")
        ]
        invariants.check(conn)

    def test_money_pays_an_order_whose_hold_has_lapsed_but_that_has_not_expired(
        self, api: Client, conn: Connection, ticket_type: UUID
    ) -> None:
        order = factories.order(conn, ticket_type)
        payment = started(api, order)
        conn.execute("UPDATE orders SET expires_at = %s", [factories.a_moment_ago()])

        assert tell(api, payment).json["effect"] == "paid"
        assert status_of(conn, payment) == ("succeeded", "paid")

    def test_a_decline_leaves_the_order_to_be_paid_another_way(
        self, api: Client, conn: Connection, ticket_type: UUID
    ) -> None:
        order = factories.order(conn, ticket_type)
        declined = started(api, order)

        assert tell(api, declined, "payment.failed").json["effect"] == "failed"
        assert status_of(conn, declined) == ("failed", "pending")
        other = {**declined, "id": str(factories.payment(conn, order))}
        assert tell(api, other).json["effect"] == "paid"
        assert status_of(conn, declined) == ("failed", "paid")
        invariants.check(conn)


class TestRepeats:
    def test_an_event_that_comes_twice_has_one_effect(self, api: Client, conn: Connection, ticket_type: UUID) -> None:
        payment = started(api, factories.order(conn, ticket_type))

        first, second = (tell(api, payment, event_id="evt_1") for _ in range(2))

        assert first.json == second.json
        assert conn.execute("SELECT event_id, kind, effect FROM provider_events").fetchall() == [
            ("evt_1", "succeeded", "paid")
        ]
        assert emails(conn) == ["order_confirmation"]
        assert refunds(conn) == []
        invariants.check(conn)

    def test_another_event_about_the_same_money_changes_nothing(
        self, api: Client, conn: Connection, ticket_type: UUID
    ) -> None:
        payment = started(api, factories.order(conn, ticket_type))
        tell(api, payment)

        assert tell(api, payment).json["effect"] == "ignored"
        assert status_of(conn, payment) == ("succeeded", "paid")
        assert refunds(conn) == []

    def test_failed_after_succeeded_is_ignored(self, api: Client, conn: Connection, ticket_type: UUID) -> None:
        payment = started(api, factories.order(conn, ticket_type))
        tell(api, payment)

        assert tell(api, payment, "payment.failed").json["effect"] == "ignored"
        assert status_of(conn, payment) == ("succeeded", "paid")
        invariants.check(conn)

    def test_succeeded_after_failed_pays_the_order(self, api: Client, conn: Connection, ticket_type: UUID) -> None:
        payment = started(api, factories.order(conn, ticket_type))
        tell(api, payment, "payment.failed")

        assert tell(api, payment).json["effect"] == "paid"
        assert status_of(conn, payment) == ("succeeded", "paid")
        invariants.check(conn)


class TestMoneyThatGoesBack:
    @pytest.mark.parametrize(
        ("wrong", "returned"),
        [
            ({"amount": 4999}, (4999, "NGN")),
            ({"currency": "GHS"}, (5000, "GHS")),
            ({"amount": 9000, "currency": "GHS"}, (9000, "GHS")),
        ],
    )
    def test_a_wrong_amount_goes_back(
        self, api: Client, conn: Connection, ticket_type: UUID, wrong: dict[str, object], returned: tuple[int, str]
    ) -> None:
        payment = started(api, factories.order(conn, ticket_type))

        assert tell(api, payment, **wrong).json["effect"] == "returned"

        assert status_of(conn, payment) == ("failed", "pending")
        amount, currency = returned
        assert refunds(conn) == [(payment["id"], amount, f"{currency}: it was not the amount of the order")]
        assert emails(conn) == ["payment_returned"]
        assert invariants.left(conn, ticket_type) == (8, 2, 0)
        invariants.check(conn)

    def test_after_a_wrong_amount_the_right_amount_pays(self, api: Client, conn: Connection, ticket_type: UUID) -> None:
        payment = started(api, factories.order(conn, ticket_type))
        tell(api, payment, amount=1)

        assert tell(api, payment).json["effect"] == "paid"
        assert status_of(conn, payment) == ("succeeded", "paid")
        assert len(refunds(conn)) == 1
        invariants.check(conn)

    def test_the_second_payment_of_an_order_goes_back(self, api: Client, conn: Connection, ticket_type: UUID) -> None:
        order = factories.order(conn, ticket_type)
        first = started(api, order)
        second = {**first, "id": str(factories.payment(conn, order))}
        tell(api, first)

        assert tell(api, second).json["effect"] == "returned"

        assert status_of(conn, first) == ("succeeded", "paid")
        assert status_of(conn, second) == ("refunded", "paid")
        assert refunds(conn) == [(second["id"], 5000, "NGN: the order had been paid already")]
        (refund,) = conn.execute("SELECT id FROM refunds").fetchone() or ()
        assert conn.execute("SELECT template, payload FROM outbox ORDER BY id").fetchall()[1] == (
            "payment_returned",
            {"order_id": str(order), "refund_id": str(refund)},
        )
        invariants.check(conn)

    def test_late_money_goes_back_with_an_email_if_the_tickets_are_gone(
        self, api: Client, conn: Connection, ticket_type: UUID
    ) -> None:
        order = factories.order(conn, ticket_type, quantity=3, buyer_email="late@example.com")
        payment = started(api, order)
        lapse(api, conn, order)
        factories.order(conn, ticket_type, quantity=8)

        assert tell(api, payment).json["effect"] == "returned"

        assert status_of(conn, payment) == ("refunded", "expired")
        assert invariants.left(conn, ticket_type) == (2, 8, 0)
        assert refunds(conn) == [(payment["id"], 7500, "NGN: the order was over and its tickets were gone")]
        assert conn.execute("SELECT template, recipient FROM outbox").fetchall() == [
            ("payment_returned", "late@example.com")
        ]
        invariants.check(conn)

    @pytest.mark.parametrize(
        "over",
        [*SALE_ENDED, "UPDATE ticket_types SET deleted_at = now()"],
    )
    def test_late_money_goes_back_if_the_sale_has_ended(
        self, api: Client, conn: Connection, ticket_type: UUID, over: str
    ) -> None:
        order = factories.order(conn, ticket_type)
        payment = started(api, order)
        lapse(api, conn, order)
        conn.execute(over)

        assert tell(api, payment).json["effect"] == "returned"
        assert status_of(conn, payment) == ("refunded", "expired")
        assert invariants.left(conn, ticket_type) == (10, 0, 0)

    @pytest.mark.parametrize("role", ["guest", "manager"])
    def test_money_for_a_cancelled_order_goes_back(
        self, api: Client, conn: Connection, organisation: UUID, manager: UUID, role: str
    ) -> None:
        event = factories.event(conn, organisation_id=organisation)
        ticket_type = factories.ticket_type(conn, event_id=event, quantity=10, price=2500)
        order = factories.order(conn, ticket_type)
        payment = started(api, order)
        caller: dict[str, Any] = {"order_token": order_token(order)} if role == "guest" else {"account": manager}
        assert api.post(f"/v1/orders/{order}/cancel", **caller).status == 200

        assert tell(api, payment).json["effect"] == "returned"

        assert status_of(conn, payment) == ("refunded", "cancelled")
        assert refunds(conn) == [(payment["id"], 5000, "NGN: the order had been cancelled")]
        assert emails(conn) == ["payment_returned"]
        assert invariants.left(conn, ticket_type) == (10, 0, 0)
        invariants.check(conn)

    @pytest.mark.parametrize("over", SALE_ENDED)
    def test_money_in_time_goes_back_if_the_sale_has_ended(
        self, api: Client, conn: Connection, ticket_type: UUID, over: str
    ) -> None:
        order = factories.order(conn, ticket_type)
        payment = started(api, order)
        conn.execute(over)

        assert tell(api, payment).json["effect"] == "returned"

        assert status_of(conn, payment) == ("refunded", "pending")
        assert [amount for _, amount, _ in refunds(conn)] == [5000]
        assert emails(conn) == ["payment_returned"]
        assert start(api, order).status == 409
        invariants.check(conn)

    def test_one_cancelled_event_ends_the_sale_of_an_order_for_two(
        self, api: Client, conn: Connection, organisation: UUID
    ) -> None:
        events = [factories.event(conn, organisation_id=organisation) for _ in range(2)]
        first, second = (factories.ticket_type(conn, event_id=event) for event in events)
        order = factories.order(conn, first, quantity=1)
        other = factories.order(conn, second, quantity=1)
        conn.execute("UPDATE order_items SET order_id = %s, item_no = 2 WHERE order_id = %s", [order, other])
        payment = started(api, order)
        conn.execute("UPDATE events SET status = 'cancelled' WHERE id = %s", [events[1]])

        assert start(api, order).code == "event_cancelled"
        assert tell(api, payment).json["effect"] == "returned"

    def test_returned_money_is_returned_once(self, api: Client, conn: Connection, ticket_type: UUID) -> None:
        order = factories.order(conn, ticket_type, quantity=10)
        payment = started(api, order)
        lapse(api, conn, order)
        factories.order(conn, ticket_type, quantity=1)

        assert [tell(api, payment).json["effect"] for _ in range(2)] == ["returned", "ignored"]
        assert len(refunds(conn)) == 1


class TestMoreThanTheTotal:
    def test_it_pays_the_order_and_the_rest_goes_back(self, api: Client, conn: Connection, ticket_type: UUID) -> None:
        order = factories.order(conn, ticket_type)
        payment = started(api, order)

        effects = [tell(api, payment, amount=6234).json["effect"] for _ in range(2)]

        assert effects == ["paid", "ignored"]
        assert status_of(conn, payment) == ("succeeded", "paid")
        assert refunds(conn) == [(payment["id"], 1234, "NGN: it was more than the order's total")]
        assert conn.execute("SELECT amount, refunded, pays_order FROM incoming_payments").fetchall() == [
            (6234, 1234, True)
        ]
        assert sorted(emails(conn)) == ["excess_returned", "order_confirmation"]
        invariants.check(conn)

    def test_its_email_leaves_when_the_money_is_on_its_way(
        self, api: Client, conn: Connection, ticket_type: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        payment = started(api, factories.order(conn, ticket_type))
        states: list[tuple[int, Any]] = []

        def enqueue(message_ids: Any, _: str) -> list[UUID]:
            states.append((len(message_ids), conn.execute("SELECT status FROM refunds").fetchall()))
            return []

        monkeypatch.setattr(outbox, "enqueue", enqueue)
        tell(api, payment, amount=6234)

        assert states == [(2, [("succeeded",)])], "else it would promise another email, which nobody owes"

    def test_what_is_left_to_refund_is_the_total(self, api: Client, conn: Connection) -> None:
        shop = sellers.Shop(conn)
        order = factories.order(conn, shop.ticket_type(price=2500))
        tell(api, started(api, order), amount=6234)

        assert sellers.refund(api, shop, order, amount=5001).code == "refund_too_large"
        assert sellers.refund(api, shop, order, whole=True).json["amount"] == 5000
        assert conn.execute("SELECT refunded FROM incoming_payments").fetchall() == [(6234,)]
        invariants.check(conn)


class TestLateMoneyThatStillBuys:
    def test_late_money_pays_after_the_hold_lapsed(self, api: Client, conn: Connection, ticket_type: UUID) -> None:
        order = factories.order(conn, ticket_type, quantity=2)
        payment = started(api, order)
        lapse(api, conn, order)

        assert tell(api, payment).json["effect"] == "paid"

        assert status_of(conn, payment) == ("succeeded", "paid")
        assert invariants.left(conn, ticket_type) == (8, 0, 2)
        assert conn.execute("SELECT from_status, to_status FROM order_history ORDER BY id").fetchall() == [
            ("pending", "expired"),
            ("expired", "paid"),
        ]
        invariants.check(conn)

    def test_late_money_takes_stock_from_several_rows(self, api: Client, conn: Connection) -> None:
        ticket_type = factories.ticket_type(conn, quantity=40)
        order = factories.order(conn, ticket_type, quantity=9)
        payment = started(api, order)
        lapse(api, conn, order)
        conn.execute("UPDATE stock SET available = 3, sold = 7")
        conn.execute("UPDATE stock SET available = 0, sold = 10 WHERE row_no = 1")

        assert tell(api, payment).json["effect"] == "paid"
        assert invariants.left(conn, ticket_type) == (0, 0, 40)


class TestSignature:
    def test_without_a_signature_an_event_is_refused(self, api: Client, conn: Connection, ticket_type: UUID) -> None:
        payment = started(api, factories.order(conn, ticket_type))
        body, headers = sandbox.signed_event(payment["id"], "payment.succeeded", 5000, "NGN")
        other_body, _ = sandbox.signed_event(payment["id"], "payment.succeeded", 1, "NGN")

        for sent, signed in ((body, {}), (other_body, headers), (b"", headers), (b"\xff", headers), (b"{", {})):
            answer = api.post("/v1/webhooks/sandbox", sent, headers=signed)
            assert (answer.status, answer.code) == (401, "signature_wrong")
        assert conn.execute("SELECT count(*) FROM provider_events").fetchone() == (0,)

    def test_signed_nonsense_is_malformed(self, api: Client) -> None:
        for body in (b"", b"{", b"[]", b'{"id": "evt_1"}', b"\xff"):
            answer = api.post("/v1/webhooks/sandbox", body, headers=sandbox.sign(body, datetime.now(UTC)))
            assert (answer.status, answer.code) == (400, "malformed")

    def test_a_body_that_is_too_large(self, api: Client) -> None:
        assert api.post("/v1/webhooks/sandbox", b" " * (MAX_BODY + 1)).status == 413


def test_an_event_about_an_unknown_payment_is_stored(api: Client, conn: Connection) -> None:
    unknown = {"id": str(uuid4()), "amount": 5000, "currency": "NGN"}

    answers = [tell(api, unknown, event_id="evt_1") for _ in range(2)]

    assert [(answer.status, answer.json["effect"]) for answer in answers] == [(200, "unknown_payment")] * 2
    assert conn.execute("SELECT payment_id, payload ->> 'payment_id' FROM provider_events").fetchall() == [
        (None, unknown["id"])
    ]
