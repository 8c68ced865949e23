"""Row-level security shows the keys of the organisation that a transaction names, and of no other."""

from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from boxoffice.row_security import show_rows_of
from tests.helpers import factories
from tests.helpers.support import Client, Database

SHOWN = "SELECT organisation_id FROM api_keys"


@pytest.fixture
def other(api: Client, conn: Connection, organisation: UUID) -> UUID:
    """Another organisation. Both have a key."""
    other = factories.organisation(conn)
    for each in (organisation, other):
        factories.api_key(conn, each)
    return other


@pytest.fixture
def organisation(conn: Connection) -> UUID:
    return factories.organisation(conn)


def test_a_statement_that_names_no_organisation_sees_and_changes_nothing(conn: Connection, other: UUID) -> None:
    assert conn.execute(SHOWN).fetchall() == []
    assert conn.execute("UPDATE api_keys SET revoked_at = now()").rowcount == 0
    assert conn.execute("DELETE FROM api_keys").rowcount == 0


def test_a_transaction_sees_what_is_its_organisations(conn: Connection, organisation: UUID, other: UUID) -> None:
    with conn.transaction():
        show_rows_of(conn, organisation)
        assert conn.execute(SHOWN).fetchall() == [(organisation,)]
        assert conn.execute("UPDATE api_keys SET name = 'x' WHERE organisation_id = %s", [other]).rowcount == 0
        assert conn.execute("UPDATE api_keys SET name = 'x'").rowcount == 1
    assert conn.execute(SHOWN).fetchall() == []


COPY = """INSERT INTO api_keys (id, organisation_id, name, scopes, key_hash, ending, created_by, created_at, expires_at)
SELECT gen_random_uuid(), %s, name, scopes, 'x', ending, created_by, created_at, expires_at FROM api_keys"""


@pytest.mark.parametrize("statement", ["UPDATE api_keys SET organisation_id = %s", COPY])
def test_no_row_comes_to_another_organisation(
    conn: Connection, organisation: UUID, other: UUID, statement: str
) -> None:
    with conn.transaction(force_rollback=True):
        show_rows_of(conn, organisation)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute(statement.encode(), [other])


def test_outside_a_transaction_the_name_is_forgotten_at_once(conn: Connection, organisation: UUID, other: UUID) -> None:
    show_rows_of(conn, organisation)

    assert conn.execute(SHOWN).fetchall() == []


def test_one_function_finds_a_key_by_its_hash_and_by_nothing_else(conn: Connection, other: UUID) -> None:
    for presented in (b"", b"x", uuid4().bytes):
        assert conn.execute("SELECT id FROM use_api_key(%s)", [presented]).fetchall() == []


def test_the_functions_cannot_take_the_wall_down(conn: Connection, database: Database, other: UUID) -> None:
    for statement in (
        "ALTER TABLE api_keys DISABLE ROW LEVEL SECURITY",
        "DROP POLICY api_keys_of_organisation ON api_keys",
        "TRUNCATE api_keys",
        "SET ROLE postgres",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute(statement.encode())
    conn.execute("SET row_security = off")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute(SHOWN)
