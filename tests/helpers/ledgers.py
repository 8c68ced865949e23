"""What events earn, as transfers of the ledger, and the jobs that count and release them."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg

from boxoffice import db
from boxoffice.ids import new_id
from boxoffice.ledger import service
from boxoffice.ledger.models import Transfer
from tests.helpers.support import context, function


def post(conn: psycopg.Connection, event: UUID, *amounts: tuple[str, int], **overrides: Any) -> UUID:
    """Post transfers of an event, each by its kind and amount, as a source of their own. Return the source."""
    organisation, currency = (
        conn.execute("SELECT organisation_id, currency FROM events WHERE id = %s", [event]).fetchone() or ()
    )
    source = new_id()
    transfers = [Transfer(kind, amount, event_id=event, **overrides) for kind, amount in amounts]
    service.post_difference(conn, organisation, currency, source, transfers)
    return source


def correct(conn: psycopg.Connection, organisation: UUID, amount: int, currency: str = "NGN") -> UUID:
    """Correct what an organisation has available. Return the correction."""
    correction = new_id()
    conn.execute(
        """INSERT INTO ledger_corrections (id, organisation_id, currency, amount, reason, made_by)
        VALUES (%s, %s, %s, %s, 'A gift', gen_random_uuid())""",
        [correction, organisation, currency, amount],
    )
    service.post_difference(conn, organisation, currency, correction, [Transfer("correction", amount)])
    return correction


def organisation_of(conn: psycopg.Connection, event: UUID) -> UUID:
    """Return the organisation of an event."""
    (organisation,) = conn.execute("SELECT organisation_id FROM events WHERE id = %s", [event]).fetchone() or ()
    return UUID(str(organisation))


def balances(conn: psycopg.Connection, organisation: UUID, holder: str = "platform") -> dict[str, int]:
    """Return the balances of an organisation that sells in one currency, by account."""
    listed = service.list_balances(conn, organisation)
    return {each.account: each.amount for each in listed if each.holder == holder}


def count_ledger(conn: psycopg.Connection) -> dict[str, int]:
    """Run the job that counts the ledger, as if the last run was a minute ago. Return its report."""
    conn.execute("UPDATE ledger_state SET as_of = as_of - interval '1 minute'")
    return dict(function("count_ledger").handler({}, context()))


def count(conn: psycopg.Connection) -> None:
    """Count as the job does, without its pause of five seconds, until nothing is left."""
    from boxoffice.ledger.counting import LEDGER

    conn.execute("UPDATE ledger_state SET as_of = as_of - interval '1 minute'")
    while found := LEDGER.find_uncounted(conn):
        for uncounted in found:
            with conn.transaction():
                LEDGER.count(conn, uncounted)


def release_funds() -> dict[str, int]:
    """Run the job that releases what is due, and return its report."""
    return dict(function("release_funds").handler({}, context()))


def end(conn: psycopg.Connection, event: UUID, ago: timedelta) -> None:
    """Let an event have ended some time ago."""
    conn.execute(
        """UPDATE events SET starts_at = now() - %(ago)s - interval '4 hours', ends_at = now() - %(ago)s,
            doors_open_at = NULL, late_payments_until = NULL, late_payments_share = NULL WHERE id = %(event)s""",
        {"event": event, "ago": ago},
    )


def recount(conn: psycopg.Connection, organisation: UUID) -> dict[tuple[str, str], int]:
    """Return an organisation's balances by holder and account, summed up from its transfers alone."""
    from boxoffice.ledger.kinds import KINDS

    found: dict[tuple[str, str], int] = {}
    rows = db.many(
        conn,
        dict,
        "SELECT holder, kind, amount FROM ledger_transfers WHERE organisation_id = %(id)s",
        id=organisation,
    )
    for row in rows:
        kind = KINDS[row["kind"]]
        for account, side in ((kind.from_account, -1), (kind.to_account, 1)):
            found[row["holder"], account] = found.get((row["holder"], account), 0) + side * row["amount"]
    return {key: amount for key, amount in found.items() if amount}
