"""A process dies while it makes or revokes a key, or pairs a device: all of it has happened, or nothing."""

from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.api_keys import service as api_keys
from boxoffice.api_keys.models import ApiKeyRequest
from boxoffice.auth import Caller, Who
from boxoffice.doors import service as doors
from boxoffice.doors.models import PairingRequest
from boxoffice.scopes import Scope
from tests.concurrency.test_doors import pair
from tests.helpers import factories
from tests.helpers.racing import die_everywhere
from tests.helpers.support import Client, Database, as_owner


@pytest.fixture
def organisation(api: Client, conn: Connection) -> UUID:
    return factories.organisation(conn)


@pytest.fixture
def owner(conn: Connection, organisation: UUID) -> Caller:
    return Caller(Who.OWNER, factories.member(conn, organisation, "owner"))


def counts(conn: Connection, action: str) -> tuple[int, int, int]:
    """Return the numbers of keys, of owed emails by recipient, and of entries in the audit log."""
    with as_owner(conn) as everything:
        row = everything.execute(
            """SELECT (SELECT count(*) FROM api_keys), (SELECT count(*) / count(DISTINCT recipient) FROM outbox),
                (SELECT count(*) FROM audit_log WHERE action = %s)""",
            [action],
        ).fetchone()
    assert row is not None
    return row


def test_a_key_that_is_made_is_audited_and_its_owners_are_told(
    organisation: UUID, owner: Caller, database: Database, conn: Connection
) -> None:
    factories.api_key(conn, organisation)

    def create(conn: Connection) -> None:
        with conn.transaction():
            api_keys.create_key(conn, owner, organisation, ApiKeyRequest(name="x", scopes=[Scope.SCAN]))

    create(conn)
    seen = [counts(conn, "create_api_key") for _ in die_everywhere(database, conn, create)]

    assert len(seen) >= 12
    assert {(keys - 1, emails, entries) for keys, emails, entries in seen} <= {(n, n, n) for n in range(1, 5)}


def test_a_revocation_killed_anywhere_can_be_repeated(
    organisation: UUID, owner: Caller, database: Database, conn: Connection
) -> None:
    key_id, _ = factories.api_key(conn, organisation)

    def revoke(conn: Connection) -> None:
        with conn.transaction():
            api_keys.revoke_key(conn, owner, organisation, key_id)

    assert len(list(die_everywhere(database, conn, revoke))) >= 8

    revoke(conn)
    with as_owner(conn) as everything:
        assert everything.execute("SELECT count(revoked_at) FROM api_keys").fetchone() == (1,)
    assert conn.execute("SELECT count(*) FROM audit_log").fetchone() == (1,)


def test_a_pairing_killed_anywhere_leaves_the_code_or_a_device(
    organisation: UUID, database: Database, conn: Connection
) -> None:
    door_pass = factories.door_pass(conn, organisation, factories.event(conn, organisation_id=organisation))
    code = factories.pairing_code(conn, door_pass)

    def start(conn: Connection) -> None:
        pair(conn, code)

    query = """SELECT (SELECT count(*) FROM one_time_tokens), (SELECT count(*) FROM door_devices),
        (SELECT count(*) FROM audit_log)"""
    states = [conn.execute(query).fetchone() for _ in die_everywhere(database, conn, start)]

    assert len(states) >= 8
    assert set(states) == {(1, 0, 0), (0, 1, 1)}
    assert pair(conn, code) == "pairing_code_invalid"


def test_a_revoked_pass_killed_anywhere_can_be_repeated(
    organisation: UUID, owner: Caller, database: Database, conn: Connection
) -> None:
    door_pass = factories.door_pass(conn, organisation, factories.event(conn, organisation_id=organisation))
    manager = Caller(Who.MANAGER, owner.account_id)

    def revoke(conn: Connection) -> None:
        with conn.transaction():
            doors.revoke_pass(conn, manager, organisation, door_pass)

    assert len(list(die_everywhere(database, conn, revoke))) >= 6

    revoke(conn)
    assert conn.execute("SELECT count(*) FROM audit_log").fetchone() == (1,)
    request = PairingRequest(code=factories.pairing_code(conn, door_pass), name="Phone")
    assert pair(conn, request.code) == "door_pass_ended"
