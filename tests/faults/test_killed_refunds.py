"""A process that dies while it starts a payment, asks a provider or sends money back: each happens once in the end."""

from collections.abc import Callable
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.auth import Caller, Who
from boxoffice.guest_tokens import order_token
from boxoffice.payments import reconciliation, sandbox, sending, service
from boxoffice.payments.models import PLATFORM_MERCHANT, PaymentRequest
from boxoffice.refunds import ending
from tests.helpers import factories, invariants, payers, sellers
from tests.helpers.payers import emails
from tests.helpers.provider_servers import Flutterwave, Stripe, make_all_due
from tests.helpers.racing import die_everywhere
from tests.helpers.support import Client, Database


@pytest.fixture
def order(api: Client, conn: Connection) -> UUID:
    event = factories.event(conn, currency="USD")
    order = factories.order(conn, factories.ticket_type(conn, event_id=event, price=2500), quantity=2)
    order_token(order)
    return order


def start(conn: Connection, order: UUID, provider: str) -> dict[str, str]:
    guest = Caller(Who.GUEST, guest_token=order_token(order))
    request = PaymentRequest.model_validate({"provider": provider})
    return service.start_payment(conn, guest, order, request, f"once {order}").model_dump(mode="json")


def reconcile(conn: Connection) -> None:
    make_all_due(conn)
    for asked in reconciliation.ask_providers(conn, unresponsive=set()):
        with conn.transaction():
            reconciliation.apply_answer(conn, asked)
    sending.send_refunds(conn)


def owe(conn: Connection) -> UUID:
    (payment,) = conn.execute("SELECT id FROM payments").fetchall()[0]
    return payers.owe_refund(conn, payment, 5000)


def send(refund: UUID) -> Callable[[Connection], None]:
    """Return an action that sends a due refund."""

    def act(conn: Connection) -> None:
        make_all_due(conn)
        sending.send_refunds(conn, ids=[refund])

    return act


def test_killed_anywhere_a_payment_starts_once_at_stripe(
    stripe: Stripe, database: Database, conn: Connection, order: UUID
) -> None:
    assert len(list(die_everywhere(database, conn, lambda conn: start(conn, order, "stripe")))) >= 8

    payment = start(conn, order, "stripe")

    asked = {key for _, _, key in stripe.take_requests()}
    assert asked == {payment["id"]}, "always under the same key"
    assert conn.execute("SELECT id::text, provider_reference FROM payments").fetchall() == [
        (payment["id"], stripe.intent(payment))
    ]


@pytest.mark.parametrize("late", [False, True])
def test_killed_anywhere_an_answer_has_its_effect_once(
    stripe: Stripe, database: Database, conn: Connection, order: UUID, late: bool
) -> None:
    payment = start(conn, order, "stripe")
    stripe.pay(payment)
    if late:
        conn.execute("UPDATE events SET status = 'cancelled'")
        conn.execute("UPDATE orders SET expires_at = now() - interval '16 minutes'")
        assert sellers.expire_orders(conn) == 1
    assert len(list(die_everywhere(database, conn, reconcile))) >= 12

    reconcile(conn)

    assert emails(conn) == (["payment_returned", "refund_sent"] if late else ["order_confirmation"])
    assert len(stripe.refunds(payment)) == int(late)
    assert conn.execute("SELECT count(*) FROM incoming_payments").fetchone() == (1,)
    invariants.check(conn)


@pytest.mark.parametrize("forgetful", [False, True])
def test_killed_anywhere_stripe_sends_a_refund_once(
    stripe: Stripe, database: Database, conn: Connection, order: UUID, forgetful: bool
) -> None:
    payment = start(conn, order, "stripe")
    stripe.pay(payment)
    reconcile(conn)
    refund = owe(conn)

    moments = []
    for moment in die_everywhere(database, conn, send(refund)):
        moments.append(moment)
        if forgetful:
            stripe.post("/_config/forget")
    assert len(moments) >= 6
    send(refund)(conn)

    assert len(stripe.refunds(payment)) == 1
    assert conn.execute("SELECT status, due_at FROM refunds").fetchall() == [("succeeded", None)]
    invariants.check(conn)


def test_killed_anywhere_flutterwave_sends_a_refund_once(
    flutterwave: Flutterwave, database: Database, conn: Connection, order: UUID
) -> None:
    transaction = flutterwave.pay(start(conn, order, "flutterwave"))
    reconcile(conn)
    refund = owe(conn)

    list(die_everywhere(database, conn, send(refund)))
    send(refund)(conn)

    assert len(flutterwave.refunds(transaction)) == 1
    invariants.check(conn)


def test_killed_anywhere_a_part_that_went_back_elsewhere_is_booked_once_and_the_rest_sent_once(
    stripe: Stripe, database: Database, conn: Connection, order: UUID
) -> None:
    payment = start(conn, order, "stripe")
    stripe.pay(payment)
    reconcile(conn)
    stripe.refund_elsewhere(payment, 3000)
    refund = owe(conn)

    assert len(list(die_everywhere(database, conn, send(refund)))) >= 10
    for _ in range(2):
        send(refund)(conn)

    assert sorted(each["amount"] for each in stripe.refunds(payment)) == [2000, 3000]
    assert conn.execute("SELECT amount, elsewhere, status FROM refunds").fetchall() == [(5000, 3000, "succeeded")]
    assert conn.execute("SELECT refunded, refunded_elsewhere FROM incoming_payments").fetchall() == [(2000, 3000)]
    invariants.check(conn)


def test_killed_anywhere_a_lost_dispute_ends_its_order_once(api: Client, database: Database, conn: Connection) -> None:
    order = factories.paid_order(conn, factories.ticket_type(conn), quantity=2)
    payment = factories.payment(conn, order, status="succeeded")
    body, _ = sandbox.signed_event(str(payment), "dispute.lost", 10_000, "NGN", reference="du_1")

    def hear(conn: Connection) -> None:
        service.receive_event(conn, "sandbox", sandbox.parse(PLATFORM_MERCHANT, body))
        ending.end_marked_orders(conn)

    assert len(list(die_everywhere(database, conn, hear))) >= 10
    hear(conn)

    assert conn.execute("SELECT status FROM orders").fetchall() == [("refunded",)]
    assert conn.execute("SELECT refunded, refunded_elsewhere FROM incoming_payments").fetchall() == [(0, 10_000)]
    assert emails(conn) == ["order_confirmation", "order_refunded"]
    invariants.check(conn)
