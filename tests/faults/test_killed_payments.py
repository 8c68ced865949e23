"""A process dies while it starts, applies or returns a payment: a repeat completes it, and each effect happens once."""

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice import db, outbox, platform_settings
from boxoffice.auth import Caller, Who
from boxoffice.checkin import service as checkin
from boxoffice.checkin.errors import AlreadyScanned
from boxoffice.checkin.models import ScanRequest
from boxoffice.guest_tokens import order_token
from boxoffice.orders import service as orders
from boxoffice.payments import service
from boxoffice.payments.models import PaymentRequest, ProviderEvent, StartedPayment
from boxoffice.tickets import service as tickets
from tests.helpers import factories, invariants, sellers
from tests.helpers.payers import emails, refunds
from tests.helpers.racing import die_at, die_everywhere, wait_for_rollbacks
from tests.helpers.support import Client, Database, context, function


def start(conn: Connection, order: UUID) -> StartedPayment:
    guest = Caller(Who.GUEST, guest_token=order_token(order))
    return service.start_payment(conn, guest, order, PaymentRequest(provider="sandbox"), f"pay {order}")


def receive(conn: Connection, event: ProviderEvent) -> str:
    return service.receive_event(conn, "sandbox", event).effect


def paid_in_time(conn: Connection, ticket_type: UUID) -> ProviderEvent:
    payment = start(conn, factories.order(conn, ticket_type))
    return ProviderEvent("evt_1", "succeeded", payment.id, payment.amount, payment.currency, {})


def paid_late(conn: Connection, ticket_type: UUID) -> ProviderEvent:
    event = paid_in_time(conn, ticket_type)
    conn.execute("UPDATE orders SET expires_at = now() - interval '16 minutes'")
    assert sellers.expire_orders(conn) == 1
    return event


def paid_too_late(conn: Connection, ticket_type: UUID) -> ProviderEvent:
    event = paid_late(conn, ticket_type)
    for quantity in (5, 5):
        factories.order(conn, ticket_type, quantity=quantity)
    return event


def paid_wrongly(conn: Connection, ticket_type: UUID) -> ProviderEvent:
    return replace(paid_in_time(conn, ticket_type), amount=1)


def declined(conn: Connection, ticket_type: UUID) -> ProviderEvent:
    return replace(paid_in_time(conn, ticket_type), kind="failed")


def paid_too_much(conn: Connection, ticket_type: UUID) -> ProviderEvent:
    event = paid_in_time(conn, ticket_type)
    return replace(event, amount=event.amount + 1)


def paid_for_a_cancelled_order(conn: Connection, ticket_type: UUID) -> ProviderEvent:
    event = paid_in_time(conn, ticket_type)
    row = conn.execute("SELECT id FROM orders").fetchone()
    assert row is not None
    with conn.transaction():
        orders.cancel_order(conn, Caller(Who.GUEST, guest_token=order_token(row[0])), row[0])
    return event


def under_way(conn: Connection, ticket_type: UUID) -> ProviderEvent:
    return replace(paid_in_time(conn, ticket_type), kind="processing")


def failed_after_days(conn: Connection, ticket_type: UUID) -> ProviderEvent:
    event = under_way(conn, ticket_type)
    receive(conn, replace(event, id="evt_0"))
    conn.execute("DELETE FROM outbox")
    return replace(event, kind="failed")


@pytest.mark.parametrize(
    ("make", "effect", "returned", "sent"),
    [
        (paid_in_time, "paid", 0, ["order_confirmation"]),
        (paid_late, "paid", 0, ["order_confirmation"]),
        (paid_too_late, "returned", 1, ["payment_returned"]),
        (paid_wrongly, "returned", 1, ["payment_returned"]),
        (declined, "failed", 0, []),
        (paid_too_much, "paid", 1, ["order_confirmation", "excess_returned"]),
        (paid_for_a_cancelled_order, "returned", 1, ["payment_returned"]),
        (under_way, "held", 0, ["payment_processing"]),
        (failed_after_days, "failed", 0, ["payment_failed"]),
    ],
)
def test_killed_anywhere_the_repeated_webhook_has_its_effect_once(
    api: Client,
    database: Database,
    conn: Connection,
    make: Callable[[Connection, UUID], ProviderEvent],
    effect: str,
    returned: int,
    sent: list[str],
) -> None:
    event = make(conn, factories.ticket_type(conn, quantity=10))
    other_effects = [
        conn.execute(
            "SELECT count(*) FROM provider_events WHERE effect <> %s AND event_id = %s", [effect, event.id]
        ).fetchone()
        for _ in die_everywhere(database, conn, lambda conn: receive(conn, event))
    ]
    assert len(other_effects) >= 8
    assert set(other_effects) == {(0,)}

    assert receive(conn, event) == effect
    assert len(refunds(conn)) == returned
    assert emails(conn) == sent
    invariants.check(conn)


def test_killed_anywhere_a_repeat_continues_with_the_same_payment(
    api: Client, database: Database, conn: Connection
) -> None:
    order = factories.order(conn, factories.ticket_type(conn))
    order_token(order)  # reads the secret, which the child cannot
    seen = set()
    for _ in die_everywhere(database, conn, lambda conn: start(conn, order)):
        seen |= set(conn.execute("SELECT id FROM payments").fetchall())

    payment = start(conn, order)

    assert seen == {(payment.id,)}
    assert conn.execute("SELECT provider_reference FROM payments").fetchall() == [(str(payment.id),)]


def test_killed_while_it_gives_stock_back_the_job_leaves_no_seat_behind(
    api: Client, database: Database, conn: Connection
) -> None:
    a_minute = context()
    a_minute.get_remaining_time_in_millis = lambda: 60_000

    def job(conn: Connection) -> None:
        db._connection, outbox.enqueue = conn, lambda *_: []
        function("reconcile_payments").handler({}, a_minute)

    moment, killed = 0, True
    while killed:
        ticket_type = factories.ticket_type(conn)
        (row,) = factories.seats(conn, ticket_type, 2)
        order = factories.order(conn, ticket_type, expires_at=factories.a_moment_ago())
        conn.execute("UPDATE seats SET owner_id = %s WHERE id = ANY(%s)", [order, row])
        conn.execute("UPDATE order_items SET seat_ids = %s WHERE order_id = %s", [row, order])
        conn.execute("UPDATE seat_rows SET longest_free = 0 WHERE ticket_type_id = %s", [ticket_type])
        factories.payment(conn, order, ask_at=factories.a_moment_ago())

        killed = die_at(database, moment, job)

        wait_for_rollbacks(conn)
        invariants.check(conn)
        moment += 1
    assert moment >= 8
    assert conn.execute("SELECT status FROM orders ORDER BY id DESC LIMIT 1").fetchone() == ("expired",)


def test_killed_at_the_door_a_ticket_admits_once(api: Client, database: Database, conn: Connection) -> None:
    organisation = factories.organisation(conn)
    event = factories.event(conn, organisation_id=organisation)
    order = factories.paid_order(conn, factories.ticket_type(conn, event_id=event), quantity=1)
    scanner = Caller(Who.SCANNER, account_id=factories.member(conn, organisation, "scanner"))
    scan = ScanRequest(qr=tickets.list_for_order(conn, order)[0].qr, gate="North")
    platform_settings.current(conn)  # a warm door has read them, and then a scan is one round trip

    assert die_at(database, 0, lambda conn: checkin.scan_ticket(conn, scanner, scan))
    assert conn.execute("SELECT entries FROM tickets").fetchone() == (0,)
    assert die_at(database, 1, lambda conn: checkin.scan_ticket(conn, scanner, scan))
    wait_for_rollbacks(conn)

    with pytest.raises(AlreadyScanned):
        checkin.scan_ticket(conn, scanner, scan)
    assert conn.execute("SELECT entries, first_scan_gate FROM tickets").fetchone() == (1, "North")
    invariants.check(conn)
