"""An organisation has no more keys than it may, and a key that is revoked while it is used is dead afterwards."""

from typing import Any
from uuid import UUID

from psycopg import Connection

from boxoffice import bearer_secrets
from boxoffice.api_keys import service
from boxoffice.api_keys.models import ApiKeyRequest
from boxoffice.auth import Caller, Who
from boxoffice.errors import DomainError
from boxoffice.scopes import Scope
from tests.helpers import factories
from tests.helpers.racing import deadlocks, race, waiting
from tests.helpers.support import Client, Database, as_owner


def create(conn: Connection, owner: Caller, organisation: UUID) -> str:
    """Make a key. Return it, or the error's code."""
    try:
        with conn.transaction():
            return service.create_key(conn, owner, organisation, ApiKeyRequest(name="x", scopes=[Scope.SCAN])).key
    except DomainError as error:
        return error.code


def is_live(conn: Connection, key: str) -> bool:
    found = conn.execute("SELECT id FROM use_api_key(%s)", [bearer_secrets.hash_of(key)])
    return found.fetchone() is not None


def organisation_with(conn: Connection, keys: int) -> tuple[UUID, Caller]:
    organisation = factories.organisation(conn)
    for _ in range(keys):
        factories.api_key(conn, organisation, "scan")
    return organisation, Caller(Who.OWNER, factories.member(conn, organisation, "owner"))


def test_of_many_who_make_the_last_key_one_does(api: Client, database: Database, conn: Connection) -> None:
    organisation, owner = organisation_with(conn, 49)

    outcomes = race(database, 8, lambda conn, _: create(conn, owner, organisation))

    assert outcomes.count("too_many_keys") == 7
    with as_owner(conn) as everything:
        assert everything.execute("SELECT count(*) FROM api_keys").fetchone() == (50,)
    assert deadlocks(conn) == 0


def test_an_owner_who_is_removed_at_the_same_moment_makes_no_key(
    api: Client, database: Database, conn: Connection
) -> None:
    organisation, owner = organisation_with(conn, 0)

    with Connection.connect(database.api_url) as removing:
        removing.execute("SELECT FROM organisations WHERE id = %s FOR NO KEY UPDATE", [organisation])
        removing.execute("DELETE FROM members WHERE account_id = %s", [owner.account])
        with waiting(conn, database, lambda other: create(other, owner, organisation)) as created:
            removing.commit()

            assert created.result() == "not_found"


def test_a_key_that_is_revoked_while_it_is_used_is_dead(api: Client, database: Database, conn: Connection) -> None:
    organisation, owner = organisation_with(conn, 0)
    key_id, key = factories.api_key(conn, organisation)

    def act(conn: Connection, number: int) -> Any:
        if number % 4:
            return [is_live(conn, key) for _ in range(10)]
        with conn.transaction():
            service.revoke_key(conn, owner, organisation, key_id)
        return None

    race(database, 12, act)

    assert not is_live(conn, key)
    revocations = conn.execute("SELECT count(*) FROM audit_log WHERE action = 'revoke_api_key'").fetchone()
    assert revocations == (1,), "the second finds it revoked"
    assert deadlocks(conn) == 0
