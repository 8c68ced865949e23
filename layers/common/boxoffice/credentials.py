"""The credentials of callers, as the database knows them now.

A credential that was found live is believed for thirty seconds in this environment. So one that has ended is refused
everywhere within that time, and a warm request costs no statement more.
"""

import time
from uuid import UUID

from boxoffice import db, sql

SQL = sql.queries()

BELIEVED = 30.0  # seconds
_MOST = 10_000  # credentials that are remembered

_live_until: dict[UUID, float] = {}


def is_live_session(account_id: UUID, session_id: UUID) -> bool:
    """Return True if a session of the account is open, and the account is not blocked."""
    now = time.monotonic()
    if now < _live_until.get(session_id, 0):
        return True
    with db.autocommit() as conn:
        is_live = bool(db.value(conn, SQL.is_live_session, id=session_id, account_id=account_id))
    if is_live:
        _remember(session_id, now + BELIEVED)
    return is_live


def forget(credential_id: UUID | None = None) -> None:
    """Believe a credential no longer, or none of them, so that the next request asks the database."""
    if credential_id is None:
        _live_until.clear()
    else:
        _live_until.pop(credential_id, None)


def _remember(credential_id: UUID, until: float) -> None:
    if len(_live_until) >= _MOST:
        _live_until.clear()
    _live_until[credential_id] = until
