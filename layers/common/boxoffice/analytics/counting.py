"""Count each sale and each refund once, for the daily sales."""

from dataclasses import dataclass

from boxoffice import db, sql
from boxoffice.counting import Counter

SQL = sql.queries("analytics")

SALES = Counter(find=SQL.find_uncounted, lock=SQL.lock_state, add=(SQL.count_sales,), store=SQL.set_counted)


@dataclass(frozen=True)
class Backlog:
    """What is left to count.

    Attributes:
        sales_uncounted_seconds: since when sales are not counted.
    """

    sales_uncounted_seconds: int


def get_backlog(conn: db.Connection) -> Backlog:
    """Return what is left to count."""
    return db.exactly_one(conn, Backlog, SQL.get_age)
