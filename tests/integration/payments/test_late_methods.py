"""Ways to pay that take days: off by default, and the order is held if one is used all the same."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.guest_tokens import order_token
from tests.helpers import factories, invariants, sellers
from tests.helpers.payers import emails, refunds, start, started, status_of
from tests.helpers.provider_servers import Flutterwave, Stripe, send_webhook
from tests.helpers.support import Client

type Job = Callable[[], dict[str, Any]]


@pytest.fixture
def ticket_type(api: Client, conn: Connection, event: UUID) -> UUID:
    return factories.ticket_type(conn, event_id=event, quantity=10, price=2500)


@pytest.fixture
def order(conn: Connection, ticket_type: UUID) -> UUID:
    return factories.order(conn, ticket_type, quantity=2)


@pytest.fixture
def payment(stripe: Stripe, api: Client, conn: Connection, order: UUID) -> dict[str, Any]:
    """Return a payment that an account has opened with bank debits, although we excluded them."""
    payment = started(api, order, "stripe")
    stripe.post(f"/_config/allow-debit/{stripe.intent(payment)}")
    return payment


def tell(stripe: Stripe, api: Client, payment: dict[str, Any], kind: str) -> str:
    """Deliver Stripe's event of this kind about a payment. Return its effect."""
    return str(send_webhook(api, "stripe", stripe.event_of(payment, f"payment_intent.{kind}")).json["effect"])


def held_for(conn: Connection) -> timedelta:
    """Return how long the only order is still held."""
    row = conn.execute("SELECT expires_at - now() FROM orders").fetchone()
    assert row is not None
    return timedelta(seconds=row[0].total_seconds())


def test_a_payment_is_opened_without_them(stripe: Stripe, api: Client, order: UUID) -> None:
    payment = started(api, order, "stripe")

    assert "sepa_debit is excluded" in stripe.debit(payment)["error"]["message"]
    # Those that Stripe documents with delayed notification of success or failure.
    assert set(stripe.read(payment)["excluded_payment_method_types"]) == {
        *("acss_debit", "au_becs_debit", "bacs_debit", "nz_bank_account", "sepa_debit", "us_bank_account"),
        *("boleto", "konbini", "multibanco", "oxxo"),
        *("customer_balance", "sofort"),
    }


class TestAllowed:
    """An event may allow them, until a day and for a share of each ticket type."""

    def allow(self, conn: Connection, event: UUID, share: int, until: str = "1 day") -> None:
        conn.execute(
            "UPDATE events SET late_payments_until = now() + %s::interval, late_payments_share = %s WHERE id = %s",
            [until, share, event],
        )

    def is_late(self, stripe: Stripe, api: Client, order: UUID) -> bool:
        return stripe.read(started(api, order, "stripe"))["excluded_payment_method_types"] == []

    @pytest.mark.parametrize(
        ("share", "late"),
        [(19, [False, False, True]), (39, [False, True, True]), (40, [True, False, False]), (60, [True, True, False])],
    )
    def test_up_to_the_share(
        self,
        stripe: Stripe,
        api: Client,
        conn: Connection,
        event: UUID,
        ticket_type: UUID,
        share: int,
        late: list[bool],
    ) -> None:
        self.allow(conn, event, share)
        orders = [factories.order(conn, ticket_type, quantity=quantity) for quantity in (4, 2, 1)]

        assert [self.is_late(stripe, api, order) for order in orders] == late

    def test_what_is_over_gives_its_share_back(
        self, stripe: Stripe, api: Client, conn: Connection, event: UUID, ticket_type: UUID, reconcile: Job
    ) -> None:
        self.allow(conn, event, 20)
        first, second, third = (factories.order(conn, ticket_type, quantity=2) for _ in range(3))
        payment = started(api, first, "stripe")
        assert not self.is_late(stripe, api, second)
        stripe.pay(payment)
        reconcile()

        assert self.is_late(stripe, api, third)

    def test_a_decline_does_not_give_it_back(
        self, stripe: Stripe, api: Client, conn: Connection, event: UUID, ticket_type: UUID
    ) -> None:
        self.allow(conn, event, 20)
        payment = started(api, factories.order(conn, ticket_type, quantity=2), "stripe")
        stripe.pay(payment, Stripe.DECLINED)
        send_webhook(api, "stripe", stripe.event_of(payment))

        assert not self.is_late(stripe, api, factories.order(conn, ticket_type, quantity=1))
        assert stripe.debit(payment)["status"] == "processing"

    def test_each_ticket_type_has_its_own_share(
        self, stripe: Stripe, api: Client, conn: Connection, event: UUID, ticket_type: UUID
    ) -> None:
        self.allow(conn, event, 50)
        other = factories.ticket_type(conn, event_id=event, quantity=2)
        started(api, factories.order(conn, ticket_type, quantity=5), "stripe")

        assert self.is_late(stripe, api, factories.order(conn, other, quantity=1))
        assert not self.is_late(stripe, api, factories.order(conn, ticket_type, quantity=1))

    def test_until_the_last_day_and_only_if_all_events_allow_it(
        self, stripe: Stripe, api: Client, conn: Connection, event: UUID, ticket_type: UUID, organisation: UUID
    ) -> None:
        self.allow(conn, event, 100)
        other = factories.event(conn, organisation_id=organisation)
        order, second = (
            factories.order(conn, each, quantity=1)
            for each in (ticket_type, factories.ticket_type(conn, event_id=other))
        )
        conn.execute("UPDATE order_items SET order_id = %s, item_no = 2 WHERE order_id = %s", [order, second])
        assert not self.is_late(stripe, api, order)

        self.allow(conn, event, 100, until="-1 second")
        assert not self.is_late(stripe, api, factories.order(conn, ticket_type, quantity=1))

    def test_at_flutterwave(
        self, flutterwave: Flutterwave, api: Client, conn: Connection, event: UUID, order: UUID, reconcile: Job
    ) -> None:
        self.allow(conn, event, 100)
        payment = started(api, order, "flutterwave")
        assert "payment_options" not in flutterwave.link(payment)
        flutterwave.pay(payment, status="pending", payment_type="ach_payment")

        reconcile()

        assert status_of(conn, payment) == ("processing", "pending")
        assert emails(conn) == ["payment_processing"]
        invariants.check(conn)


class TestUnderWay:
    def test_the_order_is_held_and_the_buyer_is_told(
        self, stripe: Stripe, api: Client, conn: Connection, payment: dict[str, Any]
    ) -> None:
        assert stripe.debit(payment)["status"] == "processing"

        assert [tell(stripe, api, payment, "processing") for _ in range(2)] == ["held", "held"]

        assert status_of(conn, payment) == ("processing", "pending")
        assert timedelta(days=29) < held_for(conn) <= timedelta(days=30)
        assert emails(conn) == ["payment_processing"]
        assert sellers.expire_orders(conn) == 0
        invariants.check(conn)

    def test_a_lost_webhook_is_found_before_the_hold_ends(
        self, stripe: Stripe, api: Client, conn: Connection, payment: dict[str, Any], reconcile: Job
    ) -> None:
        stripe.debit(payment)
        conn.execute("UPDATE orders SET expires_at = now() - interval '1 minute'")

        for _ in range(2):
            reconcile()

        assert status_of(conn, payment) == ("processing", "pending")
        assert held_for(conn) > timedelta(days=29)
        assert emails(conn) == ["payment_processing"]

    def test_it_is_asked_about_until_it_ends(
        self, stripe: Stripe, api: Client, conn: Connection, payment: dict[str, Any], reconcile: Job
    ) -> None:
        stripe.debit(payment)
        reconcile()
        conn.execute("UPDATE payments SET created_at = now() - interval '5 days'")
        reconcile()
        row = conn.execute("SELECT ask_at - now() FROM payments").fetchone()
        assert row is not None
        assert timedelta(hours=11) < row[0] <= timedelta(hours=12)

        stripe.settle(payment)
        reconcile()

        assert status_of(conn, payment) == ("succeeded", "paid")
        assert sorted(emails(conn)) == ["order_confirmation", "payment_processing"]
        invariants.check(conn)

    def test_no_second_payment_starts_and_the_buyer_cannot_cancel(
        self, stripe: Stripe, api: Client, conn: Connection, order: UUID, payment: dict[str, Any]
    ) -> None:
        stripe.debit(payment)
        tell(stripe, api, payment, "processing")

        refusals = [
            start(api, order, provider="stripe"),
            start(api, order, provider="sandbox"),
            api.post(f"/v1/orders/{order}/cancel", order_token=order_token(order)),
        ]

        assert [(each.status, each.code) for each in refusals] == [(409, "payment_processing")] * 3
        assert api.get(f"/v1/payments/{payment['id']}", order_token=order_token(order)).json["status"] == "processing"

    def test_a_manager_may_cancel_and_then_the_money_goes_back(
        self,
        stripe: Stripe,
        api: Client,
        conn: Connection,
        order: UUID,
        manager: UUID,
        payment: dict[str, Any],
        ticket_type: UUID,
    ) -> None:
        stripe.debit(payment)
        tell(stripe, api, payment, "processing")
        assert api.post(f"/v1/orders/{order}/cancel", account=manager).status == 200
        stripe.settle(payment)

        assert tell(stripe, api, payment, "succeeded") == "returned"

        assert status_of(conn, payment) == ("refunded", "cancelled")
        assert invariants.left(conn, ticket_type) == (10, 0, 0)
        assert emails(conn) == ["payment_processing", "payment_returned"]
        invariants.check(conn)


class TestEnd:
    def test_money_that_arrives_pays(
        self, stripe: Stripe, api: Client, conn: Connection, payment: dict[str, Any]
    ) -> None:
        stripe.debit(payment)
        tell(stripe, api, payment, "processing")
        stripe.settle(payment)

        assert tell(stripe, api, payment, "succeeded") == "paid"
        assert status_of(conn, payment) == ("succeeded", "paid")
        invariants.check(conn)

    @pytest.mark.parametrize("is_lost", [False, True])
    def test_money_that_does_not_arrive_gives_the_stock_to_those_who_wait(
        self,
        stripe: Stripe,
        api: Client,
        conn: Connection,
        payment: dict[str, Any],
        ticket_type: UUID,
        reconcile: Job,
        is_lost: bool,
    ) -> None:
        stripe.debit(payment)
        tell(stripe, api, payment, "processing")
        factories.order(conn, ticket_type, quantity=8, expires_at=factories.NOW + timedelta(days=1))
        factories.waitlist_entry(conn, ticket_type, quantity=2)
        stripe.settle(payment, "fail")

        if not is_lost:
            assert tell(stripe, api, payment, "payment_failed") == "failed"
            assert status_of(conn, payment) == ("failed", "pending")
            assert sellers.expire_orders(conn) == 0, "Stripe is asked first: another card may have paid"
        reconcile()

        assert status_of(conn, payment) == ("failed", "expired")
        assert stripe.status(payment) == "canceled"
        assert conn.execute("SELECT status FROM waitlist_entries").fetchall() == [("offered",)]
        assert emails(conn) == ["payment_processing", "payment_failed", "waitlist_offer"]
        invariants.check(conn)

    def test_money_of_an_event_that_is_over_goes_back(
        self, stripe: Stripe, api: Client, conn: Connection, payment: dict[str, Any]
    ) -> None:
        stripe.debit(payment)
        tell(stripe, api, payment, "processing")
        conn.execute("UPDATE events SET starts_at = now() - interval '2 hours', ends_at = now()")
        stripe.settle(payment)

        assert tell(stripe, api, payment, "succeeded") == "returned"
        assert [amount for _, amount, _ in refunds(conn)] == [5000]

    def test_a_buyer_is_told_the_end_though_the_order_was_cancelled_before(
        self, stripe: Stripe, api: Client, conn: Connection, organisation: UUID, payment: dict[str, Any], reconcile: Job
    ) -> None:
        stripe.debit(payment)
        tell(stripe, api, payment, "processing")
        manager = factories.member(conn, organisation, "manager")
        assert api.post(f"/v1/orders/{payment['order_id']}/cancel", account=manager).status == 200
        stripe.settle(payment, "fail")
        reconcile()

        assert status_of(conn, payment) == ("failed", "cancelled")
        assert emails(conn) == ["payment_processing", "payment_failed"]

    def test_a_buyer_whose_money_is_under_way_is_told_that_the_event_is_cancelled(
        self, stripe: Stripe, api: Client, conn: Connection, event: UUID, organisation: UUID, payment: dict[str, Any]
    ) -> None:
        stripe.debit(payment)
        tell(stripe, api, payment, "processing")
        manager = factories.member(conn, organisation, "manager")
        api.post(f"/v1/events/{event}/cancel", {"reason": "The singer is ill."}, account=manager)

        sellers.finish_cancellations()

        assert emails(conn) == ["payment_processing", "event_cancelled"]
        invariants.check(conn)

    @pytest.mark.parametrize("kinds", list(permutations(["processing", "payment_failed"])), ids="-".join)
    def test_a_failure_ends_it_in_whatever_order_the_events_come(
        self, stripe: Stripe, api: Client, conn: Connection, payment: dict[str, Any], reconcile: Job, kinds: Any
    ) -> None:
        stripe.debit(payment)
        stripe.settle(payment, "fail")

        for kind in kinds:
            tell(stripe, api, payment, kind)
        row = conn.execute("SELECT ask_at <= now() + interval '2 minutes' FROM payments").fetchone()
        assert row == (True,), "the provider is asked soon, since events may come late"
        for _ in range(2):
            reconcile()

        assert status_of(conn, payment) == ("failed", "expired")
        assert emails(conn)[-1] == "payment_failed"
        invariants.check(conn)

    def test_news_of_a_try_that_had_failed_do_not_hold_the_order_for_a_month(
        self, stripe: Stripe, api: Client, conn: Connection, payment: dict[str, Any], reconcile: Job
    ) -> None:
        stripe.debit(payment)
        stripe.settle(payment, "fail")
        reconcile()
        assert status_of(conn, payment) == ("failed", "pending")
        assert tell(stripe, api, payment, "processing") == "held"

        reconcile()

        assert status_of(conn, payment)[0] == "failed", "the provider says the same as before, but now it is news"
        assert held_for(conn) < timedelta(minutes=1)
        invariants.check(conn)

    @pytest.mark.parametrize("kinds", list(permutations(["processing", "succeeded"])), ids="-".join)
    def test_money_pays_in_whatever_order_the_events_come(
        self, stripe: Stripe, api: Client, conn: Connection, payment: dict[str, Any], kinds: Any
    ) -> None:
        stripe.debit(payment)
        stripe.settle(payment)

        for kind in kinds:
            tell(stripe, api, payment, kind)

        assert status_of(conn, payment) == ("succeeded", "paid")
        invariants.check(conn)

    def test_news_that_come_after_the_order_expired_hold_nothing(
        self, stripe: Stripe, api: Client, conn: Connection, payment: dict[str, Any], ticket_type: UUID, reconcile: Job
    ) -> None:
        stripe.debit(payment)
        conn.execute("UPDATE orders SET expires_at = %s", [datetime.now(UTC) - timedelta(minutes=16)])
        assert sellers.expire_orders(conn) == 1

        assert tell(stripe, api, payment, "processing") == "noted"
        assert status_of(conn, payment) == ("processing", "expired")
        assert emails(conn) == []
        stripe.settle(payment)
        reconcile()

        assert status_of(conn, payment) == ("succeeded", "paid")
        assert invariants.left(conn, ticket_type) == (8, 0, 2)
        invariants.check(conn)


class TestVouchers:
    """A voucher is a piece of paper that the buyer pays in a shop within days. Stripe calls that an action."""

    def test_it_holds_the_order(
        self, stripe: Stripe, api: Client, conn: Connection, payment: dict[str, Any], reconcile: Job
    ) -> None:
        stripe.show_voucher(payment)
        assert stripe.status(payment) == "requires_action"

        assert tell(stripe, api, payment, "requires_action") == "held"
        reconcile()
        assert stripe.status(payment) == "requires_action", "it can still be paid"

    def test_it_is_found_at_the_end_of_the_hold_although_its_webhook_is_lost(
        self, stripe: Stripe, api: Client, conn: Connection, payment: dict[str, Any], reconcile: Job
    ) -> None:
        stripe.show_voucher(payment)
        conn.execute("UPDATE orders SET expires_at = now() - interval '1 minute'")

        reconcile()

        assert status_of(conn, payment) == ("processing", "pending")
        assert stripe.status(payment) == "requires_action"

    def test_it_cannot_be_paid_once_the_order_is_cancelled(
        self,
        stripe: Stripe,
        api: Client,
        conn: Connection,
        order: UUID,
        manager: UUID,
        payment: dict[str, Any],
        reconcile: Job,
    ) -> None:
        stripe.show_voucher(payment)
        tell(stripe, api, payment, "requires_action")
        api.post(f"/v1/orders/{order}/cancel", account=manager)

        reconcile()

        assert stripe.status(payment) == "canceled"
        assert status_of(conn, payment) == ("failed", "cancelled")
        invariants.check(conn)

    def test_other_actions_hold_nothing(
        self, stripe: Stripe, api: Client, conn: Connection, payment: dict[str, Any]
    ) -> None:
        stripe.show_voucher(payment)
        event = stripe.event_of(payment, "payment_intent.requires_action")
        event["data"]["object"]["next_action"] = {"type": "use_stripe_sdk"}

        assert send_webhook(api, "stripe", event).json["effect"] == "ignored"
        assert status_of(conn, payment) == ("pending", "pending")
