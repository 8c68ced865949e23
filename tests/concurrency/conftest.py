"""An organisation, who works for it, and an event of it."""

from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.auth import Caller, Who
from tests.helpers import factories


@pytest.fixture
def organisation(conn: Connection) -> UUID:
    return factories.organisation(conn)


@pytest.fixture
def manager(conn: Connection, organisation: UUID) -> Caller:
    return Caller(Who.MANAGER, factories.member(conn, organisation, "manager"))


@pytest.fixture
def event(conn: Connection, organisation: UUID) -> UUID:
    return factories.event(conn, organisation_id=organisation)
