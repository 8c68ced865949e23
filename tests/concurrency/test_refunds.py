"""Refunds that meet refunds, scans, purchases and money: nothing goes back twice, and no refunded ticket admits."""

from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.auth import Caller, Who
from boxoffice.checkin import service as checkin
from boxoffice.checkin.models import TicketScanRequest
from boxoffice.events import service as events
from boxoffice.events.models import CancelEventRequest
from boxoffice.guest_tokens import order_token
from boxoffice.orders import service as orders
from boxoffice.orders.models import OrderRequest
from boxoffice.payments import sandbox, sending, settling
from boxoffice.payments import service as payments
from boxoffice.payments.models import (
    PLATFORM_MERCHANT,
    PaymentByHandRequest,
    PaymentRequest,
    ProviderEvent,
    SettleMatterRequest,
    StartedPayment,
)
from boxoffice.refunds import ending, service
from boxoffice.refunds.models import RefundRequest
from tests.helpers import factories, invariants
from tests.helpers.racing import attempt, deadlocks, race
from tests.helpers.sellers import Shop, given_back, outbox_of, status_of, tickets_of
from tests.helpers.support import Client, Database


@pytest.fixture
def shop(conn: Connection) -> Shop:
    return Shop(conn)


def refund(conn: Connection, shop: Shop, order: UUID, key: object, **body: object) -> None:
    caller = Caller(Who.MANAGER, shop.manager)
    service.refund_order(conn, caller, order, RefundRequest.model_validate(body), str(key))


def mark_paid(conn: Connection, shop: Shop, order: UUID, key: object) -> None:
    request = PaymentByHandRequest(method="cash")
    payments.mark_order_paid(conn, Caller(Who.MANAGER, shop.manager), order, request, str(key))


def scan(conn: Connection, shop: Shop, ticket: UUID) -> None:
    checkin.scan_ticket_by_id(conn, Caller(Who.SCANNER, shop.manager), ticket, TicketScanRequest())


def cancel(conn: Connection, shop: Shop) -> None:
    with conn.transaction():
        request = CancelEventRequest(reason="The singer is ill.")
        events.cancel_event(conn, Caller(Who.MANAGER, shop.manager), shop.event, request)


def finish_cancellations(conn: Connection) -> int:
    """Give back a batch of orders of cancelled events, as the job does. Return how many changed."""
    done = 0
    for order in service.list_orders_to_give_back(conn):
        with conn.transaction():
            done += service.give_back_order(conn, order)
    return done


def start(conn: Connection, order: UUID) -> StartedPayment:
    guest = Caller(Who.GUEST, guest_token=order_token(order))
    return payments.start_payment(conn, guest, order, PaymentRequest(provider="sandbox"), str(order))


def receive(conn: Connection, payment: StartedPayment) -> str:
    event = ProviderEvent(f"evt_{payment.id}", "succeeded", payment.id, payment.amount, payment.currency, {})
    return payments.receive_event(conn, "sandbox", event).effect


def test_refunds_of_one_order_at_once_never_give_back_more_than_was_paid(
    api: Client, database: Database, conn: Connection, shop: Shop
) -> None:
    order = shop.sold(shop.ticket_type())

    ends = race(database, 20, lambda conn, number: attempt(lambda: refund(conn, shop, order, number, amount=1500)))

    assert sorted(ends) == ["done"] * 6 + ["refund_too_large"] * 14
    assert given_back(conn) == [1500] * 6
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_repeats_at_once_give_back_once(api: Client, database: Database, conn: Connection, shop: Shop) -> None:
    order = shop.sold(shop.ticket_type())

    ends = race(database, 16, lambda conn, _: attempt(lambda: refund(conn, shop, order, "once", amount=1500)))

    assert ends == ["done"] * 16
    assert given_back(conn) == [1500]
    invariants.check(conn)


def test_a_ticket_is_refunded_once_whatever_is_refunded_beside_it(
    api: Client, database: Database, conn: Connection, shop: Shop
) -> None:
    ticket_type = shop.ticket_type()
    order = shop.sold(ticket_type, quantity=4)
    first, second, *_ = map(str, tickets_of(conn, order))
    bodies: list[dict[str, object]] = [{"ticket_ids": [first, second]}, {"ticket_ids": [second]}, {"whole": True}]

    race(database, 18, lambda conn, number: attempt(lambda: refund(conn, shop, order, number, **bodies[number % 3])))

    assert sum(given_back(conn)) == 20_000
    assert status_of(conn, order) == "refunded"
    assert invariants.left(conn, ticket_type) == (100, 0, 0)
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_withdrawals_for_less_and_for_nothing_at_once_end_each_ticket_once(
    api: Client, database: Database, conn: Connection, shop: Shop
) -> None:
    ticket_type = shop.ticket_type()
    order = shop.sold(ticket_type, quantity=4)
    first, second, *_ = map(str, tickets_of(conn, order))
    bodies: list[dict[str, object]] = [
        {"ticket_ids": [first, second], "fee": 700},
        {"ticket_ids": [second], "amount": 0},
        {"amount": 3000},
        {"whole": True, "amount": 100},
        {"ticket_ids": [first], "amount": 1000},
    ]

    ends = race(
        database, 15, lambda conn, number: attempt(lambda: refund(conn, shop, order, number, **bodies[number % 5]))
    )

    assert set(ends) <= {"done", "ticket_refunded", "nothing_to_refund", "refund_too_large", "fee_too_large"}
    assert status_of(conn, order) == "refunded"
    assert sum(given_back(conn)) <= 20_000
    assert invariants.left(conn, ticket_type) == (100, 0, 0)
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_refunds_of_ours_refunds_elsewhere_and_a_dispute_at_once_count_all_money_once(
    api: Client, database: Database, conn: Connection, shop: Shop
) -> None:
    ticket_type = shop.ticket_type()
    sold = [shop.sold(ticket_type) for _ in range(3)]
    payment_of = dict(conn.execute("SELECT order_id, id FROM payments").fetchall())

    def act(conn: Connection, number: int) -> str:
        order = sold[number % 3]
        match number // 3 % 6:
            case 0:
                return attempt(lambda: refund(conn, shop, order, number, amount=1500))
            case 1:
                return attempt(lambda: refund(conn, shop, order, number, whole=True))
            case 2 | 3:
                return hear(conn, payment_of[order], "refund.created", 3000, f"re_{number % 12}_{order}")
            case 4:
                return hear(conn, payment_of[order], "dispute.opened", 10_000, f"du_{order}")
            case _:
                return hear(conn, payment_of[order], "dispute.lost", 10_000, f"du_{order}")

    ends = race(database, 36, act)

    assert set(ends) <= {"done", "noted", "refund_too_large", "nothing_to_refund"}
    ending.end_marked_orders(conn)
    assert [status_of(conn, order) for order in sold] == ["refunded"] * 3
    assert invariants.left(conn, ticket_type) == (100, 0, 0)
    assert deadlocks(conn) == 0
    invariants.check(conn)


def hear(conn: Connection, payment: UUID, kind: sandbox.EventType, amount: int, reference: str) -> str:
    """Receive the sandbox's event about a refund or a dispute, and end the order if it has to end."""
    body, _ = sandbox.signed_event(str(payment), kind, amount, "NGN", reference=reference)
    effect = payments.receive_event(conn, "sandbox", sandbox.parse(PLATFORM_MERCHANT, body)).effect
    ending.end_marked_orders(conn)
    return effect


def test_one_refund_elsewhere_told_by_many_at_once_is_booked_once(
    api: Client, database: Database, conn: Connection, shop: Shop
) -> None:
    order = shop.sold(shop.ticket_type())
    (payment,) = conn.execute("SELECT id FROM payments").fetchone() or ()

    race(database, 16, lambda conn, _: hear(conn, payment, "refund.created", 10_000, "re_1"))

    assert conn.execute("SELECT refunded, refunded_elsewhere FROM incoming_payments").fetchall() == [(0, 10_000)]
    assert given_back(conn) == [10_000]
    assert len(outbox_of(conn, "order_refunded")) == 1
    assert status_of(conn, order) == "refunded"
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_owners_who_settle_one_matter_at_once_settle_it_once(
    api: Client, database: Database, conn: Connection, shop: Shop
) -> None:
    order = factories.order(conn, shop.ticket_type())
    mark_paid(conn, shop, order, "paid")
    refund(conn, shop, order, "refund", whole=True)
    sending.send_refunds(conn)
    owner = factories.member(conn, shop.organisation, "owner")
    (matter,) = conn.execute("SELECT id FROM money_matters").fetchone() or ()
    request = SettleMatterRequest(action="done", note="By cash")

    def settle(conn: Connection, number: int) -> str:
        caller = Caller(Who.OWNER, owner)
        return attempt(
            lambda: settling.settle_matter(conn, caller, shop.organisation, matter, request, f"key {number}")
        )

    ends = race(database, 12, settle)

    assert ends.count("done") == 1
    assert set(ends) <= {"done", "matter_settled", "refund_under_way"}
    assert len(outbox_of(conn, "refund_sent")) == 1
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_a_ticket_that_is_scanned_and_refunded_at_once_is_one_of_the_two(
    api: Client, database: Database, conn: Connection, shop: Shop
) -> None:
    order = shop.sold(shop.ticket_type(quantity=12), quantity=12)
    tickets = tickets_of(conn, order)

    def meet(conn: Connection, number: int) -> str:
        ticket = tickets[number // 2]
        if number % 2:
            return attempt(lambda: scan(conn, shop, ticket))
        return attempt(lambda: refund(conn, shop, order, number, ticket_ids=[str(ticket)]))

    ends = race(database, 24, meet)

    pairs = set(zip(ends[::2], ends[1::2], strict=True))
    assert pairs <= {("done", "refunded"), ("ticket_used", "done")}
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_cash_and_a_providers_money_at_once_pay_once(
    api: Client, database: Database, conn: Connection, shop: Shop
) -> None:
    ticket_type = shop.ticket_type()
    pending = [factories.order(conn, ticket_type) for _ in range(10)]
    started = [start(conn, order) for order in pending]

    def pay(conn: Connection, number: int) -> str:
        if number % 2:
            return receive(conn, started[number // 2])
        return attempt(lambda: mark_paid(conn, shop, pending[number // 2], number))

    ends = race(database, 20, pay)

    pairs = list(zip(ends[::2], ends[1::2], strict=True))
    assert set(pairs) <= {("done", "returned"), ("order_not_pending", "paid")}
    assert len(given_back(conn)) == pairs.count(("done", "returned"))
    assert invariants.left(conn, ticket_type) == (80, 0, 20)
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_jobs_that_run_at_once_refund_and_write_once(
    api: Client, database: Database, conn: Connection, shop: Shop
) -> None:
    ticket_type = shop.ticket_type()
    for _ in range(15):
        shop.sold(ticket_type)
    factories.order(conn, ticket_type)
    cancel(conn, shop)

    done = race(database, 6, lambda conn, _: finish_cancellations(conn))

    assert sum(done) + finish_cancellations(conn) == 16
    assert given_back(conn) == [10_000] * 15
    assert len(outbox_of(conn, "event_cancelled")) == 15
    assert invariants.left(conn, ticket_type) == (100, 0, 0)
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_an_event_cancelled_while_it_sells_gives_all_money_back(
    api: Client, database: Database, conn: Connection, shop: Shop
) -> None:
    ticket_type, free = shop.ticket_type(), shop.ticket_type(price=0)
    sold = [shop.sold(ticket_type) for _ in range(6)]
    pending = [factories.order(conn, ticket_type) for _ in range(12)]
    started = [start(conn, order) for order in pending]

    def act(conn: Connection, number: int) -> str:
        match number % 6:
            case 0:
                return attempt(lambda: buy(conn, ticket_type if number % 4 else free, number))
            case 1:
                return receive(conn, started[number // 6])
            case 2:
                return attempt(lambda: mark_paid(conn, shop, pending[6 + number // 6], number))
            case 3:
                return attempt(lambda: refund(conn, shop, sold[number // 6], number, whole=True))
            case 4:
                return attempt(lambda: cancel(conn, shop))
            case _:
                return str(finish_cancellations(conn))

    race(database, 36, act)
    while finish_cancellations(conn):
        pass

    live = conn.execute("SELECT count(*) FROM orders WHERE status NOT IN ('cancelled', 'refunded')").fetchone()
    assert live == (0,)
    assert [invariants.left(conn, each) for each in (ticket_type, free)] == [(100, 0, 0)] * 2
    paid = conn.execute("SELECT sum(amount), sum(refunded) FROM incoming_payments").fetchone()
    assert paid is not None
    assert paid[0] == paid[1]
    assert deadlocks(conn) == 0
    conn.execute("UPDATE events SET cancelled_at = cancelled_at - interval '11 minutes'")
    (event,) = service.list_cancelled_events(conn)
    assert service.finish_cancelled_event(conn, event)
    invariants.check(conn)


def buy(conn: Connection, ticket_type: UUID, number: int) -> None:
    request = OrderRequest.model_validate(factories.order_request(ticket_type))
    orders.place_order(conn, Caller(Who.PUBLIC), request, str(number))
