"""The job of a withdrawal dies anywhere: every ticket is reissued once, and emailed once."""

from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice import config
from boxoffice.ids import new_id
from boxoffice.platform import withdrawals
from tests.helpers import invariants
from tests.helpers.doors import open_doors
from tests.helpers.racing import die_everywhere, die_everywhere_afresh
from tests.helpers.rings import KeyRing
from tests.helpers.support import Client, Database

UP_TO = 1


@pytest.fixture
def orders(api: Client, conn: Connection, monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """Sell three orders with a key that is being withdrawn, one of them with a ticket that was transferred."""
    ring = KeyRing()
    monkeypatch.setenv("TICKET_KEYS_SECRET", ring.id)
    config.settings.cache_clear()
    doors = open_doors(api, conn)
    orders = [doors.sell(2)[0].order_id for _ in range(2)]
    kept, sent = doors.sell(2)
    doors.transfer(sent)
    ring.rotate()
    config.forget_secrets()
    for name in ("ticket-keys", "token-keys", "link-keys", ring.id):
        config.secret(name)  # the processes that die cannot read secrets
    return [*orders, kept.order_id]


def start(conn: Connection) -> UUID:
    """Start a withdrawal whose new key has been signing for ten minutes."""
    withdrawal = new_id()
    conn.execute(
        """INSERT INTO key_withdrawals (id, ring, up_to, signs_at)
        VALUES (%s, 'ticket', %s, now() - interval '10 minutes')""",
        [withdrawal, UP_TO],
    )
    return withdrawal


def list_all(conn: Connection) -> None:
    for withdrawal in withdrawals.find_unlisted(conn, []):
        with conn.transaction():
            withdrawals.list_orders(conn, withdrawal)


def renew_all(conn: Connection) -> None:
    renewals = withdrawals.find_renewals(conn, [])
    with conn.transaction():
        withdrawals.renew(conn, renewals)


def listed(conn: Connection) -> list[UUID]:
    return [order for (order,) in conn.execute("SELECT order_id FROM renewals ORDER BY order_id").fetchall()]


def test_listing_that_is_killed_anywhere_lists_each_order_once(
    orders: list[UUID], database: Database, conn: Connection
) -> None:
    start(conn)
    assert len(list(die_everywhere(database, conn, list_all))) >= 8

    list_all(conn)

    assert listed(conn) == sorted(orders)
    list_all(conn)  # the end of the pass
    assert conn.execute("SELECT is_listed, found FROM key_withdrawals").fetchall() == [(False, False)]
    assert withdrawals.find_unlisted(conn, []) == [], "another look waits until all is renewed"


def test_renewing_that_is_killed_anywhere_reissues_and_emails_once(
    orders: list[UUID], database: Database, conn: Connection
) -> None:
    start(conn)
    list_all(conn)
    left = [len(listed(conn)) for _ in die_everywhere(database, conn, renew_all)]
    assert len(left) >= 12

    assert set(left) == {3, 0}  # the last process died after its commit
    assert_renewed_once(conn, orders)


def test_orders_that_are_renewed_one_by_one_are_renewed_once(
    orders: list[UUID], database: Database, conn: Connection
) -> None:
    """A batch that fails is done order by order."""
    start(conn)
    list_all(conn)

    def renew_one(conn: Connection) -> None:
        for renewal in withdrawals.find_renewals(conn, [])[:1]:
            with conn.transaction():
                withdrawals.renew(conn, [renewal])

    for _ in die_everywhere_afresh(database, conn, lambda _: renew_one):
        if not listed(conn):
            break
    while listed(conn):
        renew_one(conn)

    assert_renewed_once(conn, orders)


def assert_renewed_once(conn: Connection, orders: list[UUID]) -> None:
    emails = conn.execute(
        "SELECT template, count(*), count(DISTINCT payload) FROM outbox WHERE payload ? 'renewed' GROUP BY 1 ORDER BY 1"
    ).fetchall()
    assert emails == [("order_confirmation", 3, 3), ("transfer_accepted", 1, 1)]
    assert conn.execute("SELECT DISTINCT key_id FROM tickets WHERE order_id = ANY(%s)", [orders]).fetchall() == [(2,)]
    assert conn.execute("SELECT cardinality(replaced_qrs), count(*) FROM tickets GROUP BY 1").fetchall() == [(1, 6)]
    invariants.check(conn)
