"""Use cases of accounts and sessions.

What checks or makes a password runs in autocommit and opens its transaction afterwards: bcrypt takes its time, and no
transaction should stay open meanwhile.
"""

import hashlib
import secrets
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
    MyAccount,
    PasswordChange,
    Presented,
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
        EmailTaken: there is one with this email.
    """
    account = AccountRow(
        id=new_id(), email=request.email, name=request.name, phone=None, version=1, created_at=datetime.now(UTC)
    )
    db.run(conn, SQL.insert_account, **vars(account), password_hash=password_hash)
    return _open_session(conn, account, password_hash)


def log_in(conn: db.Connection, request: LogInRequest) -> SessionView:
    """Open a session. Runs in autocommit.

    Raises:
        WrongCredentials: no such account, or not its password; neither how nor how fast it is said tells which.
    """
    account = db.one(conn, Credentials, SQL.get_credentials, email=request.email)
    stored = account.password_hash if account else None
    if not passwords.matches(request.password, stored) or account is None or stored is None:
        raise WrongCredentials
    return _open_session(conn, account, stored)


def refresh_session(conn: db.Connection, refresh_token: str) -> SessionView | None:
    """Exchange a refresh token for the next pair of tokens.

    A token that comes back ends its family. That must be committed, so a refusal is answered with None, not raised.
    """
    used_hash = _hash(refresh_token)
    token = db.one(conn, Presented, SQL.lock_refresh_token, token_hash=used_hash)
    if token is None:
        return None
    if rules.is_stolen(token):
        _end_family(conn, token)
    if not rules.is_live(token, datetime.now(UTC)):
        return None
    fresh = secrets.token_urlsafe()
    db.run(conn, SQL.rotate_refresh_token, used_hash=used_hash, session_id=token.session_id, **_stored(fresh))
    return _answer(token, token.session_id, fresh)


def log_out(conn: db.Connection, caller: Caller) -> None:
    """Revoke the session that the caller's access token belongs to. To log out twice changes nothing."""
    db.run(conn, SQL.revoke_session, id=caller.session_id, account_id=caller.account)


def log_out_everywhere(conn: db.Connection, caller: Caller) -> None:
    """Revoke every session of the caller's account."""
    revoked = db.run(conn, SQL.lock_and_revoke_sessions, account_id=caller.account, keep=None)
    _audit(conn, "log_out_everywhere", caller.account, sessions_revoked=revoked)


def change_password(conn: db.Connection, caller: Caller, request: PasswordChange) -> None:
    """Replace the password and revoke the account's other sessions. Runs in autocommit.

    Raises:
        Unauthenticated: the account is gone.
        WrongCredentials: the current password is another one.
    """
    account = db.one(conn, Credentials, SQL.get_credentials_of_account, id=caller.account)
    if account is None:
        raise Unauthenticated
    if not passwords.matches(request.current_password, account.password_hash):
        raise WrongCredentials("The current password is wrong.")
    new_hash = passwords.hashed(request.new_password)
    with conn.transaction():
        if not db.run(conn, SQL.replace_password, id=account.id, checked_hash=account.password_hash, new_hash=new_hash):
            raise WrongCredentials("The current password is wrong.")
        revoked = db.run(conn, SQL.lock_and_revoke_sessions, account_id=account.id, keep=caller.session_id)
        _audit(conn, "change_password", account.id, sessions_revoked=revoked)


def get_me(conn: db.Connection, caller: Caller) -> MyAccount:
    """The caller's account and the organisations it belongs to.

    Raises:
        Unauthenticated: the account is gone.
    """
    account = db.one(conn, AccountDetails, SQL.get_my_account, id=caller.account)
    if account is None:
        raise Unauthenticated
    return MyAccount.model_validate(account)


def update_me(conn: db.Connection, caller: Caller, patch: AccountPatch, expected: int | None) -> AccountView:
    """Change what was sent of the caller's account.

    Raises:
        Unauthenticated: the account is gone.
        StaleVersion: it is not the ``expected`` version any more.
    """
    account = db.one(conn, AccountRow, SQL.lock_account, id=caller.account)
    if account is None:
        raise Unauthenticated
    check_version(account.version, expected)
    return AccountView.model_validate(
        db.one(conn, AccountRow, SQL.update_account, **{**vars(account), **patch.changes()})
    )


def _open_session(conn: db.Connection, account: AccountRow, checked_hash: str) -> SessionView:
    session_id, refresh_token = new_id(), secrets.token_urlsafe()
    opened = db.run(
        conn,
        SQL.lock_account_and_open_session,
        account_id=account.id,
        checked_hash=checked_hash,
        session_id=session_id,
        **_stored(refresh_token),
    )
    if not opened:
        raise WrongCredentials
    return _answer(account, session_id, refresh_token)


def _stored(refresh_token: str) -> dict[str, Any]:
    """A refresh token as it is stored: its hash is enough, since 256 random bits cannot be guessed."""
    return {"token_hash": _hash(refresh_token), "expires_at": datetime.now(UTC) + rules.REFRESH_LIFETIME}


def _hash(refresh_token: str) -> bytes:
    return hashlib.sha256(refresh_token.encode()).digest()


def _answer(account: AccountRow, session_id: UUID, refresh_token: str) -> SessionView:
    return SessionView(
        access_token=issue_access_token(account.id, session_id),
        refresh_token=refresh_token,
        expires_in=int(ACCESS_LIFETIME.total_seconds()),
        account=AccountView.model_validate(account),
    )


def _end_family(conn: db.Connection, token: Presented) -> None:
    db.run(conn, SQL.revoke_session, id=token.session_id, account_id=token.id)
    count("RefreshTokenReused")
    _audit(conn, "refresh_session", token.id, reused_token_of_session=str(token.session_id))


def _audit(conn: db.Connection, action: str, account_id: UUID, **facts: Any) -> None:
    audit.record(conn, action, f"account {account_id}", actor=account_id, **facts)
