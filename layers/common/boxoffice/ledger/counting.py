"""Count each transfer once, for the balances and for what moved in a day."""

from dataclasses import dataclass

from boxoffice import db, sql
from boxoffice.counting import Counter

SQL = sql.queries("ledger")

LEDGER = Counter(
    find=SQL.find_uncounted, lock=SQL.lock_state, add=(SQL.count_balances, SQL.count_days), store=SQL.set_counted
)


@dataclass(frozen=True)
class Backlog:
    """What is left to count.

    Attributes:
        ledger_uncounted_seconds: since when transfers are not counted.
    """

    ledger_uncounted_seconds: int


def get_backlog(conn: db.Connection) -> Backlog:
    """Return what is left to count."""
    return db.exactly_one(conn, Backlog, SQL.get_age)
