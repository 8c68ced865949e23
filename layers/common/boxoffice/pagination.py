"""Keyset pages: a cursor holds the last row's sort key, so that the 10,000th page costs what the first does."""

import base64
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from boxoffice.errors import Invalid


def encode(*key: UUID | datetime | int) -> str:
    """An opaque cursor for the row with this sort key."""
    parts = [part.isoformat() if isinstance(part, datetime) else str(part) for part in key]
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def decode_id(cursor: str | None) -> UUID | None:
    """The id in a cursor of a list that is sorted by id."""
    return None if cursor is None else _decode(cursor, UUID)[0]


def decode_number(cursor: str | None) -> int | None:
    """The number in a cursor of a list that is sorted by one; it fits PostgreSQL's ``integer``."""
    return None if cursor is None else _decode(cursor, _number)[0]


def decode_numbers_and_id(cursor: str | None) -> tuple[int, int, UUID] | None:
    """The two numbers and the id in a cursor of a list that is read change by change; they fit ``bigint``."""
    if cursor is None:
        return None
    first, second, row_id = _decode(cursor, _big_number, _big_number, UUID)
    return first, second, row_id


def decode_moment_and_id(cursor: str | None) -> tuple[datetime, UUID] | None:
    """The sort key in a cursor of a list that is sorted by a moment, then by id."""
    if cursor is None:
        return None
    moment, row_id = _decode(cursor, _aware, UUID)
    return moment, row_id


def page_of[T](
    rows: list[T], limit: int, key: Callable[[T], tuple[UUID | datetime | int, ...]]
) -> tuple[list[T], str | None]:
    """Split what a query with ``LIMIT limit + 1`` returned into the page's rows and the cursor of the next page."""
    return rows[:limit], encode(*key(rows[limit - 1])) if len(rows) > limit else None


def _number(text: str) -> int:
    if not (text.isdecimal() and len(text) < 10):
        raise ValueError
    return int(text)


def _big_number(text: str) -> int:
    if not (text.isdecimal() and len(text) < 19):
        raise ValueError
    return int(text)


def _aware(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or not 1700 <= moment.year <= 2200:  # a clock that goes wrong can put a scan that far back
        raise ValueError
    return moment


def _decode(cursor: str, *types: Callable[[str], Any]) -> list[Any]:
    try:
        parts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return [convert(part) for convert, part in zip(types, parts, strict=True)]
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise Invalid.at("query", "cursor", because="The cursor is not one of ours.") from error
