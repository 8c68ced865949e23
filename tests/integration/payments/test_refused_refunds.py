"""Refunds that Stripe refuses: what is left is sent, the rest is booked, and a person sees what needs one."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.messaging.emails import WRITERS
from tests.helpers import factories, invariants, sellers
from tests.helpers.payers import started
from tests.helpers.provider_servers import Stripe, send_webhook
from tests.helpers.sellers import Shop
from tests.helpers.support import Answer, Client

type Job = Callable[[], dict[str, Any]]


@pytest.fixture
def shop(conn: Connection) -> Shop:
    shop = Shop(conn)
    conn.execute("UPDATE events SET currency = 'EUR' WHERE id = %s", [shop.event])
    return shop


@pytest.fixture
def owner(conn: Connection, shop: Shop) -> UUID:
    return factories.member(conn, shop.organisation, "owner")


@pytest.fixture
def payment(stripe: Stripe, api: Client, conn: Connection, shop: Shop, reconcile: Job) -> dict[str, Any]:
    """Sell two tickets at 50 euros, paid by card."""
    return sold(stripe, api, conn, shop.ticket_type(price=5000), reconcile)


def sold(stripe: Stripe, api: Client, conn: Connection, ticket_type: UUID, reconcile: Job) -> dict[str, Any]:
    order = factories.order(conn, ticket_type, quantity=2)
    payment = started(api, order, "stripe")
    stripe.pay(payment)
    reconcile()
    assert sellers.status_of(conn, order) == "paid"
    return payment


def refund(api: Client, shop: Shop, payment: dict[str, Any], **body: Any) -> Answer:
    return sellers.refund(api, shop, UUID(payment["order_id"]), **(body or {"whole": True}))


def refunds(conn: Connection) -> list[tuple[int, int, str, str | None]]:
    """Return the amount of each refund, how much of it had gone back elsewhere, its state and its code."""
    return conn.execute("SELECT amount, elsewhere, status, error_code FROM refunds ORDER BY id").fetchall()


def incoming(conn: Connection) -> list[tuple[int, int, int]]:
    """Return of all money that came its amount, and what went back by us and elsewhere."""
    return conn.execute("SELECT amount, refunded, refunded_elsewhere FROM incoming_payments ORDER BY id").fetchall()


def sent_by_us(stripe: Stripe, payment: dict[str, Any]) -> list[int]:
    return sorted(each["amount"] for each in stripe.refunds(payment) if each["metadata"])


def matters(api: Client, shop: Shop, **query: Any) -> list[dict[str, Any]]:
    path = f"/v1/organisations/{shop.organisation}/money-matters"
    return list(api.get(path, account=shop.manager, query=query).json["items"])


def settle(api: Client, shop: Shop, owner: UUID, matter: dict[str, Any], **body: Any) -> Answer:
    path = f"/v1/organisations/{shop.organisation}/money-matters/{matter['id']}"
    return api.post(path, body, account=owner, key="new")


def emails(conn: Connection, api: Client) -> list[tuple[str, str]]:
    """Return the template and the text of each email about money that goes back, as it would be sent now."""
    rows = conn.execute("SELECT template, payload FROM outbox WHERE kind = 'email' ORDER BY id").fetchall()
    about = ("order_refunded", "event_cancelled", "refund_sent", "refund_delayed", "payment_returned")
    return [(name, WRITERS[name](conn, **payload).text) for name, payload in rows if name in about]


class TestAPartWasRefundedInTheDashboard:
    def test_what_is_left_is_sent_and_the_rest_is_booked_as_refunded_elsewhere(
        self, stripe: Stripe, api: Client, conn: Connection, shop: Shop, payment: dict[str, Any]
    ) -> None:
        made = stripe.refund_elsewhere(payment, 3000)

        answer = refund(api, shop, payment)

        assert (answer.status, answer.json["order_status"], answer.json["amount"]) == (201, "refunded", 10_000)
        assert sent_by_us(stripe, payment) == [7000]
        assert refunds(conn) == [(10_000, 3000, "succeeded", None)]
        assert incoming(conn) == [(10_000, 7000, 3000)]
        ((template, text),) = emails(conn, api)
        assert template == "order_refunded"
        assert "€70.00 is on its way back" in text
        assert "€30.00 of €100.00 had gone back to you before" in text
        (matter,) = matters(api, shop)
        assert (matter["kind"], matter["reference"], matter["amount"]) == ("refunded_elsewhere", made["id"], 3000)
        invariants.check(conn)

    def test_a_ticket_whose_price_is_still_there_is_refunded_in_full(
        self, stripe: Stripe, api: Client, conn: Connection, shop: Shop, payment: dict[str, Any]
    ) -> None:
        stripe.refund_elsewhere(payment, 3000)
        first, second = sellers.tickets_of(conn, UUID(payment["order_id"]))

        refund(api, shop, payment, ticket_ids=[str(first)])
        assert sent_by_us(stripe, payment) == [5000]
        refund(api, shop, payment, ticket_ids=[str(second)])

        assert sent_by_us(stripe, payment) == [2000, 5000]
        assert refunds(conn) == [(5000, 0, "succeeded", None), (5000, 3000, "succeeded", None)]
        invariants.check(conn)

    def test_all_of_it_was_so_nothing_is_sent(
        self, stripe: Stripe, api: Client, conn: Connection, shop: Shop, payment: dict[str, Any]
    ) -> None:
        stripe.refund_elsewhere(payment, 6000)
        stripe.refund_elsewhere(payment, 4000)

        assert refund(api, shop, payment).status == 201

        assert sent_by_us(stripe, payment) == []
        assert refunds(conn) == [(10_000, 10_000, "succeeded", None)]
        assert all("is on its way" not in text for _, text in emails(conn, api))
        invariants.check(conn)

    def test_each_order_of_a_cancelled_event_gets_what_is_left(
        self, stripe: Stripe, api: Client, conn: Connection, shop: Shop, payment: dict[str, Any], reconcile: Job
    ) -> None:
        other = sold(stripe, api, conn, shop.ticket_type(price=2000), reconcile)
        stripe.refund_elsewhere(payment, 3000)
        sellers.cancel_event(api, shop)
        sellers.finish_cancellations()
        assert [text.count("We write to you again") for _, text in emails(conn, api)] == [1, 1]

        reconcile()
        reconcile()

        assert (sent_by_us(stripe, payment), sent_by_us(stripe, other)) == ([7000], [4000])
        told = [text for template, text in emails(conn, api) if template == "refund_sent"]
        assert sorted(["€70.00 is on its way" in text for text in told]) == [False, True]
        invariants.check(conn)

    def test_an_amount_that_a_manager_sends_back_still_leaves_the_tickets(
        self, stripe: Stripe, api: Client, conn: Connection, shop: Shop, payment: dict[str, Any], reconcile: Job
    ) -> None:
        stripe.refund_elsewhere(payment, 3000)

        refund(api, shop, payment, amount=10_000)
        reconcile()

        assert sent_by_us(stripe, payment) == [7000]
        assert sellers.status_of(conn, UUID(payment["order_id"])) == "partially_refunded"
        assert len(sellers.tickets_of(conn, UUID(payment["order_id"]))) == 2
        invariants.check(conn)


class TestRefusedForGood:
    @pytest.fixture
    def disputed(
        self, stripe: Stripe, api: Client, conn: Connection, shop: Shop, payment: dict[str, Any]
    ) -> dict[str, Any]:
        """Refund an order whose payer has disputed it, of which no webhook has told us."""
        stripe.dispute(payment, 10_000)
        assert refund(api, shop, payment).status == 201
        return payment

    def test_it_has_failed_with_the_providers_own_code_and_words_and_nobody_promises_money(
        self, stripe: Stripe, api: Client, conn: Connection, shop: Shop, disputed: dict[str, Any], reconcile: Job
    ) -> None:
        assert refunds(conn) == [(10_000, 0, "failed", "charge_disputed")]
        found = {each["kind"]: each for each in matters(api, shop)}
        assert set(found) == {"dispute", "refund_failed"}
        assert "charge_disputed: Charge ch_" in found["refund_failed"]["happened"]
        assert "has been charged back; cannot issue a refund." in found["refund_failed"]["happened"]
        assert found["refund_failed"]["actions"] == ["retry", "done"]
        ((_, text),) = emails(conn, api)
        assert "€100.00 is on its way" not in text
        assert "€100.00 is to go back to you" in text
        assert "We write to you again as soon as it is on its way" in text
        report = reconcile()
        assert (report["refunds_failed"], report["refunds_owed"], report["matters_open"]) == (1, 0, 2)
        assert report["oldest_matter_seconds"] > 0
        invariants.check(conn)

    def test_the_chargeback_that_is_lost_is_the_refund(
        self, stripe: Stripe, api: Client, conn: Connection, shop: Shop, disputed: dict[str, Any]
    ) -> None:
        (dispute,) = conn.execute("SELECT reference FROM reversals").fetchone() or ()
        lost = stripe.dispute(disputed, 10_000, "lost", id=dispute)
        event = {"id": "evt_lost", "type": "charge.dispute.closed", "data": {"object": lost}}

        assert send_webhook(api, "stripe", event).json["effect"] == "noted"

        assert refunds(conn) == [(10_000, 10_000, "succeeded", None)]
        assert [each["kind"] for each in matters(api, shop, settled="false")] == []
        assert sent_by_us(stripe, disputed) == []
        invariants.check(conn)

    def test_an_owner_tries_again_once_the_dispute_is_won(
        self, stripe: Stripe, api: Client, conn: Connection, shop: Shop, owner: UUID, disputed: dict[str, Any]
    ) -> None:
        (dispute,) = conn.execute("SELECT reference FROM reversals").fetchone() or ()
        stripe.dispute(disputed, 10_000, "won", id=dispute)
        (matter,) = [each for each in matters(api, shop) if each["kind"] == "refund_failed"]

        settled = settle(api, shop, owner, matter, action="retry")

        assert (settled.status, settled.json["resolution"], settled.json["actions"]) == (200, "retry", [])
        assert sent_by_us(stripe, disputed) == [10_000]
        assert refunds(conn) == [(10_000, 0, "succeeded", None)]
        assert emails(conn, api)[-1][0] == "refund_sent"
        assert settle(api, shop, owner, matter, action="retry").code == "matter_settled"
        invariants.check(conn)

    def test_an_owner_pays_by_hand_and_says_so(
        self, stripe: Stripe, api: Client, conn: Connection, shop: Shop, owner: UUID, disputed: dict[str, Any]
    ) -> None:
        (matter,) = [each for each in matters(api, shop) if each["kind"] == "refund_failed"]

        done = settle(api, shop, owner, matter, action="done", note="By bank transfer")

        assert (done.json["resolution"], done.json["note"], done.json["settled_by"]) == (
            "done",
            "By bank transfer",
            str(owner),
        )
        assert refunds(conn) == [(10_000, 0, "succeeded", "charge_disputed")]
        assert sent_by_us(stripe, disputed) == []
        template, text = emails(conn, api)[-1]
        assert template == "refund_sent"
        assert "says that they have sent you €100.00 themselves" in text, "it does not come the way it was paid"
        invariants.check(conn)

    def test_a_retry_that_is_refused_again_opens_the_matter_again(
        self, stripe: Stripe, api: Client, conn: Connection, shop: Shop, owner: UUID, disputed: dict[str, Any]
    ) -> None:
        (matter,) = [each for each in matters(api, shop) if each["kind"] == "refund_failed"]

        settle(api, shop, owner, matter, action="retry")

        (again,) = [each for each in matters(api, shop, settled="false") if each["kind"] == "refund_failed"]
        assert (again["id"], again["actions"]) == (matter["id"], ["retry", "done"])
        invariants.check(conn)


class TestAnEmptyBalance:
    MESSAGE = "Insufficient funds in your Stripe balance to refund this amount."

    def test_it_is_tried_again_at_growing_intervals_and_seen_from_the_first_refusal_on(
        self, stripe: Stripe, api: Client, conn: Connection, shop: Shop, payment: dict[str, Any], reconcile: Job
    ) -> None:
        stripe.refuse_refunds("insufficient_funds", self.MESSAGE)

        assert refund(api, shop, payment).status == 201

        assert refunds(conn) == [(10_000, 0, "owed", "insufficient_funds")]
        (matter,) = matters(api, shop)
        assert (matter["kind"], matter["details"]["reason"]) == ("refund_failed", self.MESSAGE)
        assert "Boxoffice tries again at" in matter["happened"]
        waits = [minutes_to_wait(conn)]
        for _ in range(3):
            reconcile()
            waits.append(minutes_to_wait(conn))
        assert waits == [1, 2, 4, 8]

        stripe.refuse_refunds()
        reconcile()

        assert sent_by_us(stripe, payment) == [10_000]
        assert matters(api, shop, settled="false") == []
        assert [template for template, _ in emails(conn, api)] == ["order_refunded", "refund_sent"]
        invariants.check(conn)


def minutes_to_wait(conn: Connection) -> int:
    """Return in how many minutes the next attempt of the refund is due. The last minute may have begun."""
    ((wait,),) = conn.execute("SELECT ceil(extract(epoch FROM due_at - now()) / 60)::int FROM refunds").fetchall()
    return int(wait)


class TestARefundThatFailsLater:
    @pytest.mark.parametrize("status", ["failed", "canceled"])
    def test_the_buyer_is_told_and_it_is_made_anew(
        self,
        stripe: Stripe,
        api: Client,
        conn: Connection,
        shop: Shop,
        payment: dict[str, Any],
        reconcile: Job,
        status: str,
    ) -> None:
        refund(api, shop, payment)
        (made,) = stripe.refunds(payment)
        stripe.set_refunds(id=made["id"], status=status, failure_reason="lost_or_stolen_card")
        conn.execute("UPDATE refunds SET status = 'sent', due_at = now(), closed_at = NULL")

        reconcile()

        assert refunds(conn) == [(10_000, 0, "failed", "lost_or_stolen_card")]
        assert emails(conn, api)[-1][0] == "refund_delayed"
        assert [each["kind"] for each in matters(api, shop)] == ["refund_failed"]

        reconcile()

        assert refunds(conn) == [(10_000, 0, "succeeded", None)]
        assert sent_by_us(stripe, payment) == [10_000, 10_000], "the first one never arrived"
        assert emails(conn, api)[-1][0] == "refund_sent"
        assert matters(api, shop, settled="false") == []
        invariants.check(conn)

    def test_nobody_pays_by_hand_what_the_provider_may_have_sent(
        self,
        stripe: Stripe,
        api: Client,
        conn: Connection,
        shop: Shop,
        owner: UUID,
        payment: dict[str, Any],
        reconcile: Job,
    ) -> None:
        stripe.set_refunds(status="failed")
        refund(api, shop, payment)
        stripe.set_refunds(status="succeeded")
        (matter,) = matters(api, shop)
        stripe.set_mode("loses-answers")
        reconcile()
        stripe.set_mode("works")
        conn.execute("UPDATE refunds SET due_at = now() + interval '10 minutes'")

        assert settle(api, shop, owner, matter, action="done", note="Cash").code == "refund_under_way"
        assert settle(api, shop, owner, matter, action="retry").status == 200

        assert [each["status"] for each in stripe.refunds(payment)].count("succeeded") == 1
        assert refunds(conn) == [(10_000, 0, "succeeded", None)]
        invariants.check(conn)

    @pytest.mark.parametrize("status", ["pending", "requires_action"])
    def test_one_that_is_under_way_is_asked_about(
        self,
        stripe: Stripe,
        api: Client,
        conn: Connection,
        shop: Shop,
        payment: dict[str, Any],
        reconcile: Job,
        status: str,
    ) -> None:
        stripe.set_refunds(status=status)
        refund(api, shop, payment)
        assert refunds(conn) == [(10_000, 0, "sent", None)]
        (made,) = stripe.refunds(payment)
        stripe.set_refunds(id=made["id"], status="succeeded")

        reconcile()

        assert refunds(conn) == [(10_000, 0, "succeeded", None)]
        assert len(stripe.refunds(payment)) == 1
        invariants.check(conn)


def test_a_refund_that_fails_by_something_unforeseen_is_answered_and_sent_later(
    stripe: Stripe,
    api: Client,
    conn: Connection,
    shop: Shop,
    payment: dict[str, Any],
    reconcile: Job,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from boxoffice.payments import sending

    with monkeypatch.context() as broken:
        broken.setattr(sending, "record_outcome", None)
        answer = refund(api, shop, payment)

    assert (answer.status, answer.json["order_status"]) == (201, "refunded")
    assert refunds(conn) == [(10_000, 0, "owed", None)]
    reconcile()
    assert sent_by_us(stripe, payment) == [10_000]
    invariants.check(conn)
