"""Decisions about a refresh token that a client presents."""

from datetime import datetime, timedelta

from boxoffice.accounts.models import RefreshTokenRow

REFRESH_LIFETIME = timedelta(days=7)


def is_live(token: RefreshTokenRow, now: datetime) -> bool:
    """Return True if a refresh token can be exchanged for the next pair of tokens."""
    return token.used_at is None and token.revoked_at is None and now < token.expires_at


def is_reused(token: RefreshTokenRow) -> bool:
    """Return True if a token was used before and its session still goes on.

    Somebody has copied the token then, and either of the two who have it may be the thief (RFC 9700, section 4.14.2).
    """
    return token.used_at is not None and token.revoked_at is None
