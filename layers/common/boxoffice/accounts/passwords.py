"""Passwords: what may be one, and bcrypt."""

import unicodedata

from boxoffice.config import settings

MOST_BYTES = 72  # bcrypt reads no further


def normalise(password: str) -> str:
    """One spelling of a password, however the keyboard composes its letters (RFC 8265, section 4.2).

    Raises:
        ValueError: bcrypt would ignore its end.
    """
    spelled = unicodedata.normalize("NFC", password)
    if len(spelled.encode()) > MOST_BYTES:
        raise ValueError(f"must be at most {MOST_BYTES} bytes long in UTF-8")
    return spelled


def hashed(password: str) -> str:
    """The bcrypt hash to store. It takes a quarter of a second on purpose."""
    import bcrypt

    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(settings().bcrypt_cost)).decode()


def matches(password: str, stored: str | None) -> bool:
    """Whether a password is the one stored. Where none is stored it takes as long, so that time tells nothing."""
    import bcrypt

    nobodys = f"$2b${settings().bcrypt_cost:02}${'.' * 53}"
    right = bcrypt.checkpw(password.encode(), (stored or nobodys).encode())
    return right and stored is not None
