"""Identifiers: UUIDv7 for machines, order numbers for people."""

import hashlib
import re
import secrets
import time
import unicodedata
from datetime import UTC, datetime
from uuid import UUID

# No vowels, so that no words appear, and no characters that people misread or mishear.
_ALPHABET = "23456789BCDFGHJKMNPQRTVWXZ"

# Eight of these characters, with anything but letters and digits between them, and none before or after them. Words of
# a sentence can look like that too. So what stands in one or two halves goes first.
_NUMBERS = (
    re.compile(rf"(?<![^\W_])[{_ALPHABET}]{{4}}[\W_]*[{_ALPHABET}]{{4}}(?![^\W_])"),
    re.compile(rf"(?<![^\W_])[{_ALPHABET}](?:[\W_]*[{_ALPHABET}]){{7}}(?![^\W_])"),
)
_MISREAD = str.maketrans("SU", "5V")

_last_id = 0


def new_id() -> UUID:
    """Return a UUID of version 7 (RFC 9562, section 5.7), greater than all that this process has made before."""
    global _last_id
    candidate = _uuid7(time.time_ns() // 1_000_000, secrets.randbits(74))
    # In the same millisecond add a random step (section 6.2, method 2).
    _last_id = candidate if candidate > _last_id else _last_id + 1 + secrets.randbits(32)
    return UUID(int=_last_id)


def first_id(moment: datetime) -> UUID:
    """Return the smallest UUID of version 7 at a moment: ids that are made later are greater."""
    return UUID(int=_uuid7(max(0, int(moment.astimezone(UTC).timestamp() * 1000)), 0))


def _uuid7(milliseconds: int, random: int) -> int:
    return milliseconds << 80 | 0x7 << 76 | (random >> 62) << 64 | 0b10 << 62 | random & (1 << 62) - 1


def derived_id(*parts: object) -> UUID:
    """Return an id that is the same whenever the parts are, so that what it names exists once."""
    return UUID(bytes=hashlib.sha256(" ".join(map(str, parts)).encode()).digest()[:16])


def new_order_number() -> str:
    """Return eight random characters that people can read to each other, like ``K7QW3MPX``; one of 2·10¹¹."""
    return _readable(8)


def _readable(length: int) -> str:
    """Return random characters of the alphabet, from one number: the system is asked once."""
    number, characters = secrets.randbelow(len(_ALPHABET) ** length), []
    for _ in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        characters.append(_ALPHABET[digit])
    return "".join(characters)


def new_readable_code(groups: int) -> str:
    """Return random characters that people can type from paper, in groups of four: ``K7QW-3MPX``. Each has 4.7 bits."""
    return "-".join(_readable(4) for _ in range(groups))


def normalise_readable_code(text: str) -> str:
    """Return the characters of a code, however somebody typed it: in small letters, or with other digits or dashes."""
    plain = unicodedata.normalize("NFKC", text).upper()
    digits = "".join(str(unicodedata.decimal(char, char)) for char in plain)
    return "".join(char for char in digits if char.isalnum())


def shown_order_number(number: str) -> str:
    """Return an order number as people read it: ``K7QW-3MPX``."""
    return f"{number[:4]}-{number[4:]}"


def normalise_order_number(text: str) -> str:
    """Return the order number in a text as it is stored, however somebody typed it.

    ``#k7qw 3mpx``, ``Order K7QW-3MPX`` with any dash, and full-width letters become ``K7QW3MPX``. Of the characters
    that are in no order number, S is read as 5 and U as V. A text without an order number comes back in capitals.
    """
    plain = unicodedata.normalize("NFKC", text).upper()
    return find_order_number(plain) or "".join(char for char in plain if char.isalnum())


def find_order_number(text: str) -> str | None:
    """Return the order number in a text as it is stored, or None if the text has none."""
    plain = unicodedata.normalize("NFKC", text).upper()
    digits = "".join(str(unicodedata.decimal(char, char)) for char in plain).translate(_MISREAD)
    found = _NUMBERS[0].search(digits) or _NUMBERS[1].search(digits)
    return "".join(char for char in found[0] if char.isalnum()) if found else None
