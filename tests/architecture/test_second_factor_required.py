"""If the settings require a second factor of owners or admins, each operation that only they may call asks for it."""

import psycopg
import pytest
from psycopg.types.json import Jsonb

from boxoffice import platform_settings
from boxoffice.auth import Who
from tests.architecture.test_authorisation import WHO
from tests.helpers import factories
from tests.helpers.operations import Caller, World, build, call_of, operations, perform
from tests.helpers.snapshots import unchanged
from tests.helpers.support import Answer, Client

OF_MEMBERS = {Who.SCANNER, Who.MANAGER, Who.OWNER}


@pytest.fixture
def world(conn: psycopg.Connection, api: Client) -> World:
    return build(conn)


def require(conn: psycopg.Connection, whom: str) -> None:
    """Let the platform require second factors."""
    conn.execute(
        """INSERT INTO platform_settings (name, value) VALUES ('second_factor_required', %s)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value""",
        [Jsonb(whom)],
    )
    platform_settings.forget()


def ask(api: Client, world: World, name: str, account: object) -> Answer:
    call = call_of(name, world)
    return perform(api, operations()[name], call, Caller(account=account))  # type: ignore[arg-type]


def refused(answer: Answer) -> bool:
    return answer.status == 403 and answer.code == "second_factor_required"


@pytest.mark.parametrize("rule", ["admins", "owners_and_admins"])
def test_an_admin_without_one_can_do_nothing_that_a_role_allows(
    world: World, api: Client, conn: psycopg.Connection, subtests: pytest.Subtests, rule: str
) -> None:
    require(conn, rule)
    with unchanged(conn):
        for name, who in WHO.items():
            if who in {*OF_MEMBERS, Who.ADMIN}:
                with subtests.test(operation=name):
                    assert refused(ask(api, world, name, world.admin))
            elif who == Who.GUEST and operations()[name].method == "GET":
                with subtests.test(operation=name):
                    assert ask(api, world, name, world.admin).status == 404


def test_an_owner_without_one_can_do_what_managers_do_and_no_more(
    world: World, api: Client, conn: psycopg.Connection, subtests: pytest.Subtests
) -> None:
    require(conn, "owners_and_admins")
    for name, who in WHO.items():
        if who == Who.OWNER:
            with subtests.test(operation=name), unchanged(conn):
                assert refused(ask(api, world, name, world.owner))
                assert not refused(ask(api, world, name, world.manager))
        elif who in OF_MEMBERS and operations()[name].method == "GET":
            with subtests.test(operation=name):
                assert ask(api, world, name, world.owner).status < 300


def test_who_has_one_is_let_through_at_once(world: World, api: Client, conn: psycopg.Connection) -> None:
    require(conn, "owners_and_admins")
    assert refused(ask(api, world, "get_settings", world.admin))
    assert refused(ask(api, world, "list_api_keys", world.owner))

    for account in (world.admin, world.owner):
        factories.second_factor(conn, account)

    assert ask(api, world, "get_settings", world.admin).status == 200
    assert ask(api, world, "list_api_keys", world.owner).status == 200


def test_where_admins_need_one_owners_do_not(world: World, api: Client, conn: psycopg.Connection) -> None:
    require(conn, "admins")

    assert ask(api, world, "list_api_keys", world.owner).status == 200


def test_an_account_without_one_can_still_set_it_up(world: World, api: Client, conn: psycopg.Connection) -> None:
    require(conn, "owners_and_admins")

    for account in (world.admin, world.owner):
        assert api.get("/v1/me", account=account).status == 200
        assert api.post("/v1/me/second-factor", {}, account=account).status == 201
        assert api.get("/v1/sessions", account=account).status == 200


def test_an_admin_cannot_require_of_others_what_they_lack(world: World, api: Client, conn: psycopg.Connection) -> None:
    settings = {"second_factor_required": "admins"}

    assert refused(api.put("/v1/admin/settings", settings, account=world.admin))
    assert api.get("/v1/admin/settings", account=world.admin).json["values"]["second_factor_required"] == "none"

    factories.second_factor(conn, world.admin)
    assert api.put("/v1/admin/settings", settings, account=world.admin).status == 200


def test_an_api_key_of_an_owner_who_lacks_one_goes_on(world: World, api: Client, conn: psycopg.Connection) -> None:
    require(conn, "owners_and_admins")

    answer = perform(api, operations()["list_orders"], call_of("list_orders", world), Caller(key=world.key))

    assert answer.status == 200
