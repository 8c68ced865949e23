"""An organisation with an owner, a manager and a scanner."""

from uuid import UUID

import pytest
from psycopg import Connection

from tests.helpers import factories


@pytest.fixture
def owner(conn: Connection) -> UUID:
    return factories.account(conn, name="Ada Owner", email="ada@example.com")


@pytest.fixture
def organisation(conn: Connection, owner: UUID) -> UUID:
    return factories.organisation(conn, owner=owner, name="Freedom Park", slug="freedom-park")


@pytest.fixture
def manager(conn: Connection, organisation: UUID) -> UUID:
    account = factories.account(conn, name="Bola Manager", email="bola@example.com")
    return factories.member(conn, organisation, "manager", account_id=account)


@pytest.fixture
def scanner(conn: Connection, organisation: UUID) -> UUID:
    account = factories.account(conn, name="Sade Scanner", email="sade@example.com")
    return factories.member(conn, organisation, "scanner", account_id=account)
