"""Identifiers: UUIDv7 for machines, order numbers for people."""

import secrets
import time
from datetime import UTC, datetime
from uuid import UUID

# No vowels, so that no words appear, and no characters that people misread or mishear.
_ALPHABET = "23456789BCDFGHJKMNPQRTVWXZ"


_last_id = 0


def new_id() -> UUID:
    """Return a UUID of version 7 (RFC 9562, section 5.7), greater than all that this process has made before."""
    global _last_id
    candidate = _uuid7(time.time_ns() // 1_000_000, secrets.randbits(74)).int
    # In the same millisecond add a random step (section 6.2, method 2).
    _last_id = candidate if candidate > _last_id else _last_id + 1 + secrets.randbits(32)
    return UUID(int=_last_id)


def first_id(moment: datetime) -> UUID:
    """Return the smallest UUID of version 7 at a moment: ids that are made later are greater."""
    return _uuid7(max(0, int(moment.astimezone(UTC).timestamp() * 1000)), 0)


def _uuid7(milliseconds: int, random: int) -> UUID:
    return UUID(int=milliseconds << 80 | 0x7 << 76 | (random >> 62) << 64 | 0b10 << 62 | random & (1 << 62) - 1)


def new_order_number() -> str:
    """Return eight random characters that people can read to each other, like ``K7QW3MPX``; one of 2·10¹¹."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(8))


def shown_order_number(number: str) -> str:
    """Return an order number as people read it: ``K7QW-3MPX``."""
    return f"{number[:4]}-{number[4:]}"


def normalise_order_number(text: str) -> str:
    """Return an order number as it is stored, however somebody typed it: ``k7qw-3mpx`` becomes ``K7QW3MPX``."""
    return text.replace("-", "").replace(" ", "").upper()
