"""An order has one address and each ticket one QR, whatever changes, confirms, scans, transfers and refunds at once."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice import one_time
from boxoffice.auth import Caller, Who
from boxoffice.checkin import service as checkin
from boxoffice.checkin.models import ScanRequest
from boxoffice.guest_tokens import order_token
from boxoffice.one_time import Purpose
from boxoffice.orders import changes
from boxoffice.orders.models import OrderEmailConfirmation, OrderPatch
from boxoffice.refunds import service as refunds
from boxoffice.refunds.models import RefundRequest
from boxoffice.tickets import service as tickets
from boxoffice.tickets import transfers
from boxoffice.tickets.models import AcceptTransferRequest, TransferRequest
from tests.helpers import factories, invariants
from tests.helpers.racing import attempt, deadlocks, on, race, race_in_processes, wait_for_waiting, waiting
from tests.helpers.sellers import Shop
from tests.helpers.support import Client, Database


@pytest.fixture
def shop(api: Client, conn: Connection) -> Shop:
    return Shop(conn)


def change(conn: Connection, caller: Caller, order: UUID, email: str) -> None:
    with conn.transaction():
        changes.update_order(conn, caller, order, patch_to(email), None)


def patch_to(email: str) -> OrderPatch:
    return OrderPatch.model_validate({"buyer": {"email": email}})


def guest_of(order: UUID) -> Caller:
    return Caller(Who.GUEST, guest_token=order_token(order), operation="update_order")


def manager_of(shop: Shop) -> Caller:
    return Caller(Who.GUEST, shop.manager, operation="update_order")


def link_of(conn: Connection) -> str:
    """Return the token of the change that waits."""
    (token_id,) = conn.execute("SELECT id FROM one_time_tokens").fetchone() or ()
    return one_time.token_of(Purpose.CHANGE_ORDER_EMAIL, token_id)


def confirm(conn: Connection, token: str) -> None:
    with conn.transaction():
        caller = Caller(Who.PUBLIC, operation="confirm_order_email")
        changes.confirm_email(conn, caller, OrderEmailConfirmation(token=token))


def moves(conn: Connection) -> list[tuple[int, int]]:
    """Return how often the address has changed, and how often each ticket has moved with it."""
    return conn.execute(
        """SELECT DISTINCT email_changes, transfer_count FROM orders JOIN tickets ON order_id = orders.id
        WHERE holder_email IS NULL"""
    ).fetchall()


def test_of_many_who_confirm_at_once_one_does(database: Database, conn: Connection, shop: Shop) -> None:
    order = shop.sold(shop.ticket_type())
    change(conn, guest_of(order), order, "new@example.com")
    token = link_of(conn)

    ends = race(database, 12, lambda conn, _: attempt(lambda: confirm(conn, token)))

    assert sorted(ends) == ["done"] + ["link_over"] * 11
    assert moves(conn) == [(1, 1)]
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_guests_managers_and_confirmations_at_once_leave_one_address(
    database: Database, conn: Connection, shop: Shop
) -> None:
    order = shop.sold(shop.ticket_type())
    change(conn, guest_of(order), order, "first@example.com")
    token = link_of(conn)

    def act(conn: Connection, number: int) -> str:
        match number % 3:
            case 0:
                return attempt(lambda: confirm(conn, token))
            case 1:
                return attempt(lambda: change(conn, guest_of(order), order, f"guest{number}@example.com"))
            case _:
                return attempt(lambda: change(conn, manager_of(shop), order, f"manager{number}@example.com"))

    ends = race(database, 12, act)

    held = ends[::3].count("done") + ends[2::3].count("done")
    assert held >= 4
    assert set(ends) <= {"done", "link_over", "not_found"}
    assert moves(conn) == [(held, held)]
    assert conn.execute("SELECT count(*) FROM one_time_tokens").fetchone() in {(0,), (1,)}
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_a_change_meets_scans_transfers_and_refunds(database: Database, conn: Connection, shop: Shop) -> None:
    ticket_type = shop.ticket_type()
    orders = [shop.sold(ticket_type, quantity=3) for _ in range(4)]
    sold = [tickets.list_for_order(conn, order) for order in orders]
    started = [transfers.token_of(factories.transfer(conn, each[1].id)) for each in sold]
    scanner = Caller(Who.SCANNER, factories.member(conn, shop.organisation, "scanner"))

    def act(conn: Connection, number: int) -> str:
        which = number // 4
        match number % 4:
            case 0:
                return attempt(lambda: change(conn, manager_of(shop), orders[which], f"new{which}@example.com"))
            case 1:
                return attempt(lambda: checkin.scan_ticket(conn, scanner, ScanRequest(qr=sold[which][0].qr)))
            case 2:
                return attempt(lambda: accept(conn, started[which]))
            case _:
                return attempt(lambda: withdraw(conn, shop, orders[which], sold[which][2].id))

    ends = race(database, 16, act)

    for changed, scanned, accepted, withdrawn in zip(ends[::4], ends[1::4], ends[2::4], ends[3::4], strict=True):
        assert (changed, withdrawn) == ("done", "done")
        assert scanned in {"done", "transferred"}
        assert accepted in {"done", "transfer_replaced"}
    for order, before in zip(orders, sold, strict=True):
        first, second, _ = tickets.list_for_order(conn, order)
        assert first.qr != before[0].qr
        assert second.transfer_count == 1
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_an_old_link_that_waits_for_a_change_starts_no_transfer(
    database: Database, conn: Connection, shop: Shop
) -> None:
    """Whoever has the old link could else keep a ticket, by a transfer that starts at the moment of the change."""
    order = shop.sold(shop.ticket_type(), quantity=1)
    (ticket,) = tickets.list_for_order(conn, order)
    with ExitStack() as waits, conn.transaction():
        changes.update_order(conn, manager_of(shop), order, patch_to("new@example.com"), None)
        old_link = waits.enter_context(waiting(conn, database, lambda other: transfer(other, order, ticket.id)))
    assert old_link.result() == "not_found"
    assert conn.execute("SELECT count(*) FROM transfers WHERE NOT with_order").fetchone() == (0,)
    invariants.check(conn)


def transfer(conn: Connection, order: UUID, ticket: UUID) -> str:
    """Try to start a transfer by the order's first link."""
    request = TransferRequest(name="Mal", email="mal@example.com")
    with conn.transaction():
        return attempt(lambda: transfers.start_transfer(conn, guest_of(order), ticket, request))


def accept(conn: Connection, token: str) -> None:
    with conn.transaction():
        request = AcceptTransferRequest(token=token, name="Bola")
        transfers.accept_transfer(conn, Caller(Who.PUBLIC), request)


def withdraw(conn: Connection, shop: Shop, order: UUID, ticket: UUID) -> None:
    request = RefundRequest.model_validate({"ticket_ids": [str(ticket)]})
    refunds.refund_order(conn, Caller(Who.MANAGER, shop.manager), order, request, str(ticket))


def test_two_orders_change_places_by_their_addresses(
    api: Client, database: Database, conn: Connection, shop: Shop
) -> None:
    """Each change has both addresses written to, so both count the same buckets, from one network."""
    emails = ["ada@example.com", "bob@example.com"]
    orders = [shop.sold(shop.ticket_type(), buyer_email=email) for email in emails]
    read_secrets(api, shop)

    def act(conn: Connection, number: int) -> int:
        with on(conn):
            return ask(api, orders[number], emails[1 - number])

    with locked_bucket(database, "emails by address 203.0.113.7") as release:
        assert race_in_processes(database, 2, act, meanwhile=lambda: release(conn, 2)) == [200, 200]

    assert deadlocks(conn) == 0
    assert attempts_of(conn, "emails to ada@example.com") == attempts_of(conn, "emails to bob@example.com") == 2


def test_a_free_order_meets_a_change_to_its_address(
    api: Client, database: Database, conn: Connection, shop: Shop
) -> None:
    """Both lock the buyer, whose tickets they count, and the buckets of the mailbox."""
    ticket_type = shop.ticket_type(price=0, max_per_buyer=5)
    order = shop.sold(ticket_type)
    body = factories.order_request(ticket_type, 1, buyer={"name": "Bob", "email": "bob@example.com"})
    read_secrets(api, shop)

    def act(conn: Connection, number: int) -> int:
        with on(conn):
            if number == 0:
                return ask(api, order, "bob@example.com")
            wait_for_waiting(conn, 1)
            return api.post("/v1/orders", body, key="new").status

    with locked_bucket(database, f"change order {order} as guest") as release:
        assert race_in_processes(database, 2, act, meanwhile=lambda: release(conn, 2)) == [200, 201]

    assert deadlocks(conn) == 0
    assert attempts_of(conn, "emails to bob@example.com") == 2


def ask(api: Client, order: UUID, email: str) -> int:
    """Ask, as the guest, for an order's change to another address."""
    body = {"buyer": {"email": email}}
    return api.patch(f"/v1/orders/{order}", body, order_token=order_token(order)).status


def read_secrets(api: Client, shop: Shop) -> None:
    """Let this process read all secrets of a change and an order, which forked ones cannot read."""
    ticket_type = shop.ticket_type(price=0)
    assert api.post("/v1/orders", factories.order_request(ticket_type), key="new").status == 201
    assert ask(api, shop.sold(ticket_type), "else@example.com") == 200


def attempts_of(conn: Connection, bucket: str) -> int:
    (attempts,) = conn.execute("SELECT attempts FROM rate_limits WHERE bucket = %s", [bucket]).fetchone() or (0,)
    return int(attempts)


@contextmanager
def locked_bucket(database: Database, bucket: str) -> Iterator[Callable[[Connection, int], None]]:
    """Lock a bucket. Yield what waits until so many others wait, and then releases it."""
    with Connection.connect(database.api_url) as holder:
        holder.execute(
            """INSERT INTO rate_limits (bucket, attempts, resets_at) VALUES (%s, 1, now())
            ON CONFLICT (bucket) DO UPDATE SET attempts = rate_limits.attempts""",
            [bucket],
        )

        def release(watcher: Connection, many: int) -> None:
            wait_for_waiting(watcher, many)
            holder.rollback()

        yield release
