"""What a refresh token may still do, and which edits are refused."""

from datetime import datetime, timedelta

from boxoffice.accounts.models import Presented

REFRESH_LIFETIME = timedelta(days=7)


def is_live(token: Presented, now: datetime) -> bool:
    """Whether a refresh token is good for the next pair."""
    return token.used_at is None and token.revoked_at is None and now < token.expires_at


def is_stolen(token: Presented) -> bool:
    """Whether a token comes back that was used already: there is a copy then, and either holder may be the thief.

    See RFC 9700, section 4.14.2. Once its family is revoked, nothing more can be done.
    """
    return token.used_at is not None and token.revoked_at is None
