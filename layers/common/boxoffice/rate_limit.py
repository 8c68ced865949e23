"""Limits on attempts, counted in the database so that they hold over all execution environments."""

from datetime import timedelta
from math import ceil
from uuid import UUID

from boxoffice import api, db, sql
from boxoffice.errors import TooManyRequests

SQL = sql.queries()

AUTHENTICATION_ATTEMPTS = 10
AUTHENTICATION_WINDOW = timedelta(minutes=15)
EMAILS = 5
EMAILS_WINDOW = timedelta(hours=1)


def limit_authentication(*account: str) -> None:
    """Count an attempt to authenticate, for the caller's address and for the account it is about.

    Raises:
        TooManyRequests: either has had ten attempts in fifteen minutes.
    """
    subjects = [f"address {api.caller().address}", *account]
    _limit("authenticate", subjects, AUTHENTICATION_ATTEMPTS, AUTHENTICATION_WINDOW)


def limit_emails(subject: UUID) -> None:
    """Count a request for an email about an order or a ticket.

    Raises:
        TooManyRequests: there were five in an hour.
    """
    _limit("resend", [str(subject)], EMAILS, EMAILS_WINDOW)


def limit_waitlist(email: str) -> None:
    """Count a request to wait for something, for the caller's address and for the email address.

    Raises:
        TooManyRequests: either has had ten in fifteen minutes.
    """
    subjects = [f"address {api.caller().address}", email]
    _limit("waitlist", subjects, AUTHENTICATION_ATTEMPTS, AUTHENTICATION_WINDOW)


def _limit(action: str, subjects: list[str], most: int, window: timedelta) -> None:
    """Count, in a transaction of its own so that failed attempts count too, and tell the caller where they stand."""
    buckets = sorted(f"{action} {subject}" for subject in subjects)
    with db.transaction() as conn:
        counted = db.many(conn, dict, SQL.count_attempt, buckets=buckets, window=window)
    fullest = max(counted, key=lambda bucket: bucket["attempts"])
    reset = max(1, ceil(fullest["resets_in"]))
    api.set_header("RateLimit-Limit", str(most))
    api.set_header("RateLimit-Remaining", str(max(0, most - fullest["attempts"])))
    api.set_header("RateLimit-Reset", str(reset))
    if fullest["attempts"] > most:
        error = TooManyRequests()
        error.retry_after = reset
        raise error
