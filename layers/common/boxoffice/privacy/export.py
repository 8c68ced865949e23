"""Reads what is held about a person, a page at a time: kind by kind, and each in the order of its keys."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from boxoffice import audit, db, sql
from boxoffice.pagination import (
    FIRST_ID,
    MOST_CHARACTERS,
    bad_cursor,
    characters_of,
    decode_number_and_text,
    encode,
    rows_with_room,
)
from boxoffice.privacy.models import Person, PersonalData

SQL = sql.queries("privacy")

_MOST = 200  # rows on a page
_FIRST = str(FIRST_ID)
_FIRST_ENTRY = f"-infinity|{_FIRST}|0"

_SECTIONS: tuple[tuple[str, LiteralString, str], ...] = (
    ("account", SQL.export_account, _FIRST),
    ("sessions", SQL.export_sessions, _FIRST),
    ("memberships", SQL.export_memberships, _FIRST),
    ("invitations", SQL.export_invitations, _FIRST),
    ("orders", SQL.export_orders, _FIRST),
    ("tickets", SQL.export_tickets, _FIRST),
    ("transfers", SQL.export_transfers, _FIRST),
    ("waitlist_entries", SQL.export_waitlist_entries, _FIRST),
    ("newsletter_subscriptions", SQL.export_newsletter_subscriptions, _FIRST),
    ("claims", SQL.export_claims, _FIRST),
    ("scans", SQL.export_scans, _FIRST),
    ("messages", SQL.export_messages, _FIRST),
    ("suppressed_addresses", SQL.export_suppressed_addresses, _FIRST),
    ("audit_entries", SQL.export_audit_entries, _FIRST_ENTRY),
)
"""The fields of `PersonalData`, the statement of each, and the key before the first row."""


@dataclass(frozen=True)
class _Row:
    key: str
    data: dict[str, Any]


def read(conn: db.Connection, person: Person, cursor: str | None) -> PersonalData:
    """Return a page of what is held about a person.

    Raises:
        Invalid: the cursor is none of ours.
    """
    first, after = _position(cursor)
    found: dict[str, list[dict[str, Any]]] = {}
    left, room, next_cursor = _MOST, MOST_CHARACTERS, None
    for number, (name, statement, start) in [*enumerate(_SECTIONS)][first:]:
        key = after or start
        rows = db.page(conn, _Row, statement, limit=left, after=key, **person.params)
        page = rows_with_room(rows[:left], room) or (rows[:1] if left == _MOST else [])
        found[name] = [_shown(row.data) for row in page]
        if len(rows) > len(page):
            next_cursor = encode(number, page[-1].key if page else key)
            break
        left, room, after = left - len(page), room - characters_of(page), None
    return PersonalData.model_validate({**found, "next_cursor": next_cursor})


def _position(cursor: str | None) -> tuple[int, str | None]:
    """Return where a page begins: the number of a section, and the key in it."""
    number, key = decode_number_and_text(cursor) or (0, None)
    if key is not None:
        try:
            _check_key(key, of_entry=_SECTIONS[number][2] == _FIRST_ENTRY)
        except (ValueError, IndexError) as error:
            raise bad_cursor() from error
    return number, key


def _check_key(key: str, *, of_entry: bool) -> None:
    """Check that a key is one of ours: of an entry of the audit log, or else the id of a row.

    Raises:
        ValueError: it is not.
    """
    at, chain, entry = key.split("|") if of_entry else (None, key, "0")
    if at and key != _FIRST_ENTRY:
        datetime.fromisoformat(at)
    UUID(chain)
    if not (entry.isdecimal() and len(entry) < 19):
        raise ValueError


def _shown(data: dict[str, Any]) -> dict[str, Any]:
    """Return what a statement found. Of an audit entry, put the person's own values in their places."""
    personal = data.pop("personal", None)
    return data if personal is None else {**data, "details": audit.with_values(data["details"], personal)}
