"""The fixture `ticket_type`, which is sold out, and what all tests of the waitlist look at."""

from uuid import UUID

import pytest
from psycopg import Connection

from tests.helpers import factories
from tests.helpers.support import context, function


@pytest.fixture
def ticket_type(conn: Connection, event: UUID) -> UUID:
    """A ticket type of four tickets, which two orders hold."""
    ticket_type = factories.ticket_type(conn, event_id=event, quantity=4, max_per_order=6)
    for _ in range(2):
        factories.order(conn, ticket_type, quantity=2)
    return ticket_type


def run_job() -> dict[str, int]:
    """Run the job once. Return how much each step did."""
    return dict(function("offer_waitlist").handler({}, context()))


def emails(conn: Connection) -> list[tuple[str, str]]:
    """Return the template and the recipient of each email that is owed."""
    return conn.execute("SELECT template, recipient FROM outbox ORDER BY id").fetchall()
