"""An organisation and somebody who manages its events."""

from uuid import UUID

import pytest
from psycopg import Connection

from tests.helpers import factories


@pytest.fixture
def organisation(conn: Connection) -> UUID:
    return factories.organisation(conn)


@pytest.fixture
def manager(conn: Connection, organisation: UUID) -> UUID:
    return factories.member(conn, organisation, "manager")


@pytest.fixture
def event(conn: Connection, organisation: UUID) -> UUID:
    """A published event of the organisation."""
    return factories.event(conn, organisation_id=organisation)


@pytest.fixture
def draft(conn: Connection, organisation: UUID) -> UUID:
    return factories.event(conn, organisation_id=organisation, status="draft")


@pytest.fixture
def ticket_type(conn: Connection, event: UUID) -> UUID:
    return factories.ticket_type(conn, event_id=event)
