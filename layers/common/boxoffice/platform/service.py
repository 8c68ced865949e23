"""Use cases of those who operate the deployment."""

import time

from boxoffice import db, sql, storage
from boxoffice.config import settings
from boxoffice.errors import Busy
from boxoffice.platform.models import DatabaseHealth, EmailHealth, Health, HealthState, StorageHealth
from boxoffice.version import VERSION

SQL = sql.queries("platform")

_STORAGE_LIFETIME = 10.0  # seconds for which an environment keeps what S3 answered, since anybody may ask

_storage: tuple[float, StorageHealth] | None = None  # with the time of the answer


def get_health() -> Health:
    """Return the state of the database, the emails and the buckets. Without a database, no email is sent either."""
    stored = _get_storage_health()
    try:
        with db.autocommit() as conn:
            started = time.perf_counter()
            db.value(conn, SQL.ping)
            database = DatabaseHealth(state="up", latency_ms=round((time.perf_counter() - started) * 1000, 2))
            backlog = db.exactly_one(conn, dict, SQL.get_email_backlog)
    except Busy:
        down = DatabaseHealth(state="down", latency_ms=None)
        email = EmailHealth(state="down", waiting=None)
        return Health(status="down", version=VERSION, database=down, email=email, storage=stored)
    email = EmailHealth(state="delayed" if backlog["is_late"] else "up", waiting=backlog["waiting"])
    status: HealthState = "up" if email.state == stored.state == "up" else "delayed"
    return Health(status=status, version=VERSION, database=database, email=email, storage=stored)


def _get_storage_health() -> StorageHealth:
    global _storage
    now = time.monotonic()
    if _storage is None or now - _storage[0] > _STORAGE_LIFETIME:
        is_up = storage.is_up(settings().files_bucket, settings().media_bucket)
        _storage = (now, StorageHealth(state="up" if is_up else "down"))
    return _storage[1]
