"""Use cases of those who operate the deployment."""

import time

from boxoffice import db, sql
from boxoffice.errors import Busy
from boxoffice.platform.models import DatabaseHealth, EmailHealth, Health
from boxoffice.version import VERSION

SQL = sql.queries("platform")


def get_health() -> Health:
    """Return the state of the database and of the emails. If the database does not answer, both are down."""
    try:
        with db.autocommit() as conn:
            started = time.perf_counter()
            db.value(conn, SQL.ping)
            database = DatabaseHealth(state="up", latency_ms=round((time.perf_counter() - started) * 1000, 2))
            backlog = db.exactly_one(conn, dict, SQL.get_email_backlog)
    except Busy:
        down = DatabaseHealth(state="down", latency_ms=None)
        return Health(status="down", version=VERSION, database=down, email=EmailHealth(state="down", waiting=None))
    email = EmailHealth(state="delayed" if backlog["is_late"] else "up", waiting=backlog["waiting"])
    return Health(status=email.state, version=VERSION, database=database, email=email)
