"""Rate limits: how often somebody may try. The database counts, so that a limit holds for all environments together."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from math import ceil
from typing import Any
from uuid import UUID

from boxoffice import api, db, sql
from boxoffice.answer import set_header
from boxoffice.errors import DomainError, TooManyRequests

SQL = sql.queries()

ATTEMPTS = 10
ATTEMPTS_WINDOW = timedelta(minutes=15)
EMAILS = 5
EMAILS_FROM_ONE_ADDRESS = 100  # in the same time; a venue or a carrier can be many people
EMAILS_WINDOW = timedelta(hours=1)
INVITATIONS = 20


def limit_authentication(account: str | None = None) -> None:
    """Count an attempt to authenticate, for the caller's address and for the account if one is named.

    Raises:
        TooManyRequests: there were ten attempts in fifteen minutes before, from the address or for the account.
    """
    subjects = [_address()]
    if account:
        subjects.append(account)
    _limit("authenticate", subjects, ATTEMPTS, ATTEMPTS_WINDOW)


def limit_emails(subject: UUID) -> None:
    """Count a request for an email about an order or a ticket.

    Raises:
        TooManyRequests: there were five requests in an hour before.
    """
    _limit("resend", [str(subject)], EMAILS, EMAILS_WINDOW)


def limit_emails_to(email: str, *others: str) -> None:
    """Count a request that writes to an email address which anybody can name, whichever route it comes by.

    It counts before anybody looks whether an account has the address. So a refusal does not tell that.

    Args:
        others: whom the request counts for too, such as the account that makes it.

    Raises:
        TooManyRequests: in the last hour there were five such requests for one of them, or a hundred by the caller.
    """
    _limit("emails by", [_address()], EMAILS_FROM_ONE_ADDRESS, EMAILS_WINDOW)
    _limit("emails to", [email, *others], EMAILS, EMAILS_WINDOW)


def limit_waitlist(email: str) -> None:
    """Count a request to join a waitlist, for the caller's address and for the email address.

    Raises:
        TooManyRequests: there were ten requests in fifteen minutes before, from or for either of them.
    """
    _limit("waitlist", [_address(), email], ATTEMPTS, ATTEMPTS_WINDOW)


def limit_applications(account_id: UUID) -> None:
    """Count an application of a seller.

    Raises:
        TooManyRequests: the account has sent ten in fifteen minutes before.
    """
    _limit("apply", [str(account_id)], ATTEMPTS, ATTEMPTS_WINDOW)


def limit_invitations(organisation_id: UUID, email: str) -> None:
    """Count an invitation, for the organisation and for the email address, so that nobody sends spam through us.

    Raises:
        TooManyRequests: there were twenty of the organisation, or five to the address, in an hour before.
    """
    _limit("invite", [str(organisation_id)], INVITATIONS, EMAILS_WINDOW)
    _limit("invite to", [email], EMAILS, EMAILS_WINDOW)


@contextmanager
def limit_guesses(code: str | None, *wrong: type[DomainError]) -> Iterator[None]:
    """Count a wrong code, for the caller's address. A code is wrong if the block raises one of the ``wrong`` errors.

    A right code does not count, since many buyers can share an address. Without a code this does nothing.

    Raises:
        TooManyRequests: there were ten wrong codes in fifteen minutes before. Then even a right code is refused.
    """
    if code is None:
        yield
        return
    subject = _address()
    with db.autocommit() as conn:
        if_wrong = db.many(conn, dict, SQL.list_next_attempts, buckets=[f"guess {subject}"])
    _check(if_wrong, ATTEMPTS)
    try:
        yield
    except wrong:
        _limit("guess", [subject], ATTEMPTS, ATTEMPTS_WINDOW)
        raise


def _address() -> str:
    """Return the subject that stands for the caller's address."""
    return f"address {api.caller().address}"


def _limit(action: str, subjects: list[str], most: int, window: timedelta) -> None:
    """Count an attempt for each subject, and check the limit.

    It has a transaction of its own, so that failed attempts count too.
    """
    buckets = sorted(f"{action} {subject}" for subject in subjects)
    with db.transaction() as conn:
        counted = db.many(conn, dict, SQL.count_attempt, buckets=buckets, window=window)
    _check(counted, most)


def _check(counted: list[dict[str, Any]], most: int) -> None:
    """Set the headers that state the limit, of the bucket with the most attempts.

    Raises:
        TooManyRequests: there were too many attempts.
    """
    if not counted:
        return
    fullest = max(counted, key=lambda bucket: bucket["attempts"])
    reset = max(1, ceil(fullest["resets_in"]))
    set_header("RateLimit-Limit", str(most))
    set_header("RateLimit-Remaining", str(max(0, most - fullest["attempts"])))
    set_header("RateLimit-Reset", str(reset))
    if fullest["attempts"] > most:
        raise TooManyRequests(retry_after=reset)
