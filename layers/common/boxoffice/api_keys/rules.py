"""Decisions about API keys."""

from datetime import datetime, timedelta

from boxoffice.errors import EndOutOfRange

MOST_KEYS = 50  # in use, of one organisation
LIFETIME = timedelta(days=365)  # if the request names no end
MOST_LIFETIME = timedelta(days=5 * 365)


def expiry(requested: datetime | None, now: datetime) -> datetime:
    """Return when a new key expires.

    Raises:
        EndOutOfRange: the request names a moment in the past, or one that is too far away.
    """
    if requested is None:
        return now + LIFETIME
    if not now < requested <= now + MOST_LIFETIME:
        raise EndOutOfRange(latest=now + MOST_LIFETIME)
    return requested
