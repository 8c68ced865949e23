"""A process that dies at any round trip to the database leaves the invariants true and loses no stock."""

from collections.abc import Callable

import pytest
from psycopg import Connection

from boxoffice.auth import Caller, Who
from boxoffice.guest_tokens import order_token
from boxoffice.one_time import Purpose
from boxoffice.orders import confirmation, guests, service
from boxoffice.stock import service as stock
from tests.helpers import factories, invariants, sellers
from tests.helpers.buyers import Action, purchase
from tests.helpers.racing import die_everywhere, die_everywhere_afresh
from tests.helpers.support import Client, Database


def buy_at_a_price(conn: Connection) -> Action:
    return purchase(factories.ticket_type(conn), 2)


def buy_for_free(conn: Connection) -> Action:
    return purchase(factories.ticket_type(conn, price=0), 2)


def buy_what_must_be_consolidated(conn: Connection) -> Action:
    return purchase(factories.ticket_type(conn, quantity=50, max_per_order=30), 25)


def buy_with_a_voucher(conn: Connection) -> Action:
    """Buy a limited ticket type of an event with a capacity, free by a voucher: all that a purchase can lock."""
    event = factories.event(conn, capacity_pool_id=stock.create_pool(conn, 20))
    ticket_type = factories.ticket_type(conn, event_id=event, max_per_buyer=3)
    factories.voucher(conn, event, code="FREE", discount_kind="free", discount_value=None, max_per_buyer=1)
    return purchase(ticket_type, 2, voucher="FREE")


def buy_what_must_be_confirmed(conn: Connection) -> Action:
    event = factories.event(conn, confirm_free_orders=True)
    return purchase(factories.ticket_type(conn, event_id=event, price=0), 2)


def confirm(conn: Connection) -> Action:
    ticket_type = factories.ticket_type(conn, price=0)
    order = factories.order(conn, ticket_type)
    token = factories.one_time_token(conn, Purpose.CONFIRM_ORDER, order_id=order)

    def deed(conn: Connection) -> None:
        with conn.transaction():
            confirmation.confirm_order(conn, token)

    return deed


def cancel(conn: Connection) -> Action:
    order = factories.order(conn, factories.ticket_type(conn))
    guest = Caller(Who.GUEST, guest_token=order_token(order))

    def deed(conn: Connection) -> None:
        with conn.transaction():
            service.cancel_order(conn, guest, order)

    return deed


def expire(conn: Connection) -> Action:
    ticket_type = factories.ticket_type(conn)
    for _ in range(3):
        factories.order(conn, ticket_type, expires_at=factories.a_moment_ago())

    def deed(conn: Connection) -> None:
        sellers.expire_orders(conn)

    return deed


@pytest.mark.parametrize(
    "make",
    [
        buy_at_a_price,
        buy_for_free,
        buy_what_must_be_consolidated,
        buy_with_a_voucher,
        buy_what_must_be_confirmed,
        confirm,
        cancel,
        expire,
    ],
)
def test_killed_anywhere_it_is_done_wholly_or_not_at_all(
    api: Client, database: Database, conn: Connection, make: Callable[[Connection], Action]
) -> None:
    kills = 0
    for _ in die_everywhere_afresh(database, conn, make):
        kills += 1
        counted, owed = conn.execute(
            """SELECT (SELECT coalesce(sum(attempts), 0) FROM rate_limits WHERE bucket LIKE 'emails to %%'),
                (SELECT count(*) FROM outbox WHERE template = ANY(%s))""",
            [["confirm_order"] if make is confirm else ["confirm_order", "order_confirmation"]],
        ).fetchone() or (0, 1)
        assert counted == owed, "the first emails about free orders count for their mailboxes, and no others"
    assert kills >= 2


def test_a_buyer_who_repeats_after_the_crash_has_one_order(api: Client, database: Database, conn: Connection) -> None:
    ticket_type = factories.ticket_type(conn)
    deed = purchase(ticket_type, 2)
    list(die_everywhere(database, conn, deed))
    deed(conn)

    assert conn.execute("SELECT count(*) FROM orders").fetchone() == (1,)
    assert invariants.left(conn, ticket_type) == (98, 2, 0)
    invariants.check(conn)


def test_what_a_killed_buyer_has_reserved_counts_no_longer_than_a_hold(
    api: Client, database: Database, conn: Connection
) -> None:
    deed = purchase(factories.ticket_type(conn), 2)
    kills = len(list(die_everywhere(database, conn, deed)))
    unplaced = "SELECT count(*) FROM guest_holds WHERE order_id NOT IN (SELECT id FROM orders)"
    (reserved,) = conn.execute(unplaced).fetchone() or (0,)
    assert 0 < reserved < kills

    conn.execute("UPDATE guest_holds SET until = now()")
    assert guests.delete_over(conn, guests.list_over(conn)) == reserved

    assert conn.execute("SELECT count(*) FROM guest_holds").fetchone() == (1,)  # that of the order that is placed
    invariants.check(conn)
