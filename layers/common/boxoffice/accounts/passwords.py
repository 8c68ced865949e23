"""Passwords: one spelling for each, and their bcrypt hashes."""

import re
import unicodedata

from boxoffice.accounts.errors import GuessablePassword
from boxoffice.config import settings

LEAST_CHARACTERS = 10
MOST_BYTES = 72  # bcrypt ignores what follows

_FEWEST_GUESSES = 10**8
_WORD = re.compile(r"\w+")
_LOOK_ALIKES = str.maketrans("@{[<!|$+", "4(((1157")


def normalise(password: str) -> str:
    """Return the one spelling of a password, however the keyboard composes its letters (RFC 8265, section 4.2).

    Raises:
        ValueError: the password is so long that bcrypt would ignore its end.
    """
    normal = unicodedata.normalize("NFC", password)
    if len(normal.encode()) > MOST_BYTES:
        raise ValueError(f"must be at most {MOST_BYTES} bytes long in UTF-8")
    return normal


def hash_of(password: str, *about: str) -> str:
    """Return the bcrypt hash to store. It takes a quarter of a second on purpose.

    Args:
        about: what an attacker would try first, such as the person's name and address.

    Raises:
        GuessablePassword: the password is in the lists of common ones, or is close to them or to ``about``.
    """
    import bcrypt

    check_strength(password, *about)
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(settings().bcrypt_cost)).decode()


def check_strength(password: str, *about: str) -> None:
    """Refuse what an attacker finds within a hundred million guesses, by the estimate of zxcvbn (USENIX 2016).

    It tries each letter that a sign may stand for with each other one, which takes seconds for a password of many
    signs. So of signs that stand for the same letter it gets one.

    Args:
        about: what an attacker would try first; see `hash_of`.

    Raises:
        GuessablePassword: the password is one of those.
    """
    from zxcvbn import zxcvbn

    words = [word.translate(_LOOK_ALIKES) for text in ("Boxoffice", *about) for word in (text, *_WORD.findall(text))]
    estimate = zxcvbn(password.translate(_LOOK_ALIKES), user_inputs=words, max_length=MOST_BYTES)
    if estimate["guesses"] < _FEWEST_GUESSES:
        raise GuessablePassword(reason=estimate["feedback"]["warning"] or "It is easy to guess.")


def matches(password: str, stored_hash: str | None) -> bool:
    """Return True if a hash is stored and is the password's.

    Without a stored hash it takes as long, so that a caller cannot tell by the time if an account exists.
    """
    import bcrypt

    hash_that_nothing_matches = f"$2b${settings().bcrypt_cost:02}${'.' * 53}"
    is_right = bcrypt.checkpw(password.encode(), (stored_hash or hash_that_nothing_matches).encode())
    return is_right and stored_hash is not None
