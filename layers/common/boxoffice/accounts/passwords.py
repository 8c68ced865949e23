"""Passwords: one spelling for each, and their bcrypt hashes."""

import re
import unicodedata

from boxoffice.accounts.errors import GuessablePassword
from boxoffice.config import settings

LEAST_CHARACTERS = 10
MOST_BYTES = 72  # bcrypt ignores what follows
MOST_CHARACTERS = 200  # before they are composed: no 72 bytes of composed letters come of more

_FEWEST_GUESSES = 10**8
_EASY = "It is easy to guess."
_WORD = re.compile(r"\w+")
_LOOK_ALIKES = str.maketrans("@{[<!|$+", "4(((1157")


def normalise(password: str) -> str:
    """Return the one spelling of a password, however the keyboard composes its letters (RFC 8265, section 4.2).

    The caller has checked that it has `MOST_CHARACTERS` at most. To compose 100,000 marks takes seconds.

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
    check_strength(password, *about)
    return rehash(password)


def rehash(password: str) -> str:
    """Return the bcrypt hash to store of a password that was accepted before, at the cost that is set now."""
    import bcrypt

    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(settings().bcrypt_cost)).decode()


def is_too_cheap(stored_hash: str) -> bool:
    """Return True if a hash was made at a lower cost than is set now."""
    return _cost_of(stored_hash) < settings().bcrypt_cost


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
    from zxcvbn.matching import RANKED_DICTIONARIES

    if password.lower() in (RANKED_DICTIONARIES["passwords"].keys() | {text.lower() for text in about}):
        raise GuessablePassword(reason=_EASY)
    words = [word.translate(_LOOK_ALIKES) for text in ("Boxoffice", *about) for word in (text, *_WORD.findall(text))]
    estimate = zxcvbn(password.translate(_LOOK_ALIKES), user_inputs=words, max_length=MOST_BYTES)
    if estimate["guesses"] < _FEWEST_GUESSES:
        raise GuessablePassword(reason=estimate["feedback"]["warning"] or _EASY)


def matches(password: str, stored_hash: str | None) -> bool:
    """Return True if a hash is stored and is the password's.

    A wrong password takes as long without a stored hash, or with one of a lower cost. So a caller cannot tell by the
    time if an account exists. Each cost takes twice the time of the one below.
    """
    import bcrypt

    cost = settings().bcrypt_cost
    if stored_hash is None:
        bcrypt.checkpw(password.encode(), _unmatched_hash(cost))
        return False
    is_right = bcrypt.checkpw(password.encode(), stored_hash.encode())
    if not is_right:
        for lower_cost in range(_cost_of(stored_hash), cost):
            bcrypt.checkpw(password.encode(), _unmatched_hash(lower_cost))
    return is_right


def _unmatched_hash(cost: int) -> bytes:
    """Return a hash that no password has."""
    return f"$2b${cost:02}${'.' * 53}".encode()


def _cost_of(stored_hash: str) -> int:
    return int(stored_hash[4:6])
