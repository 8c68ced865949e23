"""Money that went back without us: refunds made at a provider, and disputes of payers, as webhooks tell of them."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from boxoffice.guest_tokens import order_token
from boxoffice.orders import service as orders
from boxoffice.payments import sandbox, sending, service, stripe
from boxoffice.payments.models import PLATFORM_MERCHANT, DueRefund, RefundState, Reversal
from boxoffice.refunds import emails
from boxoffice.tickets.service import list_for_order
from tests.helpers import factories, invariants, sellers
from tests.helpers.payers import started, tell
from tests.helpers.provider_servers import send_webhook
from tests.helpers.sellers import Shop, history, outbox_of, status_of, tickets_of
from tests.helpers.support import Client


@pytest.fixture
def shop(conn: Connection) -> Shop:
    shop = Shop(conn)
    sellers.enable_webhooks(conn)
    return shop


@pytest.fixture
def ticket_type(shop: Shop) -> UUID:
    return shop.ticket_type(price=5000, quantity=10)


@pytest.fixture
def payment(api: Client, conn: Connection, ticket_type: UUID) -> dict[str, Any]:
    """Sell two tickets at 50.00, paid at the sandbox."""
    payment = started(api, factories.order(conn, ticket_type, quantity=2))
    assert tell(api, payment).json["effect"] == "paid"
    return payment


def hear(api: Client, payment: dict[str, Any], kind: Any, amount: int, reference: str = "re_1") -> str:
    """Send the sandbox's webhook about a refund or a dispute. Return its effect."""
    body, headers = sandbox.signed_event(payment["id"], kind, amount, payment["currency"], reference=reference)
    answer = api.post("/v1/webhooks/sandbox", body, headers=headers)
    assert answer.status == 200, answer.body
    return str(answer.json["effect"])


def booked(conn: Connection) -> tuple[int, int]:
    """Return how much of the money went back by us, and elsewhere."""
    row = conn.execute("SELECT refunded, refunded_elsewhere FROM incoming_payments").fetchone()
    assert row is not None
    return row


def order_of(payment: dict[str, Any]) -> UUID:
    return UUID(payment["order_id"])


def seen(api: Client, shop: Shop, payment: dict[str, Any]) -> list[str] | None:
    """Return the kinds of open matters that a manager sees with the order, in the list and alone."""
    alone = api.get(f"/v1/orders/{payment['order_id']}", account=shop.manager).json["money_matters"]
    listed = api.get(f"/v1/organisations/{shop.organisation}/orders", account=shop.manager).json["items"]
    assert [each["money_matters"] for each in listed if each["id"] == payment["order_id"]] == [alone]
    return list(alone) if alone is not None else None


def disputed(conn: Connection) -> set[bool]:
    return {value for (value,) in conn.execute("SELECT disputed FROM tickets").fetchall()}


class TestARefundMadeElsewhere:
    def test_a_part_flags_the_order_for_managers_and_leaves_its_tickets(
        self, api: Client, conn: Connection, shop: Shop, payment: dict[str, Any]
    ) -> None:
        assert hear(api, payment, "refund.created", 3000) == "noted"

        assert booked(conn) == (0, 3000)
        assert status_of(conn, order_of(payment)) == "paid"
        assert len(tickets_of(conn, order_of(payment))) == 2
        assert seen(api, shop, payment) == ["refunded_elsewhere"]
        guest = api.get(f"/v1/orders/{payment['order_id']}", order_token=order_token(order_of(payment)))
        assert guest.json["money_matters"] is None
        assert history(conn, order_of(payment))[-1] == ("paid", "NGN\xa030.00 was refunded at sandbox (re_1)")
        told = sellers.webhooks(conn)[-1]
        assert (told["type"], told["data"]["amount"]) == ("payment.refunded_elsewhere", 3000)
        invariants.check(conn)

    @pytest.mark.parametrize("amounts", [(10_000,), (4000, 6000)])
    def test_all_of_it_ends_the_tickets_gives_back_the_stock_and_tells_the_buyer(
        self,
        api: Client,
        conn: Connection,
        shop: Shop,
        ticket_type: UUID,
        payment: dict[str, Any],
        amounts: tuple[int, ...],
    ) -> None:
        for number, amount in enumerate(amounts):
            hear(api, payment, "refund.created", amount, f"re_{number}")

        assert booked(conn) == (0, 10_000)
        assert status_of(conn, order_of(payment)) == "refunded"
        assert tickets_of(conn, order_of(payment)) == []
        assert invariants.left(conn, ticket_type) == (10, 0, 0)
        assert conn.execute("SELECT amount, elsewhere, status FROM refunds").fetchall() == [
            (10_000, 10_000, "succeeded")
        ]
        assert history(conn, order_of(payment))[-1] == ("refunded", "all of it was refunded at sandbox")
        ((_, payload),) = outbox_of(conn, "order_refunded")
        text = emails.order_refunded(conn, **payload).text
        assert "has gone back to you already." in text
        assert "is on its way" not in text
        invariants.check(conn)

    def test_holders_are_told_as_by_our_own_refunds(
        self, api: Client, conn: Connection, payment: dict[str, Any]
    ) -> None:
        ticket = tickets_of(conn, order_of(payment))[0]
        sellers.accept(api, factories.transfer(conn, ticket, email="bola@example.com"))

        hear(api, payment, "refund.created", 10_000)

        assert outbox_of(conn, "ticket_withdrawn") == [("bola@example.com", {"ticket_id": str(ticket)})]
        invariants.check(conn)

    def test_repeats_and_reorderings_book_it_once(self, api: Client, conn: Connection, payment: dict[str, Any]) -> None:
        for _ in range(3):
            hear(api, payment, "refund.created", 3000)
        assert booked(conn) == (0, 3000)

        hear(api, payment, "refund.failed", 3000)
        assert booked(conn) == (0, 0)
        hear(api, payment, "refund.created", 3000)

        assert booked(conn) == (0, 0), "a refund that has failed stays failed"
        invariants.check(conn)

    def test_before_the_news_of_the_payment_itself(
        self, api: Client, conn: Connection, shop: Shop, ticket_type: UUID
    ) -> None:
        payment = started(api, factories.order(conn, ticket_type, quantity=2))

        assert hear(api, payment, "refund.created", 3000) == "noted"
        assert tell(api, payment).json["effect"] == "paid"

        assert booked(conn) == (0, 3000)
        assert seen(api, shop, payment) == ["refunded_elsewhere"]
        invariants.check(conn)

    def test_all_of_it_before_the_news_of_the_payment(
        self, api: Client, conn: Connection, ticket_type: UUID, reconcile: Callable[[], Any]
    ) -> None:
        payment = started(api, factories.order(conn, ticket_type, quantity=2))
        hear(api, payment, "refund.created", 10_000)

        tell(api, payment)
        reconcile()

        assert status_of(conn, order_of(payment)) == "refunded"
        assert invariants.left(conn, ticket_type) == (10, 0, 0)
        invariants.check(conn)

    def test_of_money_that_was_to_be_returned(self, api: Client, conn: Connection, ticket_type: UUID) -> None:
        payment = started(api, factories.order(conn, ticket_type, quantity=2))
        hear(api, payment, "refund.created", 3000)

        assert tell(api, payment, amount=9000).json["effect"] == "returned"

        assert conn.execute("SELECT amount, elsewhere FROM refunds").fetchall() == [(9000, 3000)]
        assert booked(conn) == (6000, 3000)
        invariants.check(conn)

    def test_after_a_refund_of_ours_in_part_the_rest_ends_the_order(
        self, api: Client, conn: Connection, shop: Shop, payment: dict[str, Any]
    ) -> None:
        sellers.refund(api, shop, order_of(payment), amount=4000)

        hear(api, payment, "refund.created", 6000)

        assert booked(conn) == (4000, 6000)
        assert status_of(conn, order_of(payment)) == "refunded"
        assert sellers.given_back(conn) == [4000, 6000]
        invariants.check(conn)

    def test_one_that_fails_after_it_counted_as_ours_is_a_difference_for_a_person(
        self, api: Client, conn: Connection, shop: Shop, payment: dict[str, Any]
    ) -> None:
        hear(api, payment, "refund.created", 3000)
        sellers.refund(api, shop, order_of(payment), whole=True)
        assert conn.execute("SELECT amount, elsewhere FROM refunds").fetchall() == [(10_000, 3000)]

        hear(api, payment, "refund.failed", 3000)

        assert booked(conn) == (7000, 3000)
        (matter,) = conn.execute("SELECT kind, amount FROM money_matters WHERE settled_at IS NULL").fetchall()
        assert matter == ("difference", 3000)
        invariants.check(conn)

        hear(api, payment, "refund.created", 3000, "re_2")  # a person made it again

        assert booked(conn) == (7000, 3000)
        invariants.check(conn)

    @pytest.mark.parametrize("counted_as_ours", [False, True])
    def test_one_whose_amount_the_provider_corrects(
        self, api: Client, conn: Connection, shop: Shop, payment: dict[str, Any], counted_as_ours: bool
    ) -> None:
        hear(api, payment, "refund.created", 3000)
        if counted_as_ours:
            sellers.refund(api, shop, order_of(payment), whole=True)

        hear(api, payment, "refund.created", 1000)

        assert booked(conn) == ((7000, 3000) if counted_as_ours else (0, 1000))
        kinds = {kind for (kind,) in conn.execute("SELECT kind FROM money_matters WHERE settled_at IS NULL")}
        assert ("difference" in kinds) is counted_as_ours
        invariants.check(conn)

    def test_it_stays_with_its_money_when_more_money_comes(
        self, api: Client, conn: Connection, ticket_type: UUID
    ) -> None:
        payment = started(api, factories.order(conn, ticket_type, quantity=2))
        body, _ = sandbox.signed_event(payment["id"], "payment.succeeded", 9990, payment["currency"])
        service.receive_event(conn, "sandbox", sandbox.parse(PLATFORM_MERCHANT, body))  # too little: it will go back
        hear(api, payment, "refund.created", 5000)
        tell(api, payment)

        hear(api, payment, "refund.created", 5000)

        found = conn.execute("SELECT amount, refunded_elsewhere, pays_order FROM incoming_payments ORDER BY id")
        assert found.fetchall() == [(9990, 5000, False), (10_000, 0, True)]
        invariants.check(conn)

    def test_more_than_ever_came_is_a_difference_for_a_person(
        self, api: Client, conn: Connection, shop: Shop, payment: dict[str, Any]
    ) -> None:
        sellers.refund(api, shop, order_of(payment), whole=True)

        hear(api, payment, "dispute.lost", 10_000)

        assert booked(conn) == (10_000, 0)
        found = conn.execute("SELECT kind, amount FROM money_matters WHERE settled_at IS NULL").fetchall()
        assert found == [("difference", 10_000)]
        invariants.check(conn)

    def test_a_buyer_who_waits_for_a_refund_is_told_that_all_of_it_is_there(
        self, api: Client, conn: Connection, payment: dict[str, Any]
    ) -> None:
        with conn.transaction():
            orders.lock_order(conn, order_of(payment))
            refund = sending.owe_refund(conn, UUID(payment["id"]), 10_000, "owed, and not sent yet")

        hear(api, payment, "refund.created", 10_000)

        assert booked(conn) == (0, 10_000)
        assert conn.execute("SELECT elsewhere, status FROM refunds").fetchall() == [(10_000, "succeeded")]
        assert [payload for _, payload in outbox_of(conn, "refund_sent")] == [{"refund_id": str(refund)}]

    def test_a_refund_that_waits_sends_only_what_is_left(
        self, api: Client, conn: Connection, payment: dict[str, Any]
    ) -> None:
        with conn.transaction():
            orders.lock_order(conn, order_of(payment))
            sending.owe_refund(conn, UUID(payment["id"]), 10_000, "owed, and not sent yet")

        hear(api, payment, "refund.created", 3000)
        sending.send_refunds(conn)

        assert booked(conn) == (7000, 3000)
        assert conn.execute("SELECT elsewhere, status FROM refunds").fetchall() == [(3000, "succeeded")]
        assert len(outbox_of(conn, "refund_sent")) == 1

    def test_a_late_refusal_leaves_a_refund_alone_that_another_worker_has_tried_since(
        self, api: Client, conn: Connection, payment: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with conn.transaction():
            orders.lock_order(conn, order_of(payment))
            refund = sending.owe_refund(conn, UUID(payment["id"]), 10_000, "owed")
        made = Reversal("refund", "re_1", "", 3000, payment["currency"], "made", payment_id=UUID(payment["id"]))

        def refuse_late(_: DueRefund) -> RefundState:
            conn.execute("UPDATE refunds SET attempts = attempts + 1")  # the lease has lapsed
            return RefundState("refused", reason="more than is left", code="refused", reversals=(made,))

        monkeypatch.setattr(sandbox, "refund", refuse_late)
        sending.send_refunds(conn, ids=[refund])

        assert booked(conn) == (10_000, 0)
        assert conn.execute("SELECT elsewhere, status FROM refunds").fetchall() == [(0, "owed")]

    @pytest.mark.parametrize("names_why", [True, False])
    def test_a_refund_that_is_on_its_way_to_the_provider_shrinks_once_the_provider_refuses_it(
        self, api: Client, conn: Connection, payment: dict[str, Any], monkeypatch: pytest.MonkeyPatch, names_why: bool
    ) -> None:
        with conn.transaction():
            orders.lock_order(conn, order_of(payment))
            refund = sending.owe_refund(conn, UUID(payment["id"]), 10_000, "owed")
        made = Reversal("refund", "re_1", "", 3000, payment["currency"], "made", payment_id=UUID(payment["id"]))

        def refuse(_: DueRefund) -> RefundState:
            monkeypatch.undo()
            hear(api, payment, "refund.created", 3000)
            assert booked(conn) == (10_000, 0), "nobody knows yet which of the two came first"
            return RefundState("refused", reason="more than is left", code="refused", reversals=(made,) * names_why)

        monkeypatch.setattr(sandbox, "refund", refuse)
        sending.send_at_once(conn, [refund])

        assert booked(conn) == (7000, 3000)
        assert conn.execute("SELECT elsewhere, status FROM refunds").fetchall() == [(3000, "succeeded")]
        assert [reason for _, reason in history(conn, order_of(payment))].count(
            "NGN\xa030.00 was refunded at sandbox (re_1)"
        ) == 1
        assert conn.execute("SELECT kind FROM money_matters WHERE settled_at IS NULL").fetchall() == [
            ("refunded_elsewhere",)
        ]

    def test_of_a_payment_that_we_do_not_know_is_ignored(self, api: Client, conn: Connection) -> None:
        stranger = {"id": str(uuid4()), "currency": "NGN"}

        assert hear(api, stranger, "refund.created", 3000) == "ignored"
        assert conn.execute("SELECT count(*) FROM reversals").fetchone() == (0,)


class TestDisputes:
    def test_an_open_one_flags_the_order_and_its_tickets(
        self, api: Client, conn: Connection, shop: Shop, payment: dict[str, Any]
    ) -> None:
        assert hear(api, payment, "dispute.opened", 10_000, "du_1") == "noted"

        assert (booked(conn), disputed(conn)) == ((0, 0), {True})
        assert seen(api, shop, payment) == ["dispute"]
        assert sellers.webhooks(conn)[-1]["type"] == "payment.disputed"
        assert "dispute of NGN\xa0100.00 is open (du_1)" in history(conn, order_of(payment))[-1][1]
        invariants.check(conn)

    def test_one_that_is_won_leaves_all_as_it_was(
        self, api: Client, conn: Connection, shop: Shop, payment: dict[str, Any]
    ) -> None:
        hear(api, payment, "dispute.opened", 10_000, "du_1")
        hear(api, payment, "dispute.won", 10_000, "du_1")

        assert (booked(conn), disputed(conn)) == ((0, 0), {False})
        assert status_of(conn, order_of(payment)) == "paid"
        assert seen(api, shop, payment) == []
        invariants.check(conn)

    @pytest.mark.parametrize("amount", [10_000, 5000])
    def test_one_that_is_lost_ends_the_tickets_and_sends_nothing(
        self, api: Client, conn: Connection, ticket_type: UUID, payment: dict[str, Any], amount: int
    ) -> None:
        hear(api, payment, "dispute.opened", amount, "du_1")
        hear(api, payment, "dispute.lost", amount, "du_1")

        assert (booked(conn), disputed(conn)) == ((0, amount), {False})
        assert status_of(conn, order_of(payment)) == "refunded"
        assert tickets_of(conn, order_of(payment)) == []
        assert invariants.left(conn, ticket_type) == (10, 0, 0)
        assert conn.execute("SELECT amount, elsewhere, status FROM refunds").fetchall() == [
            (amount, amount, "succeeded")
        ]
        invariants.check(conn)

    def test_closed_before_it_was_opened(self, api: Client, conn: Connection, payment: dict[str, Any]) -> None:
        hear(api, payment, "dispute.lost", 10_000, "du_1")
        hear(api, payment, "dispute.opened", 10_000, "du_1")

        assert (booked(conn), disputed(conn)) == ((0, 10_000), {False})
        assert status_of(conn, order_of(payment)) == "refunded"
        invariants.check(conn)

    def test_of_an_order_that_is_partly_refunded(
        self, api: Client, conn: Connection, shop: Shop, payment: dict[str, Any]
    ) -> None:
        sellers.refund(api, shop, order_of(payment), ticket_ids=[str(tickets_of(conn, order_of(payment))[0])])

        hear(api, payment, "dispute.lost", 5000, "du_1")

        assert booked(conn) == (5000, 5000)
        assert sellers.given_back(conn) == [5000, 5000]
        assert status_of(conn, order_of(payment)) == "refunded"
        invariants.check(conn)

    def test_won_after_the_tickets_ended_they_stay_ended_and_a_person_decides(
        self, api: Client, conn: Connection, shop: Shop, payment: dict[str, Any]
    ) -> None:
        hear(api, payment, "dispute.lost", 10_000, "du_1")

        hear(api, payment, "dispute.won", 10_000, "du_1")

        assert status_of(conn, order_of(payment)) == "refunded"
        (matter,) = api.get(
            f"/v1/organisations/{shop.organisation}/money-matters", account=shop.manager, query={"settled": "false"}
        ).json["items"]
        assert (matter["kind"], matter["amount"]) == ("difference", 10_000)
        assert "is the seller's again" in matter["happened"]
        invariants.check(conn)


class TestAtTheDoor:
    @pytest.fixture
    def blocks(self, monkeypatch: pytest.MonkeyPatch, api: Client) -> None:
        """Let the deployment refuse disputed tickets."""
        from boxoffice import config, platform_settings

        monkeypatch.setenv("BLOCK_DISPUTED_TICKETS", "true")
        config.settings.cache_clear()
        platform_settings.forget()

    def scan(self, api: Client, conn: Connection, shop: Shop, payment: dict[str, Any]) -> str:
        conn.execute("UPDATE events SET doors_open_at = now() - interval '1 hour', starts_at = now()")
        ticket = tickets_of(conn, order_of(payment))[0]
        answer = api.post(f"/v1/tickets/{ticket}/scans", {"event_id": str(shop.event)}, account=shop.manager)
        return str(answer.json["outcome"] if answer.status < 300 else answer.code)

    def manifest(self, api: Client, shop: Shop, cursor: str | None = None) -> tuple[list[int], str]:
        """Return the entries left of the tickets that changed since a cursor, and the next cursor."""
        query = {"cursor": cursor} if cursor else {}
        answer = api.get(f"/v1/events/{shop.event}/scan-manifest", account=shop.manager, query=query).json
        return [left for items in answer["tickets"].values() for _, left, _ in items], answer["next_cursor"]

    def test_a_disputed_ticket_admits_by_default(
        self, api: Client, conn: Connection, shop: Shop, payment: dict[str, Any]
    ) -> None:
        hear(api, payment, "dispute.opened", 10_000)

        assert self.manifest(api, shop)[0] == [1, 1]
        assert self.scan(api, conn, shop, payment) == "admitted"
        invariants.check(conn)

    @pytest.mark.usefixtures("blocks")
    def test_a_setting_refuses_it_until_the_dispute_is_won_and_devices_hear_of_both(
        self, api: Client, conn: Connection, shop: Shop, payment: dict[str, Any]
    ) -> None:
        before, cursor = self.manifest(api, shop)
        assert before == [1, 1]

        hear(api, payment, "dispute.opened", 10_000)
        assert self.scan(api, conn, shop, payment) == "disputed"
        (_, ticket) = list_for_order(conn, order_of(payment))
        by_qr = api.post("/v1/scans", {"qr": ticket.qr}, account=shop.manager)
        assert (by_qr.status, by_qr.code) == (409, "disputed")
        changed, cursor = self.manifest(api, shop, cursor)
        assert changed == [-3, -3]

        hear(api, payment, "dispute.won", 10_000)
        assert self.manifest(api, shop, cursor)[0] == [1, 1]
        assert self.scan(api, conn, shop, payment) == "admitted"
        invariants.check(conn)


class TestStripesWebhooks:
    """What Stripe writes, as its documentation shows it."""

    INTENT = "pi_3MtwBwLkdIwHu7ix28a3tqPa"

    @pytest.fixture
    def order(self, conn: Connection, ticket_type: UUID) -> UUID:
        conn.execute("UPDATE events SET currency = 'EUR'")
        order = factories.paid_order(conn, ticket_type, quantity=2)
        payment = factories.payment(conn, order, provider="stripe", provider_reference=self.INTENT, status="succeeded")
        conn.execute("UPDATE incoming_payments SET reference = %s WHERE payment_id = %s", [self.INTENT, payment])
        return order

    def hear(self, api: Client, name: str, subject: dict[str, Any]) -> str:
        event = {"id": f"evt_{uuid4().hex}", "type": name, "data": {"object": subject}}
        answer = send_webhook(api, "stripe", event)
        assert answer.status == 200, answer.body
        return str(answer.json["effect"])

    def refund(self, amount: int, **facts: Any) -> dict[str, Any]:
        refund = {"object": "refund", "id": "re_1Nispe2eZvKYlo2Cd31jOCgZ", "amount": amount, "currency": "eur"}
        return {**refund, "payment_intent": self.INTENT, "metadata": {}, "status": "succeeded", "reason": None, **facts}

    def charge(self, refunded: int) -> dict[str, Any]:
        charge = {"object": "charge", "id": "ch_3MmlLrLkdIwHu7ix0snN0B15", "amount": 10_000, "currency": "eur"}
        return {**charge, "payment_intent": self.INTENT, "amount_refunded": refunded, "metadata": {}}

    def dispute(self, status: str, amount: int = 10_000) -> dict[str, Any]:
        dispute = {"object": "dispute", "id": "du_1MtJUT2eZvKYlo2CNaw2HvEv", "amount": amount, "currency": "eur"}
        return {**dispute, "payment_intent": self.INTENT, "status": status, "reason": "fraudulent", "metadata": {}}

    def test_the_sum_of_a_charge_and_its_refunds_are_the_same_money(
        self, api: Client, conn: Connection, order: UUID
    ) -> None:
        assert self.hear(api, "charge.refunded", self.charge(3000)) == "noted"
        assert booked(conn) == (0, 3000)
        assert self.hear(api, "refund.created", self.refund(3000)) == "noted"
        assert booked(conn) == (0, 3000)
        self.hear(api, "charge.refunded", self.charge(3000))
        self.hear(api, "charge.refunded", self.charge(5000))
        assert booked(conn) == (0, 5000)
        self.hear(api, "refund.created", self.refund(2000, id="re_2"))

        assert booked(conn) == (0, 5000)
        invariants.check(conn)

    def test_it_is_told_once_though_stripe_names_it_twice(
        self, api: Client, conn: Connection, shop: Shop, order: UUID
    ) -> None:
        self.hear(api, "charge.refunded", self.charge(3000))
        self.hear(api, "refund.created", self.refund(3000))
        self.hear(api, "refund.updated", self.refund(3000))

        told = [each for each in sellers.webhooks(conn) if each["type"] == "payment.refunded_elsewhere"]
        assert [each["data"]["amount"] for each in told] == [3000]
        assert len([reason for _, reason in history(conn, order) if "was refunded at" in reason]) == 1
        path = f"/v1/organisations/{shop.organisation}/money-matters"
        (matter,) = api.get(path, account=shop.manager, query={"settled": "false"}).json["items"]
        assert (matter["reference"], matter["amount"]) == (self.refund(3000)["id"], 3000)

    @pytest.mark.parametrize(
        ("said", "stored"),
        [
            ("asked by \ud83d", "asked by"),  # half an emoji, where somebody cut the text
            ("a\x00b", "ab"),
            ("one\ntwo\u2028three", "one two three"),
            ("\u202eevil", "evil"),
            ("සිංහල 👩‍👩‍👧 فارسی", "සිංහල 👩‍👩‍👧 فارسی"),
            ("x" * 201, "x" * 200),
            ({"not": "a text"}, "{'not': 'a text'}"),
            (None, ""),
        ],
    )
    def test_whatever_words_come_with_it(
        self, api: Client, conn: Connection, order: UUID, said: object, stored: str
    ) -> None:
        assert self.hear(api, "refund.created", self.refund(3000, reason=said)) == "noted"

        assert conn.execute("SELECT reason FROM reversals").fetchall() == [(stored,)]

    def test_what_a_sum_had_not_told_of_is_told(self, api: Client, conn: Connection, order: UUID) -> None:
        self.hear(api, "charge.refunded", self.charge(3000))
        self.hear(api, "charge.refunded", self.charge(5000))
        self.hear(api, "refund.created", self.refund(6000))

        told = [each for each in sellers.webhooks(conn) if each["type"] == "payment.refunded_elsewhere"]
        assert [each["data"]["amount"] for each in told] == [3000, 5000, 6000]
        assert booked(conn) == (0, 6000)
        invariants.check(conn)

    def test_one_that_fails_before_the_order_is_ended_keeps_it(
        self, api: Client, conn: Connection, order: UUID, reconcile: Callable[[], dict[str, Any]]
    ) -> None:
        event = {"id": "evt_1", "type": "refund.created", "data": {"object": self.refund(10_000)}}
        heard = stripe.parse(PLATFORM_MERCHANT, json.dumps(event).encode())
        service.receive_event(conn, "stripe", heard)  # and the function is killed before it ends the order

        self.hear(api, "refund.failed", self.refund(10_000, status="failed"))
        reconcile()

        assert status_of(conn, order) == "paid"
        assert len(tickets_of(conn, order)) == 2
        assert booked(conn) == (0, 0)
        invariants.check(conn)

    def test_a_dispute_that_opens_when_no_money_is_left_ends_nothing(
        self, api: Client, conn: Connection, shop: Shop, order: UUID
    ) -> None:
        self.hear(api, "refund.created", self.refund(3000))
        sellers.refund(api, shop, order, amount=7000)

        self.hear(api, "charge.dispute.created", self.dispute("needs_response"))

        assert status_of(conn, order) == "partially_refunded"
        assert len(tickets_of(conn, order)) == 2
        invariants.check(conn)

    def test_the_sum_of_a_charge_with_our_own_refund_adds_nothing(
        self, api: Client, conn: Connection, shop: Shop, order: UUID
    ) -> None:
        sellers.refund(api, shop, order, amount=4000)

        self.hear(api, "charge.refunded", self.charge(4000))

        assert booked(conn) == (4000, 0)
        invariants.check(conn)

    def test_a_charge_without_refunds_does_not_concern_us(self, api: Client, order: UUID) -> None:
        assert self.hear(api, "charge.succeeded", self.charge(0)) == "ignored"

    def test_all_of_a_charge_ends_the_order(self, api: Client, conn: Connection, order: UUID) -> None:
        self.hear(api, "charge.refunded", self.charge(10_000))

        assert status_of(conn, order) == "refunded"
        invariants.check(conn)

    @pytest.mark.parametrize("status", ["failed", "canceled"])
    def test_a_refund_that_did_not_arrive(self, api: Client, conn: Connection, order: UUID, status: str) -> None:
        self.hear(api, "refund.created", self.refund(3000, status="pending"))
        assert booked(conn) == (0, 3000)
        self.hear(api, "refund.failed", self.refund(3000, status=status))

        assert booked(conn) == (0, 0)
        invariants.check(conn)

    @pytest.mark.parametrize(
        ("name", "status", "ends"),
        [
            ("charge.dispute.created", "needs_response", False),
            ("charge.dispute.created", "warning_needs_response", False),
            ("charge.dispute.updated", "under_review", False),
            ("charge.dispute.funds_withdrawn", "needs_response", False),
            ("charge.dispute.funds_reinstated", "won", False),
            ("charge.dispute.closed", "won", False),
            ("charge.dispute.closed", "warning_closed", False),
            ("charge.dispute.closed", "lost", True),
            ("charge.dispute.closed", "prevented", True),
        ],
    )
    def test_disputes(self, api: Client, conn: Connection, order: UUID, name: str, status: str, ends: bool) -> None:
        assert self.hear(api, name, self.dispute(status)) == "noted"

        assert status_of(conn, order) == ("refunded" if ends else "paid")
        assert disputed(conn) == {status.endswith(("needs_response", "under_review"))}
        invariants.check(conn)

    def test_of_another_systems_money_on_the_same_account(self, api: Client, conn: Connection, order: UUID) -> None:
        other = {"payment_intent": "pi_of_another_system"}

        assert self.hear(api, "refund.created", self.refund(3000) | other) == "ignored"
        assert self.hear(api, "charge.dispute.created", self.dispute("lost") | other) == "ignored"
        assert self.hear(api, "refund.created", self.refund(3000, payment_intent=None)) == "ignored"
        assert booked(conn) == (0, 0)
