"""Count each sale and each refund once, for the daily sales.

A snapshot of PostgreSQL says which transactions had committed at a moment. What one snapshot sees and the one before
does not, is what is new. The transaction that adds it also stores the snapshot. So a run that dies has counted nothing,
and of two runs at once the second finds the snapshot changed.
"""

from collections.abc import Collection
from dataclasses import dataclass

from boxoffice import db, sql
from boxoffice.analytics.models import Uncounted

SQL = sql.queries("analytics")

_MOST = 50_000  # transactions whose sales are counted at once


@dataclass(frozen=True)
class Backlog:
    """What is left to count.

    Attributes:
        sales_uncounted_seconds: since when sales are not counted.
    """

    sales_uncounted_seconds: int


def find_uncounted(conn: db.Connection, leave_out: Collection[str] = ()) -> list[Uncounted]:
    """Return what is to be counted next, if there is something.

    It runs in autocommit: a snapshot of a transaction that writes would have this transaction as an open one.

    Args:
        leave_out: what the run has tried in vain.
    """
    return [each for each in db.many(conn, Uncounted, SQL.find_uncounted, most=_MOST) if each.id not in leave_out]


def count_sales(conn: db.Connection, uncounted: Uncounted) -> int:
    """Add what is new to the daily sales, unless another run has done it.

    Returns:
        1.
    """
    if db.value(conn, SQL.lock_state, begins=uncounted.begins):
        db.run(conn, SQL.count_sales, begins=uncounted.begins, ends=uncounted.ends)
        db.run(conn, SQL.set_counted, ends=uncounted.ends, is_all=uncounted.is_all, at=uncounted.at)
    return 1


def get_backlog(conn: db.Connection) -> Backlog:
    """Return what is left to count."""
    return db.exactly_one(conn, Backlog, SQL.get_age)
