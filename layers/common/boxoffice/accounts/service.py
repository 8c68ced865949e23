"""Use cases of accounts and sessions.

bcrypt takes a quarter of a second, and no transaction should stay open for that long. So a function that checks or
hashes a password runs in autocommit, and opens its transaction afterwards.
"""

import hashlib
import secrets
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from boxoffice import audit, db, sql
from boxoffice.accounts import passwords, rules
from boxoffice.accounts.errors import WrongCredentials
from boxoffice.accounts.models import (
    AccountDetails,
    AccountPatch,
    AccountRow,
    AccountView,
    Credentials,
    LogInRequest,
    MyAccountView,
    PasswordChange,
    RefreshTokenRow,
    SessionView,
    SignUpRequest,
)
from boxoffice.auth import ACCESS_LIFETIME, Caller, issue_access_token
from boxoffice.errors import Unauthenticated
from boxoffice.ids import new_id
from boxoffice.observability import count
from boxoffice.versions import check_version

SQL = sql.queries("accounts")


def create_account(conn: db.Connection, request: SignUpRequest, password_hash: str) -> SessionView:
    """Make an account and open its first session.

    Raises:
        EmailTaken: there is an account with this email address.
    """
    account = AccountRow(
        id=new_id(), email=request.email, name=request.name, phone=None, version=1, created_at=datetime.now(UTC)
    )
    db.run(
        conn,
        SQL.insert_account,
        id=account.id,
        email=account.email,
        name=account.name,
        password_hash=password_hash,
        created_at=account.created_at,
    )
    return _open_session(conn, account, password_hash)


def log_in(conn: db.Connection, request: LogInRequest) -> SessionView:
    """Open a session. Runs in autocommit.

    Raises:
        WrongCredentials: there is no such account, or the password is not its own. Text and time are the same for both.
    """
    account = db.one(conn, Credentials, SQL.get_credentials, email=request.email)
    stored_hash = account.password_hash if account else None
    is_right = passwords.matches(request.password, stored_hash)
    if account is None or stored_hash is None or not is_right:
        raise WrongCredentials
    return _open_session(conn, account, stored_hash)


def refresh_session(conn: db.Connection, refresh_token: str) -> SessionView | None:
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
        _revoke_reused(conn, token)
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
    """Revoke the session of the caller's access token. To log out again changes nothing."""
    db.run(conn, SQL.revoke_session, id=caller.session_id, account_id=caller.account)


def log_out_everywhere(conn: db.Connection, caller: Caller) -> None:
    """Revoke every session of the caller's account."""
    revoked = db.run(conn, SQL.lock_and_revoke_sessions, account_id=caller.account, keep=None)
    _audit(conn, "log_out_everywhere", caller.account, sessions_revoked=revoked)


def change_password(conn: db.Connection, caller: Caller, request: PasswordChange) -> None:
    """Replace the password and revoke the account's other sessions. Runs in autocommit.

    Raises:
        Unauthenticated: the account is gone.
        WrongCredentials: the current password in the request is wrong.
    """
    account = db.one(conn, Credentials, SQL.get_credentials_of_account, id=caller.account)
    if account is None:
        raise Unauthenticated
    if not passwords.matches(request.current_password, account.password_hash):
        raise WrongCredentials("The current password is wrong.")
    new_hash = passwords.hash_of(request.new_password)
    with conn.transaction():
        if not db.run(conn, SQL.replace_password, id=account.id, checked_hash=account.password_hash, new_hash=new_hash):
            raise WrongCredentials("The current password is wrong.")
        revoked = db.run(conn, SQL.lock_and_revoke_sessions, account_id=account.id, keep=caller.session_id)
        _audit(conn, "change_password", account.id, sessions_revoked=revoked)


def get_me(conn: db.Connection, caller: Caller) -> MyAccountView:
    """Return the caller's account with its memberships.

    Raises:
        Unauthenticated: the account is gone.
    """
    account = db.one(conn, AccountDetails, SQL.get_my_account, id=caller.account)
    if account is None:
        raise Unauthenticated
    return MyAccountView.model_validate(account)


def update_me(conn: db.Connection, caller: Caller, patch: AccountPatch, expected: int | None) -> AccountView:
    """Change the fields of the caller's account that the request has.

    Raises:
        Unauthenticated: the account is gone.
        StaleVersion: the account has another version than ``expected``.
    """
    account = db.one(conn, AccountRow, SQL.lock_account, id=caller.account)
    if account is None:
        raise Unauthenticated
    check_version(account.version, expected)
    new = replace(account, **patch.changes())
    row = db.exactly_one(conn, AccountRow, SQL.update_account, id=account.id, name=new.name, phone=new.phone)
    return AccountView.model_validate(row)


def _open_session(conn: db.Connection, account: AccountRow, checked_hash: str) -> SessionView:
    """Open a session of an account whose password was checked against ``checked_hash``.

    Raises:
        WrongCredentials: the password has been changed since.
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


def _revoke_reused(conn: db.Connection, token: RefreshTokenRow) -> None:
    db.run(conn, SQL.revoke_session, id=token.session_id, account_id=token.id)
    count("RefreshTokenReused")
    _audit(conn, "refresh_session", token.id, reused_token_of_session=str(token.session_id))


def _audit(conn: db.Connection, action: str, account_id: UUID, **facts: Any) -> None:
    audit.record(conn, action, f"account {account_id}", actor=account_id, **facts)
