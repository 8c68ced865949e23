"""Admins who block and demote each other and others, when several act at once."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection

from boxoffice.accounts import administration, service
from boxoffice.accounts.errors import WrongCredentials
from boxoffice.accounts.models import LogInRequest, ManagedAccountPatch
from boxoffice.auth import Caller, Who
from boxoffice.errors import Forbidden
from tests.helpers import factories, invariants
from tests.helpers.people import PASSWORD, sign_up
from tests.helpers.racing import deadlocks, die_everywhere_afresh, race
from tests.helpers.support import Client, Database

BLOCK = ManagedAccountPatch(blocked=True, reason="Fraud")
DEMOTE = ManagedAccountPatch(is_admin=False)
LIVE_ADMINS = "SELECT count(*) FROM accounts WHERE is_admin AND blocked_at IS NULL"


def administer(conn: Connection, admin: UUID, account: UUID, patch: ManagedAccountPatch) -> bool:
    """Change an account. Return False if the admin was one no longer, or the platform would have had none."""
    try:
        with conn.transaction():
            administration.update_account(conn, Caller(Who.ADMIN, admin), account, patch, None)
    except (Forbidden, psycopg.errors.CheckViolation):
        return False
    return True


@pytest.mark.parametrize("patch", [BLOCK, DEMOTE], ids=["block", "demote"])
def test_admins_who_remove_each_other_leave_one(
    conn: Connection, database: Database, patch: ManagedAccountPatch
) -> None:
    admins = [factories.account(conn, is_admin=True) for _ in range(6)]

    race(database, 6, lambda racer, number: administer(racer, admins[number], admins[(number + 1) % 6], patch))

    (left,) = conn.execute(LIVE_ADMINS).fetchone() or (0,)
    assert left >= 1
    assert deadlocks(conn) == 0
    invariants.check(conn)


def waiting(conn: Connection, act: Callable[[], object], then: Callable[[], object]) -> object:
    """Start what will wait for a lock. As soon as it waits, do what lets it go on. Return what it returned."""
    with ThreadPoolExecutor(1) as pool:
        future: Future[object] = pool.submit(act)
        while not conn.execute(
            """SELECT FROM pg_stat_activity WHERE datname = current_database()
            AND wait_event_type = 'Lock'"""
        ).fetchall():
            assert not future.done(), future.result()
        then()
        return future.result()


def test_the_second_of_two_who_remove_each_other_is_told_so(api: Client, conn: Connection, database: Database) -> None:
    ada, bola = factories.account(conn, is_admin=True), factories.account(conn, is_admin=True)
    api.get("/v1/admin/accounts", account=bola)  # now this environment believes the session for a while

    with psycopg.connect(database.api_url) as first:
        first.execute("UPDATE accounts SET is_admin = false WHERE id = %s", [bola])
        refused = waiting(
            conn,
            lambda: api.patch(f"/v1/admin/accounts/{ada}", {"is_admin": False}, account=bola),
            first.commit,
        )

    assert (refused.status, refused.code) == (409, "last_admin")  # type: ignore[attr-defined]
    assert conn.execute(LIVE_ADMINS).fetchone() == (1,)


def test_a_log_in_beside_a_block_opens_no_session(api: Client, conn: Connection, database: Database) -> None:
    person, admin = sign_up(api), factories.account(conn, is_admin=True)

    def act(racer: Connection, number: int) -> bool:
        if number == 0:
            return administer(racer, admin, person.id, BLOCK)
        try:
            service.log_in(racer, Caller(Who.PUBLIC), LogInRequest(email=person.email, password=PASSWORD))
        except WrongCredentials:
            return False
        return True

    assert race(database, 6, act)[0]

    live = "SELECT count(*) FROM sessions WHERE account_id = %s AND revoked_at IS NULL"
    assert conn.execute(live, [person.id]).fetchone() == (0,)
    assert deadlocks(conn) == 0


def test_a_block_is_done_wholly_or_not_at_all(api: Client, conn: Connection, database: Database) -> None:
    admin = factories.account(conn, is_admin=True)

    def make(_: Connection) -> Callable[[Connection], object]:
        account = factories.account(conn)
        return lambda child: administer(child, admin, account, BLOCK)

    moments = [*die_everywhere_afresh(database, conn, make)]

    assert len(moments) > 8
    done = """SELECT blocked_at IS NOT NULL, count(revoked_at)::int,
            (SELECT count(*)::int FROM audit_log WHERE chain = accounts.id),
            (SELECT count(*)::int FROM outbox WHERE recipient = email)
        FROM accounts JOIN sessions ON account_id = accounts.id WHERE NOT is_admin GROUP BY accounts.id"""
    assert set(conn.execute(done).fetchall()) == {(True, 1, 1, 1), (False, 0, 0, 0)}
