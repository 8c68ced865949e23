"""Use cases of operators."""

import time

from boxoffice import db, sql
from boxoffice.errors import Busy
from boxoffice.platform.models import DatabaseHealth, EmailHealth, Health
from boxoffice.version import VERSION

SQL = sql.queries("platform")


def health() -> Health:
    """How the parts are that a request needs. Never raises: what does not answer is down."""
    try:
        with db.autocommit() as conn:
            started = time.perf_counter()
            db.value(conn, SQL.ping)
            database = DatabaseHealth(state="up", latency_ms=round((time.perf_counter() - started) * 1000, 2))
            backlog = db.one(conn, dict, SQL.email_backlog) or {}
    except Busy:
        down = DatabaseHealth(state="down", latency_ms=None)
        return Health(status="down", version=VERSION, database=down, email=EmailHealth(state="down", waiting=None))
    email = EmailHealth(state="delayed" if backlog["late"] else "up", waiting=backlog["waiting"])
    return Health(status=email.state, version=VERSION, database=database, email=email)
