"""The job reconcile_payments. What each provider answers is tested with the provider."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.guest_tokens import order_token
from boxoffice.orders import service as orders
from boxoffice.payments import reconciliation, sending, service
from tests.helpers import factories, invariants, provider_servers
from tests.helpers.payers import emails, started, status_of, tell
from tests.helpers.provider_servers import Flutterwave, Stripe
from tests.helpers.support import Client, context, function

type Job = Callable[[], dict[str, Any]]


@pytest.fixture
def order(api: Client, conn: Connection) -> UUID:
    event = factories.event(conn, currency="USD")
    return factories.order(conn, factories.ticket_type(conn, event_id=event, price=2500))


def lapse(conn: Connection, minutes: int = 1) -> None:
    conn.execute("UPDATE orders SET expires_at = %s", [datetime.now(UTC) - timedelta(minutes=minutes)])


def test_without_open_payments_the_job_does_nothing(reconcile: Job) -> None:
    assert reconcile() == {
        "asked": 0,
        "accounts_to_send": 0,
        "refunds_tried": 0,
        "orders_ended": 0,
        "units_failed": 0,
        "payments_open": 0,
        "refunds_owed": 0,
        "refunds_failed": 0,
        "oldest_refund_seconds": 0.0,
        "matters_open": 0,
        "unknown_payments": 0,
        "books_differ": 0,
        "oldest_matter_seconds": 0.0,
    }


def test_the_provider_is_not_asked_before_two_minutes(stripe: Stripe, api: Client, order: UUID) -> None:
    started(api, order, "stripe")
    stripe.take_requests()

    assert function("reconcile_payments").handler({}, context())["payments_open"] == 1
    assert stripe.take_requests() == []


def test_the_provider_is_asked_at_the_end_of_the_hold(stripe: Stripe, api: Client, conn: Connection) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=90)
    order = factories.order(conn, factories.ticket_type(conn), expires_at=soon)
    started(api, order, "stripe")

    assert conn.execute("SELECT ask_at FROM payments").fetchone() == (soon,)


@pytest.mark.parametrize("end", ["cancelled", "paid"])
def test_a_payment_that_cannot_pay_its_order_any_more_is_closed(
    stripe: Stripe, api: Client, conn: Connection, order: UUID, reconcile: Job, end: str
) -> None:
    useless = started(api, order, "stripe")
    if end == "paid":
        tell(api, started(api, order))
    else:
        api.post(f"/v1/orders/{order}/cancel", order_token=order_token(order))

    reconcile()

    assert status_of(conn, useless) == ("failed", end)
    assert stripe.pay(useless)["error"]
    invariants.check(conn)


@pytest.mark.parametrize("end", ["guest", "event", "paid elsewhere"])
def test_the_next_run_closes_the_payments_of_an_order_that_is_over(
    stripe: Stripe, api: Client, conn: Connection, order: UUID, end: str
) -> None:
    payment = started(api, order, "stripe")
    if end == "guest":
        assert api.post(f"/v1/orders/{order}/cancel", order_token=order_token(order)).status == 200
    elif end == "event":
        conn.execute("UPDATE events SET status = 'cancelled', cancelled_at = now(), cancel_reason = 'ill'")
        assert function("finish_cancellations").handler({}, context())["units_failed"] == 0
    else:
        tell(api, started(api, order))

    function("reconcile_payments").handler({}, provider_servers.context_of_a_minute())

    assert stripe.status(payment) == "canceled"
    assert status_of(conn, payment) == ("failed", "paid" if end == "paid elsewhere" else "cancelled")
    assert stripe.pay(payment)["error"], "nobody can pay it any more"
    invariants.check(conn)


def test_an_order_that_is_cancelled_while_its_provider_is_asked_is_asked_about_again(
    api: Client, conn: Connection, order: UUID
) -> None:
    """The answer of the first question must not postpone the second, which closes the payment."""
    started(api, order)
    provider_servers.make_all_due(conn)
    (inquiry,) = reconciliation.ask_providers(conn, unresponsive=set())
    api.post(f"/v1/orders/{order}/cancel", order_token=order_token(order))

    with conn.transaction():
        reconciliation.apply_answer(conn, inquiry)

    assert conn.execute("SELECT ask_at <= now() FROM payments").fetchall() == [(True,)]


def test_a_payment_that_the_provider_does_not_know_does_not_keep_the_stock(
    stripe: Stripe, api: Client, conn: Connection, order: UUID, reconcile: Job
) -> None:
    payment = factories.payment(conn, order, provider="stripe", provider_reference=None)
    conn.execute("UPDATE payments SET ask_at = now()")
    lapse(conn)

    reconcile()

    assert status_of(conn, {"id": payment}) == ("failed", "expired")


def test_a_provider_that_is_down_does_not_delay_another(
    stripe: Stripe, flutterwave: Flutterwave, api: Client, conn: Connection, reconcile: Job
) -> None:
    event = factories.event(conn, currency="USD")
    ticket_type = factories.ticket_type(conn, event_id=event, quantity=200)
    down = [started(api, factories.order(conn, ticket_type), "flutterwave") for _ in range(3)]
    up = [started(api, factories.order(conn, ticket_type), "stripe") for _ in range(3)]
    for payment in up:
        stripe.pay(payment)
    flutterwave.set_mode("error")

    reconcile()

    assert [status_of(conn, payment)[0] for payment in up] == ["succeeded"] * 3
    assert [status_of(conn, payment)[0] for payment in down] == ["pending"] * 3
    invariants.check(conn)


def test_an_account_that_does_not_answer_is_left_out_for_the_rest_of_the_run(
    flutterwave: Flutterwave, api: Client, conn: Connection, reconcile: Job
) -> None:
    event = factories.event(conn, currency="USD")
    ticket_type = factories.ticket_type(conn, event_id=event, quantity=200)
    for _ in range(45):
        factories.payment(conn, factories.order(conn, ticket_type, quantity=1), provider="flutterwave")
    conn.execute("UPDATE payments SET ask_at = now()")
    flutterwave.set_mode("error")
    flutterwave.take_requests()

    assert reconcile()["asked"] == 20
    assert len(flutterwave.take_requests()) == 20


def test_no_transaction_is_open_while_a_provider_is_asked(
    flutterwave: Flutterwave, api: Client, conn: Connection, order: UUID, reconcile: Job, monkeypatch: Any
) -> None:
    from boxoffice.payments import flutterwave as adapter

    seen = []
    call = adapter._call

    def watched(*args: Any) -> Any:
        seen.extend(
            conn.execute(
                """SELECT state FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"""
            ).fetchall()
        )
        return call(*args)

    monkeypatch.setattr(adapter, "_call", watched)
    payment = started(api, order, "flutterwave")
    reconcile()
    flutterwave.pay(payment)
    lapse(conn)
    reconcile()
    with conn.transaction():
        sending.owe_refund(conn, UUID(payment["id"]), 100, "asked for")
    reconcile()

    assert len(seen) >= 4
    assert set(seen) == {("idle",)}
    assert conn.execute("SELECT status FROM refunds").fetchall() == [("succeeded",)]


def test_emails_about_payments_that_it_finds_are_sent_at_once(
    stripe: Stripe, api: Client, conn: Connection, order: UUID, reconcile: Job, email_queue: str
) -> None:
    import boto3

    stripe.pay(started(api, order, "stripe"))

    reconcile()

    assert emails(conn) == ["order_confirmation"]
    assert len(boto3.client("sqs").receive_message(QueueUrl=email_queue).get("Messages", [])) == 1


def test_a_refund_of_a_payment_by_hand_is_made_by_hand(
    api: Client, conn: Connection, order: UUID, reconcile: Job
) -> None:
    with conn.transaction():
        found = orders.lock_order(conn, order)
        payment = service.record_payment_by_hand(conn, found, "cash")
        orders.pay(conn, found, reason="cash")
    invariants.check(conn)
    with conn.transaction():
        sending.owe_refund(conn, payment, 2000, "asked for")

    reconcile()

    assert conn.execute("SELECT status FROM refunds").fetchall() == [("by_hand",)]
    assert status_of(conn, {"id": payment}) == ("succeeded", "paid")
    invariants.check(conn)
