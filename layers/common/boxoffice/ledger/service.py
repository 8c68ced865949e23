"""Post transfers, and read balances."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

from boxoffice import db, sql
from boxoffice.ledger.models import Balance, Transfer

SQL = sql.queries("ledger")


def post_difference(
    conn: db.Connection, organisation_id: UUID, currency: str, source_id: UUID, transfers: Sequence[Transfer]
) -> int:
    """Bring what a source has posted to what it should have posted in all, in the caller's transaction.

    What is right already is not posted again, so a repeat posts nothing. The caller has locked what the source stands
    for: of two at once, the unique key of the ledger would refuse the second.

    Args:
        source_id: what posts, such as an incoming payment or a payout.
        transfers: all that the source should have posted since it exists.

    Returns:
        How many transfers were new.
    """
    return db.run(
        conn,
        SQL.post_difference,
        organisation_id=organisation_id,
        currency=currency,
        source_id=source_id,
        kinds=[each.kind for each in transfers],
        holders=[each.holder for each in transfers],
        amounts=[each.amount for each in transfers],
        order_ids=[each.order_id for each in transfers],
        event_ids=[each.event_id for each in transfers],
        ticket_type_ids=[each.ticket_type_id for each in transfers],
        providers=[each.provider for each in transfers],
    )


@contextmanager
def one_snapshot(conn: db.Connection) -> Iterator[None]:
    """Let all statements of a block see the ledger at the same moment. The block only reads, and is no part of another
    transaction."""
    with conn.transaction():
        db.run(conn, SQL.read_one_snapshot)
        yield


def list_balances(conn: db.Connection, organisation_id: UUID) -> list[Balance]:
    """Return the balances of an organisation's accounts that are not 0, exact at this moment."""
    return db.many(conn, Balance, SQL.list_balances, organisation_id=organisation_id)


def get_balances_at(conn: db.Connection, provider: str) -> dict[str, int]:
    """Return what a provider holds for the platform by the books, in each currency."""
    rows = db.many(conn, dict, SQL.list_balances_at, provider=provider)
    return {row["currency"]: row["amount"] for row in rows}
