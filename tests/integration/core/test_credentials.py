"""What is believed of a session, and for how long."""

import time

import pytest
from psycopg import Connection

from boxoffice import credentials
from tests.helpers import factories
from tests.helpers.support import Client


def test_a_session_that_ends_elsewhere_is_refused_within_half_a_minute(
    api: Client, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = factories.account(conn)
    assert api.get("/v1/me", account=account).status == 200
    conn.execute("UPDATE sessions SET revoked_at = now() WHERE account_id = %s", [account])
    now = time.monotonic()

    monkeypatch.setattr(time, "monotonic", lambda: now + 29)
    believed = api.get("/v1/me", account=account).status
    monkeypatch.setattr(time, "monotonic", lambda: now + 31)

    assert (believed, api.get("/v1/me", account=account).status) == (200, 401)


@pytest.mark.parametrize("path", ["/v1/me", "/v1/events"])
def test_a_blocked_account_is_refused_on_public_routes_too(api: Client, conn: Connection, path: str) -> None:
    assert api.get(path, account=factories.account(conn, blocked_at=factories.NOW)).status == 401


def test_another_accounts_session_proves_nothing(api: Client, conn: Connection) -> None:
    account, other = factories.account(conn), factories.account(conn)

    assert credentials.find_session(account, account)
    assert not credentials.find_session(account, other)


def test_what_is_remembered_has_a_bound(api: Client, conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "_MOST", 2)
    accounts = [factories.account(conn) for _ in range(5)]

    assert all(credentials.find_session(account, account) for account in accounts)
    assert len(credentials._believed) <= 2
