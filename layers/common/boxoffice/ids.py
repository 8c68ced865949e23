"""Identifiers: UUIDv7 for machines, order numbers for people."""

import secrets
import time
from datetime import UTC, datetime
from uuid import UUID

# No vowels (so that no words appear) and nothing that is easily misread or misheard.
_ALPHABET = "23456789BCDFGHJKMNPQRTVWXZ"


_last = 0


def new_id() -> UUID:
    """A UUID, version 7 (RFC 9562, section 5.7), greater than those that this process has made before."""
    global _last
    fresh = _at(time.time_ns() // 1_000_000, secrets.randbits(74)).int
    # Within a millisecond, count on by a random step (section 6.2, method 2).
    _last = fresh if fresh > _last else _last + 1 + secrets.randbits(32)
    return UUID(int=_last)


def first_id(moment: datetime) -> UUID:
    """The smallest version 7 UUID of a moment: what was made from then on has an id that is no less."""
    return _at(max(0, int(moment.astimezone(UTC).timestamp() * 1000)), 0)


def _at(milliseconds: int, random: int) -> UUID:
    return UUID(int=milliseconds << 80 | 0x7 << 76 | (random >> 62) << 64 | 0b10 << 62 | random & (1 << 62) - 1)


def new_order_number() -> str:
    """Eight characters that people can read to each other, like ``K7QW3MPX``, picked at random from 2·10¹¹."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(8))


def shown_order_number(number: str) -> str:
    """An order number as people read it: ``K7QW-3MPX``."""
    return f"{number[:4]}-{number[4:]}"


def normalise_order_number(text: str) -> str:
    """An order number as stored, however it was typed: ``k7qw-3mpx`` is ``K7QW3MPX``."""
    return text.replace("-", "").replace(" ", "").upper()
