"""Money that arrives at once, or while the order changes under it, has one effect."""

from dataclasses import replace
from typing import Literal
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from boxoffice.auth import Caller, Who
from boxoffice.errors import DomainError
from boxoffice.guest_tokens import order_token
from boxoffice.orders import service as orders
from boxoffice.orders.models import OrderRequest
from boxoffice.payments import reconciliation, sandbox, sending, service
from boxoffice.payments.errors import ProviderUnavailable, RefundTooLarge
from boxoffice.payments.models import PaymentRequest, ProviderEvent, StartedPayment
from boxoffice.stock.errors import SoldOut
from tests.helpers import factories, invariants, payers, sellers
from tests.helpers.factories import order_request
from tests.helpers.payers import emails, refunds
from tests.helpers.provider_servers import Stripe
from tests.helpers.racing import deadlocks, race
from tests.helpers.support import Client, Database


def start(
    conn: Connection, order: UUID, key: str | None = None, provider: Literal["sandbox", "stripe"] = "sandbox"
) -> StartedPayment:
    """Start a payment as the order's guest."""
    guest = Caller(Who.GUEST, guest_token=order_token(order))
    return service.start_payment(conn, guest, order, PaymentRequest(provider=provider), key or f"pay {order}")


def replace_id(payment: StartedPayment, payment_id: UUID) -> StartedPayment:
    """Return another payment of the same order."""
    return payment.model_copy(update={"id": payment_id})


def success(payment: StartedPayment, event_id: str | None = None) -> ProviderEvent:
    return ProviderEvent(event_id or str(uuid4()), "succeeded", payment.id, payment.amount, payment.currency, {})


def receive(conn: Connection, event: ProviderEvent) -> str:
    """Apply an event as the webhook does. Return its effect."""
    return service.receive_event(conn, "sandbox", event).effect


def test_an_event_delivered_twenty_times_at_once_has_one_effect(
    api: Client, database: Database, conn: Connection
) -> None:
    ticket_type = factories.ticket_type(conn)
    event = success(start(conn, factories.order(conn, ticket_type)))

    effects = race(database, 20, lambda conn, _: receive(conn, event))

    assert effects == ["paid"] * 20
    assert invariants.left(conn, ticket_type) == (98, 0, 2)
    assert emails(conn) == ["order_confirmation"]
    assert refunds(conn) == []
    invariants.check(conn)


def test_twenty_events_about_one_payment_pay_once(api: Client, database: Database, conn: Connection) -> None:
    payment = start(conn, factories.order(conn, factories.ticket_type(conn)))

    effects = race(database, 20, lambda conn, _: receive(conn, success(payment)))

    assert sorted(effects) == ["ignored"] * 19 + ["paid"]
    assert refunds(conn) == []
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_of_eight_payments_of_one_order_seven_are_returned(api: Client, database: Database, conn: Connection) -> None:
    order = factories.order(conn, factories.ticket_type(conn))
    payments = [replace_id(start(conn, order), factories.payment(conn, order)) for _ in range(8)]

    effects = race(database, 8, lambda conn, number: receive(conn, success(payments[number])))

    assert sorted(effects) == ["paid"] + ["returned"] * 7
    statuses = conn.execute("SELECT status, count(*) FROM payments GROUP BY status ORDER BY status").fetchall()
    assert statuses == [("pending", 1), ("refunded", 7), ("succeeded", 1)]
    assert conn.execute("SELECT ask_at <= now() FROM payments WHERE status = 'pending'").fetchall() == [(True,)]
    assert len(refunds(conn)) == 7
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_repeats_at_once_start_one_payment(api: Client, database: Database, conn: Connection) -> None:
    order = factories.order(conn, factories.ticket_type(conn))

    answers = race(database, 16, lambda conn, _: start(conn, order))

    assert len({answer.model_dump_json() for answer in answers}) == 1
    assert conn.execute("SELECT count(*) FROM payments").fetchone() == (1,)


def test_requests_at_once_with_keys_of_their_own_start_one_payment(
    api: Client, database: Database, conn: Connection
) -> None:
    order = factories.order(conn, factories.ticket_type(conn))

    answers = race(database, 20, lambda conn, number: start(conn, order, key=str(number)))

    assert len({answer.model_dump_json() for answer in answers}) == 1
    assert conn.execute("SELECT count(*) FROM payments").fetchone() == (1,)
    keys = conn.execute("SELECT count(*), count(DISTINCT response) FROM idempotency_keys").fetchone()
    assert keys == (20, 1)
    assert deadlocks(conn) == 0


def test_requests_at_once_make_one_payment_intent(stripe: Stripe, database: Database, conn: Connection) -> None:
    order = factories.order(conn, factories.ticket_type(conn))

    def click(conn: Connection, number: int) -> str | None:
        try:
            return start(conn, order, key=str(number), provider="stripe").client_secret
        except ProviderUnavailable:
            return None  # Stripe works at the first request still; the next attempt gets its answer

    secrets = set(race(database, 20, click)) - {None}

    assert {start(conn, order, key=str(number), provider="stripe").client_secret for number in range(20)} == secrets
    assert len(secrets) == 1
    assert conn.execute("SELECT count(*) FROM payments").fetchone() == (1,)
    assert len({key for method, path, key in stripe.take_requests() if method == "POST"}) == 1


def test_starts_that_meet_events_and_the_ends_of_orders_do_not_deadlock(
    api: Client, database: Database, conn: Connection
) -> None:
    ticket_type = factories.ticket_type(conn)
    chosen = [factories.order(conn, ticket_type, quantity=1) for _ in range(6)]
    payments = [start(conn, order) for order in chosen]

    def meet(conn: Connection, number: int) -> None:
        order, payment = chosen[number // 5], payments[number // 5]
        try:
            match number % 5:
                case 0 | 1:
                    start(conn, order, key=f"again {number}")
                case 2:
                    receive(conn, replace(success(payment), kind="failed"))
                case 3:
                    receive(conn, success(payment))
                case 4:
                    with conn.transaction():
                        orders.cancel_order(conn, Caller(Who.GUEST, guest_token=order_token(order)), order)
        except DomainError:
            pass  # the order was over

    race(database, 30, meet)

    assert deadlocks(conn) == 0
    assert conn.execute("SELECT count(*) FROM payments").fetchone() == (6,)
    ended = conn.execute("SELECT orders.status, payments.status FROM orders JOIN payments ON order_id = orders.id")
    assert set(ended.fetchall()) <= {("paid", "succeeded"), ("cancelled", "refunded")}
    invariants.check(conn)


def test_money_after_a_decline_meets_an_expiry_and_pays_the_order(
    api: Client, database: Database, conn: Connection
) -> None:
    ticket_type = factories.ticket_type(conn, quantity=40)
    payments = [start(conn, factories.order(conn, ticket_type)) for _ in range(12)]
    for payment in payments:
        receive(conn, replace(success(payment), kind="failed"))
    conn.execute("UPDATE orders SET expires_at = now() - interval '1 minute'")

    def meet(conn: Connection, number: int) -> str | None:
        if number % 2:
            return receive(conn, success(payments[number // 2]))
        with conn.transaction():
            sellers.expire_orders(conn, batch=3)
        return None

    effects = race(database, 24, meet)

    assert [effect for effect in effects if effect] == ["paid"] * 12
    assert invariants.left(conn, ticket_type) == (16, 0, 24)
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_money_that_meets_a_cancellation_or_an_expiry_pays_the_order_or_goes_back(
    api: Client, database: Database, conn: Connection
) -> None:
    ticket_type = factories.ticket_type(conn, quantity=60)
    lapsing = [factories.order(conn, ticket_type) for _ in range(12)]
    payments = [start(conn, order) for order in lapsing]
    conn.execute("UPDATE orders SET expires_at = now() - interval '16 minutes'")

    def meet(conn: Connection, number: int) -> str | None:
        order, role = lapsing[number // 3], number % 3
        if role == 0:
            return receive(conn, success(payments[number // 3]))
        try:
            with conn.transaction():
                if role == 1:
                    orders.cancel_order(conn, Caller(Who.GUEST, guest_token=order_token(order)), order)
                else:
                    sellers.expire_orders(conn, batch=3)
        except DomainError:
            pass  # the money or the clock was faster
        return None

    effects = race(database, 36, meet)

    paid, returned = effects.count("paid"), effects.count("returned")
    assert paid + returned == 12
    assert conn.execute("SELECT count(*) FROM orders WHERE status = 'cancelled'").fetchone() == (returned,)
    assert len(refunds(conn)) == returned
    assert invariants.left(conn, ticket_type) == (60 - 2 * paid, 0, 2 * paid)
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_late_money_and_new_buyers_who_want_the_same_tickets_never_oversell(
    api: Client, database: Database, conn: Connection
) -> None:
    ticket_type = factories.ticket_type(conn, quantity=30)
    late = [factories.order(conn, ticket_type, quantity=2) for _ in range(10)]
    payments = [start(conn, order) for order in late]
    conn.execute("UPDATE orders SET expires_at = now() - interval '16 minutes'")
    assert sellers.expire_orders(conn) == 10

    def want(conn: Connection, number: int) -> str:
        if number < 10:
            return receive(conn, success(payments[number]))
        try:
            request = OrderRequest.model_validate(order_request(ticket_type, 3))
            orders.place_order(conn, Caller(Who.PUBLIC), request, str(number))
        except SoldOut:
            return "sold out"
        return "held"

    effects = race(database, 25, want)

    paid, returned, held = (effects.count(effect) for effect in ("paid", "returned", "held"))
    assert paid + returned == 10
    assert len(refunds(conn)) == returned
    assert invariants.left(conn, ticket_type) == (30 - 2 * paid - 3 * held, 3 * held, 2 * paid)
    assert 2 * paid + 3 * held > 30 - 3, "what is left is too little for anyone who was turned away"
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_webhook_and_job_that_bring_the_same_money_at_once_pay_once(
    api: Client, database: Database, conn: Connection
) -> None:
    ticket_type = factories.ticket_type(conn)
    payments = [start(conn, factories.order(conn, ticket_type)) for _ in range(6)]

    def tell(conn: Connection, number: int) -> str:
        """Receive an event of its own about the same money, as from a webhook and from the job."""
        return receive(conn, replace(success(payments[number % 6]), money_reference=str(payments[number % 6].id)))

    effects = race(database, 24, tell)

    assert sorted(effects) == ["ignored"] * 18 + ["paid"] * 6
    assert refunds(conn) == []
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_money_that_comes_several_times_for_one_payment_pays_once(
    api: Client, database: Database, conn: Connection
) -> None:
    payment = start(conn, factories.order(conn, factories.ticket_type(conn)))

    effects = race(
        database, 8, lambda conn, number: receive(conn, replace(success(payment), money_reference=f"tx{number}"))
    )

    assert sorted(effects) == ["paid"] + ["returned"] * 7
    assert len(refunds(conn)) == 7
    invariants.check(conn)


def test_refunds_at_once_never_exceed_the_payment(api: Client, database: Database, conn: Connection) -> None:
    payment = start(conn, factories.order(conn, factories.ticket_type(conn, price=500), quantity=2))
    receive(conn, success(payment))

    def refund(conn: Connection, _: int) -> bool:
        try:
            payers.owe_refund(conn, payment.id, 300)
        except RefundTooLarge:
            return False
        return True

    assert race(database, 10, refund).count(True) == 3
    assert conn.execute("SELECT refunded FROM incoming_payments").fetchone() == (900,)
    invariants.check(conn)


def test_workers_that_send_at_once_send_each_refund_once(api: Client, database: Database, conn: Connection) -> None:
    ticket_type = factories.ticket_type(conn, price=500)
    for _ in range(30):
        payment = start(conn, factories.order(conn, ticket_type, quantity=1))
        receive(conn, success(payment))
        payers.owe_refund(conn, payment.id, 500)

    tried = race(database, 6, lambda conn, _: sending.send_refunds(conn))

    assert sum(tried) <= 30
    while sending.send_refunds(conn):
        pass
    assert conn.execute("SELECT status, attempts, count(*) FROM refunds GROUP BY 1, 2").fetchall() == [
        ("succeeded", 1, 30)
    ]
    invariants.check(conn)


def ask_providers(conn: Connection) -> int:
    """Ask about a batch of payments, as the job does. Return how many."""
    batch = reconciliation.ask_providers(conn, unresponsive=set())
    for inquiry in batch:
        with conn.transaction():
            reconciliation.apply_answer(conn, inquiry)
    return len(batch)


def test_jobs_that_ask_at_once_ask_about_each_payment_once(api: Client, database: Database, conn: Connection) -> None:
    ticket_type = factories.ticket_type(conn)
    for _ in range(30):
        start(conn, factories.order(conn, ticket_type))
    conn.execute("UPDATE orders SET expires_at = now() - interval '1 minute'")
    conn.execute("UPDATE payments SET ask_at = now() - interval '1 minute'")

    asked = race(database, 6, lambda conn, _: ask_providers(conn))

    assert sum(asked) <= 30
    while ask_providers(conn):
        pass
    assert conn.execute("SELECT status, ask_at, count(*) FROM payments GROUP BY 1, 2").fetchall() == [
        ("failed", None, 30)
    ]
    invariants.check(conn)


def under_way(payment: StartedPayment) -> ProviderEvent:
    return replace(success(payment), kind="processing")


def test_money_under_way_that_meets_an_expiry_holds_the_order_or_comes_too_late(
    api: Client, database: Database, conn: Connection
) -> None:
    ticket_type = factories.ticket_type(conn, quantity=40)
    payments = [start(conn, factories.order(conn, ticket_type)) for _ in range(12)]
    conn.execute("UPDATE orders SET expires_at = now() - interval '16 minutes'")

    def meet(conn: Connection, number: int) -> str | None:
        if number % 3:
            return receive(conn, under_way(payments[number // 3]))
        with conn.transaction():
            sellers.expire_orders(conn, batch=3)
        return None

    effects = race(database, 36, meet)

    held, noted = effects.count("held"), effects.count("noted")
    assert (held + noted, effects.count("ignored")) == (12, 12)
    assert invariants.left(conn, ticket_type) == (40 - 2 * held, 2 * held, 0)
    assert emails(conn) == ["payment_processing"] * held
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_whatever_news_of_money_meet_each_other_the_order_ends_paid_once(
    api: Client, database: Database, conn: Connection
) -> None:
    ticket_type = factories.ticket_type(conn, quantity=40)
    payments = [start(conn, factories.order(conn, ticket_type)) for _ in range(6)]

    def meet(conn: Connection, number: int) -> str:
        payment = payments[number // 5]
        match number % 5:
            case 0 | 1:
                return receive(conn, under_way(payment))
            case 2:
                return receive(conn, replace(success(payment), kind="failed"))
            case _:
                return receive(conn, success(payment))

    effects = race(database, 30, meet)

    assert effects.count("paid") == 6
    assert refunds(conn) == []
    assert conn.execute("SELECT DISTINCT status, ask_at FROM payments").fetchall() == [("succeeded", None)]
    assert invariants.left(conn, ticket_type) == (28, 0, 12)
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_late_payments_that_start_at_once_never_hold_more_than_the_share(
    api: Client, database: Database, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "INFO", replace(sandbox.INFO, has_late_methods=True))
    event = factories.event(conn)
    conn.execute("UPDATE events SET late_payments_until = now() + interval '1 day', late_payments_share = 25")
    ticket_type = factories.ticket_type(conn, event_id=event, quantity=40)
    chosen = [factories.order(conn, ticket_type, quantity=2) for _ in range(16)]

    race(database, 16, lambda conn, number: start(conn, chosen[number]))

    late = conn.execute("SELECT count(*) FROM payments WHERE late").fetchone()
    assert late == (5,), "25 % of 40 tickets is 10, which is 5 orders of 2"
    assert deadlocks(conn) == 0
    invariants.check(conn)
