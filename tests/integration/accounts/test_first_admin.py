"""The first admin: made by a deploy, and asked for a new password before anything else."""

import json
from typing import Any
from uuid import UUID

import boto3
import psycopg
import pytest
from psycopg import Connection

from boxoffice import config
from boxoffice.accounts import first_admin
from tests.helpers import audit, factories
from tests.helpers.factories import NOW
from tests.helpers.operations import ENTITLED, build, call_of, operations, perform
from tests.helpers.people import bearer, can_refresh, sign_up
from tests.helpers.racing import race
from tests.helpers.snapshots import unchanged
from tests.helpers.support import Client, Database, context, function

EMAIL, PASSWORD, NEW = "root@example.com", "kR9wTz4LmQ7vXc2NbH6pYs3D", "a better one entirely"


@pytest.fixture
def deployed(
    api: Client, database: Database, aws_url: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let the deployment name an admin, whose first password is a secret."""
    name = f"admin-{abs(hash(request.node.nodeid))}"
    boto3.client("secretsmanager").create_secret(
        Name=name, SecretString=json.dumps({"email": EMAIL, "password": PASSWORD})
    )
    monkeypatch.setenv("DATABASE_OWNER_URL", database.owner_url)
    monkeypatch.setenv("ADMIN_EMAIL", "Root@Example.com")
    monkeypatch.setenv("ADMIN_SECRET", name)
    config.settings.cache_clear()


def deploy() -> None:
    function("migrate").handler({}, context())


def log_in(api: Client, password: str) -> Any:
    return api.post("/v1/sessions", {"email": EMAIL, "password": password})


def test_a_deploy_makes_the_admin_who_then_chooses_a_password(deployed: None, api: Client, conn: Connection) -> None:
    deploy()

    session = log_in(api, PASSWORD)
    assert (session.status, session.json["must_change_password"]) == (200, True)
    headers = bearer(session.json["access_token"])
    refused = api.get("/v1/admin/accounts", headers=headers)
    assert (refused.status, refused.code) == (403, "password_change_needed")
    assert api.get("/v1/me", headers=headers).json["email_verified_at"] is not None

    change = {"current_password": PASSWORD, "new_password": NEW}
    assert api.put("/v1/me/password", change, headers=headers).status == 204

    assert api.get("/v1/admin/accounts", headers=headers).status == 200
    assert log_in(api, PASSWORD).status == 401
    assert log_in(api, NEW).json["must_change_password"] is False
    made, changed = audit.entries(conn)
    assert (made.action, made.actor, made.details) == ("make_first_admin", UUID(int=0), {"email": "root@example.com"})
    assert changed.action == "change_password"


def test_a_refreshed_session_says_so_too(deployed: None, api: Client) -> None:
    deploy()
    token = log_in(api, PASSWORD).json["refresh_token"]

    refreshed = api.post("/v1/sessions/refresh", {"refresh_token": token})

    assert (refreshed.status, refreshed.json["must_change_password"]) == (200, True)


def test_repeated_deploys_change_nothing(deployed: None, api: Client, conn: Connection) -> None:
    deploy()
    with unchanged(conn):
        deploy()
    conn.execute("UPDATE accounts SET email = 'another@example.com'")
    with unchanged(conn):
        deploy()


def test_without_a_name_a_deploy_makes_nobody(
    deployed: None, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADMIN_EMAIL", "")
    with unchanged(conn):
        deploy()


@pytest.mark.parametrize("lost", [{"is_admin": False}, {"is_admin": True, "blocked_at": NOW}])
def test_it_makes_one_again_once_all_are_lost(
    deployed: None, api: Client, conn: Connection, lost: dict[str, Any]
) -> None:
    factories.account(conn, **lost)

    deploy()

    assert log_in(api, PASSWORD).status == 200


def test_an_account_that_had_the_address_is_taken_over_whole(deployed: None, api: Client, conn: Connection) -> None:
    """Anybody can sign up with the address while it need not be verified. They must not become the admin."""
    squatter = sign_up(api, email=EMAIL)
    conn.execute("UPDATE accounts SET phone = '+2348012345678', phone_verified_at = now(), second_factor_since = now()")
    conn.execute("INSERT INTO second_factors (account_id, key_id, secret) VALUES (%s, 1, '')", [squatter.id])
    conn.execute("INSERT INTO google_identities VALUES ('google', 'squatter', %s)", [squatter.id])

    deploy()

    assert api.get("/v1/me", headers=squatter.headers).status == 401
    assert not can_refresh(api, squatter)
    session = log_in(api, PASSWORD)
    assert (session.status, session.json["account"]["id"]) == (200, str(squatter.id))
    left = "SELECT phone_verified_at, second_factor_since, (SELECT count(*) FROM second_factors) FROM accounts"
    assert conn.execute(left).fetchone() == (None, None, 0)
    assert conn.execute("SELECT FROM google_identities").fetchall() == []


def test_of_deploys_at_once_one_makes_the_admin(api: Client, database: Database, conn: Connection) -> None:
    made = race(
        database, 4, lambda racer, number: first_admin.ensure(racer, f"root{number}@example.com", lambda: PASSWORD)
    )

    assert made.count(True) == 1
    assert conn.execute("SELECT count(*) FROM accounts WHERE is_admin").fetchone() == (1,)


def test_until_then_every_operation_that_needs_an_account_is_refused(
    api: Client, conn: Connection, database: Database, subtests: pytest.Subtests
) -> None:
    world = build(conn)
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute("UPDATE accounts SET must_change_password = true")
    allowed = {"change_password", "get_me", "log_out", "log_out_everywhere"}
    with unchanged(conn):
        for name, operation in operations().items():
            if operation.who in ("public", "provider") or name in allowed:
                continue
            callers = {who: of(world, call_of(name, world)) for who, of in ENTITLED[operation.who].items()}
            caller = next(caller for caller in callers.values() if caller.account)
            with subtests.test(operation=name):
                answer = perform(api, operation, call_of(name, world), caller)
                assert (answer.status, answer.code) == (403, "password_change_needed"), answer.body
