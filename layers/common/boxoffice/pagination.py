"""Keyset pagination: a cursor has the sort key of the last row, so the 10,000th page costs as much as the first."""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import is_dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from boxoffice.errors import Invalid

FIRST_ID, LAST_ID = UUID(int=0), UUID(int=(1 << 128) - 1)
"""Where a list that is sorted by id begins without a cursor: in order, or from the end."""

MOST_CHARACTERS = 800_000
"""Of the texts on a page. Each takes up to four bytes of the six megabytes that an answer of Lambda may have."""


def encode(*key: UUID | datetime | int | str) -> str:
    """Return an opaque cursor for the row with this sort key."""
    parts = [part.isoformat() if isinstance(part, datetime) else str(part) for part in key]
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def decode_id(cursor: str | None) -> UUID | None:
    """Return the id in a cursor of a list that is sorted by id."""
    return None if cursor is None else _decode(cursor, UUID)[0]


def decode_number(cursor: str | None) -> int | None:
    """Return the number in a cursor of a list that is sorted by a number. It fits PostgreSQL's ``integer``."""
    return None if cursor is None else _decode(cursor, _number)[0]


def decode_id_and_number(cursor: str | None) -> tuple[UUID, int] | None:
    """Return the id and the number in a cursor of the ledger. The number is the side of an entry: -1 or 1."""
    if cursor is None:
        return None
    row_id, side = _decode(cursor, UUID, _side)
    return row_id, side


def decode_numbers_and_id(cursor: str | None) -> tuple[int, int, int, UUID] | None:
    """Return the three numbers and the id in a cursor of the manifest's changes. The numbers fit ``bigint``."""
    if cursor is None:
        return None
    first, second, third, row_id = _decode(cursor, _big_number, _big_number, _big_number, UUID)
    return first, second, third, row_id


def decode_number_and_text(cursor: str | None) -> tuple[int, str] | None:
    """Return the number and the text in a cursor of a list of several parts: which part, and the key in it."""
    if cursor is None:
        return None
    number, text = _decode(cursor, _number, str)
    return number, text


def decode_moment_and_id(cursor: str | None) -> tuple[datetime, UUID] | None:
    """Return the time and the id in a cursor of a list that is sorted by time, then by id."""
    if cursor is None:
        return None
    moment, row_id = _decode(cursor, _aware_time, UUID)
    return moment, row_id


def decode_audit_key(cursor: str | None) -> tuple[datetime, UUID, int] | None:
    """Return the time, the chain and the number in a cursor of the audit log."""
    if cursor is None:
        return None
    moment, chain, entry = _decode(cursor, _aware_time, UUID, _big_number)
    return moment, chain, entry


def page_of[T](
    rows: list[T], limit: int, key: Callable[[T], tuple[UUID | datetime | int, ...]]
) -> tuple[list[T], str | None]:
    """Split the rows of a statement with ``LIMIT limit + 1`` into those of the page and the cursor of the next page.

    The page ends earlier if an answer has no room for more, but it has one row at the least.
    """
    page = rows_with_room(rows[:limit], MOST_CHARACTERS) or rows[:1]
    next_cursor = encode(*key(page[-1])) if len(rows) > len(page) else None
    return page, next_cursor


def rows_with_room[T](rows: Sequence[T], room: int) -> list[T]:
    """Return the first rows whose texts have so many characters together at the most."""
    page = []
    for row in rows:
        room -= characters_of(row)
        if room < 0:
            break
        page.append(row)
    return page


def characters_of(value: object) -> int:
    """Return how many characters the texts of a row have."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(map(characters_of, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(characters_of, value))
    return sum(map(characters_of, vars(value).values())) if is_dataclass(value) else 0


def _number(text: str) -> int:
    if not (text.isdecimal() and len(text) < 10):
        raise ValueError
    return int(text)


def _big_number(text: str) -> int:
    if not (text.isdecimal() and len(text) < 19):
        raise ValueError
    return int(text)


def _side(text: str) -> int:
    if text not in ("-1", "1"):
        raise ValueError
    return int(text)


def _aware_time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or not 1700 <= moment.year <= 2200:  # a device with a wrong clock can report such times
        raise ValueError
    return moment


def _decode(cursor: str, *types: Callable[[str], Any]) -> list[Any]:
    try:
        parts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return [convert(part) for convert, part in zip(types, parts, strict=True)]
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise bad_cursor() from error


def bad_cursor() -> Invalid:
    """Return the error for a cursor that is none of ours."""
    return Invalid.at("query", "cursor", because="must be a `next_cursor` as you received it")
