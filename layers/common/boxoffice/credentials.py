"""The credentials of callers, as the database knows them now.

A credential that was found live is believed for thirty seconds in this environment. So one that has ended is refused
everywhere within that time, and a warm request costs no statement more.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from boxoffice import bearer_secrets, db, sql

SQL = sql.queries()

BELIEVED = 30.0  # seconds
_MOST = 10_000  # credentials that are remembered


@dataclass(frozen=True)
class Session:
    """An open session, by what its account may need or lack. The account is not blocked."""

    is_admin: bool
    has_second_factor: bool
    must_change_password: bool


@dataclass(frozen=True)
class ApiKey:
    """A live API key."""

    id: UUID
    organisation_id: UUID
    scopes: list[str]
    expires_at: datetime


@dataclass(frozen=True)
class DoorDevice:
    """A device whose door pass was not revoked. It may have ended.

    Attributes:
        gates: where it may scan; None for any gate.
    """

    id: UUID
    organisation_id: UUID
    event_ids: list[UUID]
    gates: list[str] | None
    until: datetime


_believed: dict[UUID | bytes, tuple[float, Any]] = {}


def find_session(account_id: UUID, session_id: UUID) -> Session | None:
    """Return an open session of the account, or None if it is over, or if the account is blocked."""

    def look_up(conn: db.Connection) -> Session | None:
        return db.one(conn, Session, SQL.get_live_session, id=session_id, account_id=account_id)

    session = _believe(session_id, look_up)
    if session and session.must_change_password:
        forget(session_id)  # a change of the password holds at once, in whichever environment it is made
    return session


def find_key(presented: str) -> ApiKey | None:
    """Return the API key that a program sends, or None if there is none, or if it has ended."""
    if not bearer_secrets.is_secret(presented, bearer_secrets.API_KEY):
        return None
    key_hash = bearer_secrets.hash_of(presented)
    key = _believe(key_hash, lambda conn: db.one(conn, ApiKey, SQL.use_api_key, key_hash=key_hash))
    return key if key and datetime.now(UTC) < key.expires_at else None


def find_device(presented: str) -> DoorDevice | None:
    """Return the device that sends a token, or None if there is none, or if it or its door pass was revoked."""
    token_hash = bearer_secrets.hash_of(presented)
    return _believe(token_hash, lambda conn: db.one(conn, DoorDevice, SQL.use_door_device, token_hash=token_hash))


def forget(credential_id: UUID | None = None) -> None:
    """Believe a session no longer, or no credential at all, so that the next request asks the database."""
    if credential_id is None:
        _believed.clear()
    else:
        _believed.pop(credential_id, None)


def _believe[T](name: UUID | bytes, look_up: Callable[[db.Connection], T | None]) -> T | None:
    """Return a credential that was found live in the last thirty seconds, or look it up."""
    now = time.monotonic()
    until, believed = _believed.get(name, (0.0, None))
    if now < until:
        return believed  # type: ignore[no-any-return]
    with db.autocommit() as conn:
        found = look_up(conn)
    if found is not None:
        if len(_believed) >= _MOST:
            _believed.clear()
        _believed[name] = now + BELIEVED, found
    return found
