"""Sessions: every way in opens one here, and each refresh, log-out and change of password ends or renews it."""

import hashlib
import secrets
from datetime import UTC, datetime
from uuid import UUID

from boxoffice import audit, credentials, db, sql
from boxoffice.accounts import rules
from boxoffice.accounts.errors import WrongCredentials
from boxoffice.accounts.models import AccountRow, AccountView, RefreshTokenRow, SessionView
from boxoffice.auth import ACCESS_LIFETIME, Caller, acting_as, issue_access_token
from boxoffice.ids import new_id
from boxoffice.observability import count

SQL = sql.queries("accounts")


def open_session(conn: db.Connection, account: AccountRow, *, checked_hash: str | None = None) -> SessionView:
    """Open a session of an account whose owner has proven who they are.

    Args:
        checked_hash: the hash that the owner's password was checked against, if that was the proof.

    Raises:
        WrongCredentials: the password has been changed since, or the account is blocked.
    """
    session_id, refresh_token = new_id(), secrets.token_urlsafe()
    opened = db.run(
        conn,
        SQL.lock_account_and_open_session,
        account_id=account.id,
        checked_hash=checked_hash,
        session_id=session_id,
        token_hash=_hash(refresh_token),
        expires_at=_expiry(),
    )
    if not opened:
        raise WrongCredentials
    return _answer(account, session_id, refresh_token)


def refresh_session(conn: db.Connection, caller: Caller, refresh_token: str) -> SessionView | None:
    """Exchange a refresh token for the next pair of tokens.

    A token that was used before revokes its session.

    Returns:
        The session with its next tokens, or None if the token is refused. An error would roll the revocation back.
    """
    presented_hash = _hash(refresh_token)
    token = db.one(conn, RefreshTokenRow, SQL.lock_refresh_token, token_hash=presented_hash)
    if token is None:
        return None
    if rules.is_reused(token):
        _revoke_reused(conn, acting_as(caller, token.id), token)
    if not rules.is_live(token, datetime.now(UTC)):
        return None
    next_token = secrets.token_urlsafe()
    db.run(
        conn,
        SQL.rotate_refresh_token,
        used_hash=presented_hash,
        session_id=token.session_id,
        token_hash=_hash(next_token),
        expires_at=_expiry(),
    )
    return _answer(token, token.session_id, next_token)


def log_out(conn: db.Connection, caller: Caller) -> None:
    """Revoke the session of the caller's access token."""
    db.run(conn, SQL.revoke_session, id=caller.session_id, account_id=caller.account)
    credentials.forget(caller.session_id)


def log_out_everywhere(conn: db.Connection, caller: Caller) -> None:
    """Revoke every session of the caller's account."""
    revoked = revoke_sessions(conn, caller.account)
    audit.record(conn, caller, "log_out_everywhere", f"account {caller.account}", sessions_revoked=revoked)


def revoke_sessions(conn: db.Connection, account_id: UUID, *, keep: UUID | None = None) -> int:
    """Revoke the sessions of an account, but for one if that is given, and return their number."""
    revoked = db.run(conn, SQL.lock_and_revoke_sessions, account_id=account_id, keep=keep)
    credentials.forget()
    return revoked


def _expiry() -> datetime:
    return datetime.now(UTC) + rules.REFRESH_LIFETIME


def _hash(refresh_token: str) -> bytes:
    """Return what is stored of a refresh token. Nobody can guess 256 random bits, so the hash needs no salt."""
    return hashlib.sha256(refresh_token.encode()).digest()


def _answer(account: AccountRow, session_id: UUID, refresh_token: str) -> SessionView:
    return SessionView(
        access_token=issue_access_token(account.id, session_id),
        refresh_token=refresh_token,
        expires_in=int(ACCESS_LIFETIME.total_seconds()),
        account=AccountView.model_validate(account),
    )


def _revoke_reused(conn: db.Connection, caller: Caller, token: RefreshTokenRow) -> None:
    db.run(conn, SQL.revoke_session, id=token.session_id, account_id=token.id)
    credentials.forget(token.session_id)
    count("RefreshTokenReused")
    subject = f"account {token.id}"
    audit.record(conn, caller, "refresh_session", subject, reused_token_of_session=str(token.session_id))
