"""Passwords: one spelling for each, and their bcrypt hashes."""

import unicodedata

from boxoffice.config import settings

MOST_BYTES = 72  # bcrypt ignores what follows


def normalise(password: str) -> str:
    """Return the one spelling of a password, however the keyboard composes its letters (RFC 8265, section 4.2).

    Raises:
        ValueError: the password is so long that bcrypt would ignore its end.
    """
    normal = unicodedata.normalize("NFC", password)
    if len(normal.encode()) > MOST_BYTES:
        raise ValueError(f"must be at most {MOST_BYTES} bytes long in UTF-8")
    return normal


def hash_of(password: str) -> str:
    """Return the bcrypt hash to store. It takes a quarter of a second on purpose."""
    import bcrypt

    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(settings().bcrypt_cost)).decode()


def matches(password: str, stored_hash: str | None) -> bool:
    """Return True if a hash is stored and is the password's.

    Without a stored hash it takes as long, so that a caller cannot tell by the time if an account exists.
    """
    import bcrypt

    hash_that_nothing_matches = f"$2b${settings().bcrypt_cost:02}${'.' * 53}"
    is_right = bcrypt.checkpw(password.encode(), (stored_hash or hash_that_nothing_matches).encode())
    return is_right and stored_hash is not None
