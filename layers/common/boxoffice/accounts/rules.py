"""Decisions about a refresh token that a client presents."""

from datetime import datetime, timedelta

from boxoffice.accounts.models import PhoneUsage, RefreshTokenRow

REFRESH_LIFETIME = timedelta(days=7)
PHONE_LIFETIME = timedelta(days=180)


def is_live(token: RefreshTokenRow, now: datetime) -> bool:
    """Return True if a refresh token can be exchanged for the next pair of tokens."""
    return token.used_at is None and token.revoked_at is None and now < token.expires_at


def is_reused(token: RefreshTokenRow) -> bool:
    """Return True if a token was used before and its session still goes on.

    Somebody has copied the token then, and either of the two who have it may be the thief (RFC 9700, section 4.14.2).
    """
    return token.used_at is not None and token.revoked_at is None


def is_pumped(usage: PhoneUsage) -> bool:
    """Return True if fewer than a quarter of a prefix's last codes were used, of twenty at least.

    Of the codes that people ask for, they use most. Of those that are sent for the sake of an operator's fees, nobody
    uses any.
    """
    return usage.sent >= 20 and usage.used * 4 < usage.sent


def is_phone_proven(verified_at: datetime | None, now: datetime) -> bool:
    """Return True if somebody has shown lately enough that the phone is theirs.

    Operators give a number to somebody else some months after its owner left it.
    """
    return verified_at is not None and now - verified_at < PHONE_LIFETIME
