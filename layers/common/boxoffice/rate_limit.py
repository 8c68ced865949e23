"""Limits on attempts, counted in the database so that they hold over all execution environments."""

from datetime import timedelta
from math import ceil

from boxoffice import api, db, sql
from boxoffice.errors import TooManyRequests

SQL = sql.queries()

AUTHENTICATION_ATTEMPTS = 10
AUTHENTICATION_WINDOW = timedelta(minutes=15)


def limit_authentication(*account: str) -> None:
    """Count an attempt to authenticate, for the caller's address and for the account it is about.

    It is counted in a transaction of its own, so that a failed attempt counts too.

    Raises:
        TooManyRequests: either has had ten attempts in fifteen minutes.
    """
    buckets = sorted([f"authenticate address {api.caller().address}", *(f"authenticate {name}" for name in account)])
    with db.transaction() as conn:
        counted = db.many(conn, dict, SQL.count_attempt, buckets=buckets, window=AUTHENTICATION_WINDOW)
    fullest = max(counted, key=lambda bucket: bucket["attempts"])
    reset = max(1, ceil(fullest["resets_in"]))
    api.set_header("RateLimit-Limit", str(AUTHENTICATION_ATTEMPTS))
    api.set_header("RateLimit-Remaining", str(max(0, AUTHENTICATION_ATTEMPTS - fullest["attempts"])))
    api.set_header("RateLimit-Reset", str(reset))
    if fullest["attempts"] > AUTHENTICATION_ATTEMPTS:
        error = TooManyRequests()
        error.retry_after = reset
        raise error
