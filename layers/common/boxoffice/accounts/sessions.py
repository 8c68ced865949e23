"""Sessions: every way in opens one here, and each refresh, log-out and change of password ends or renews it.

So here is the one place that asks for the second factor.
"""

import hashlib
import secrets
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from boxoffice import audit, credentials, db, one_time, rate_limit, sql
from boxoffice.access_tokens import ACCESS_LIFETIME, issue_access_token
from boxoffice.accounts import rules
from boxoffice.accounts.devices import device_of
from boxoffice.accounts.errors import SecondFactorNeeded, SessionOver, WrongCredentials
from boxoffice.accounts.models import (
    AccountRow,
    AccountView,
    ListedSessionView,
    RefreshTokenRow,
    SessionRow,
    SessionView,
)
from boxoffice.addresses import network_of
from boxoffice.auth import Caller, acting_as
from boxoffice.errors import NotFound
from boxoffice.ids import new_id
from boxoffice.models import Page
from boxoffice.observability import count
from boxoffice.one_time import Purpose
from boxoffice.pagination import LAST_ID, decode_id

SQL = sql.queries("accounts")

_BATCH = 5000
TIME_FOR_SECOND_FACTOR = timedelta(minutes=10)


def open_session(
    conn: db.Connection,
    caller: Caller,
    account: AccountRow,
    *,
    checked_hash: str | None = None,
    device_name: str | None = None,
    second_factor_passed: bool = False,
) -> SessionView:
    """Open a session of an account whose owner has proven who they are, or ask for the second factor too.

    The audit log has it under the name of the operation, whichever way in that was.

    It is the last step of its transaction, since the error that asks commits.

    Args:
        caller: whose device the session is on.
        checked_hash: the hash that the owner's password was checked against, if that was the proof.
        device_name: what the owner calls the device.
        second_factor_passed: True if a code of the account's second factor was used up in this transaction.

    Raises:
        WrongCredentials: the password has been changed since, or the account is blocked.
        SecondFactorNeeded: the account has a second factor. The error has a token that is traded with its code.
    """
    session_id, refresh_token = new_id(), secrets.token_urlsafe()
    with conn.transaction():
        found = db.one(
            conn,
            dict,
            SQL.lock_account_and_open_session,
            account_id=account.id,
            checked_hash=checked_hash,
            second_factor_passed=second_factor_passed,
            session_id=session_id,
            device_name=device_name,
            **_device(caller),
            token_hash=_hash(refresh_token),
            expires_at=_expiry(),
        )
        if found is None:
            raise WrongCredentials().about(account.id)
        if found["has_second_factor"] and not second_factor_passed:
            raise _second_factor_needed(conn, account)
        owner = acting_as(caller, account.id)
        audit.record(conn, owner, caller.operation, f"account {account.id}", session_id=session_id)
    return _answer(account, session_id, refresh_token, must_change_password=found["must_change_password"])


def refresh_session(conn: db.Connection, caller: Caller, refresh_token: str) -> SessionView:
    """Exchange a refresh token for the next pair of tokens.

    Raises:
        SessionOver: the token is refused. One that was used before has revoked its session.
        TooManyRequests: the session was refreshed too often.
    """
    presented_hash = _hash(refresh_token)
    token = db.one(conn, RefreshTokenRow, SQL.lock_refresh_token, token_hash=presented_hash)
    if token is None:
        raise SessionOver
    if rules.is_reused(token):
        _revoke_reused(conn, acting_as(caller, token.id), token)
    now = datetime.now(UTC)
    if not rules.is_live(token, now):
        raise SessionOver
    next_token = secrets.token_urlsafe()
    db.run(
        conn,
        SQL.rotate_refresh_token,
        used_hash=presented_hash,
        session_id=token.session_id,
        **_device(caller),
        token_hash=_hash(next_token),
        expires_at=rules.next_expiry(token, now),
    )
    rate_limit.limit_refreshes(conn, token.session_id)
    return _answer(token, token.session_id, next_token, must_change_password=token.must_change_password)


def knows_caller(conn: db.Connection, caller: Caller, *, email: str | None = None, phone: str | None = None) -> bool:
    """Return True if somebody has logged in lately, from the caller's network, to the account that is named."""
    used = db.many(conn, dict, SQL.list_addresses_of_sessions, email=email, phone=phone)
    return network_of(caller.address) in {network_of(row["address"]) for row in used}


def known_device(conn: db.Connection, email: str, refresh_token: str | None) -> UUID | None:
    """Return the session that a device has had of an account, by one of its refresh tokens, used or not."""
    if refresh_token is None:
        return None
    session_id: UUID | None = db.value(conn, SQL.get_session_of_device, token_hash=_hash(refresh_token), email=email)
    return session_id


def list_sessions(conn: db.Connection, caller: Caller, limit: int, cursor: str | None) -> Page[ListedSessionView]:
    """Return the open sessions of the caller's account, the newest first."""
    rows = db.page(
        conn,
        SessionRow,
        SQL.list_sessions,
        account_id=caller.account,
        unused=rules.REFRESH_LIFETIME,
        lifetime=rules.SESSION_LIFETIME,
        before=decode_id(cursor) or LAST_ID,
        limit=limit,
    )

    def show(row: SessionRow) -> ListedSessionView:
        device, is_current = row.device_name or device_of(row.user_agent), row.id == caller.session_id
        return ListedSessionView(**vars(row), device=device, current=is_current)

    return Page[ListedSessionView].of(rows, limit, show=show)


def end_session(conn: db.Connection, caller: Caller, session_id: UUID) -> None:
    """Revoke one session of the caller's account.

    Raises:
        NotFound: the account has no such open session.
    """
    if not db.run(conn, SQL.revoke_session, id=session_id, account_id=caller.account):
        raise NotFound
    credentials.forget(session_id)
    audit.record(conn, caller, "end_session", f"account {caller.account}", session=str(session_id))


def log_out(conn: db.Connection, caller: Caller) -> None:
    """Revoke the session of the caller's access token."""
    db.run(conn, SQL.revoke_session, id=caller.session_id, account_id=caller.account)
    credentials.forget(caller.session_id)
    audit.record(conn, caller, "log_out", f"account {caller.account}", session_id=caller.session_id)


def log_out_everywhere(conn: db.Connection, caller: Caller) -> None:
    """Revoke every session of the caller's account."""
    revoked = revoke_sessions(conn, caller.account)
    audit.record(conn, caller, "log_out_everywhere", f"account {caller.account}", sessions_revoked=revoked)


def revoke_sessions(conn: db.Connection, account_id: UUID, *, keep: UUID | None = None) -> int:
    """Revoke the sessions of an account, but for one if that is given, and return their number.

    Log-ins that wait for the second factor end too.
    """
    one_time.revoke(conn, Purpose.SECOND_FACTOR, account_id)
    revoked = db.run(conn, SQL.lock_and_revoke_sessions, account_id=account_id, keep=keep)
    credentials.forget()
    return revoked


def list_old(conn: db.Connection, days: int, leave_out: Collection[UUID] = ()) -> list[UUID]:
    """Return a batch of sessions that have refresh tokens which ended so many days ago.

    Args:
        leave_out: sessions that the run has tried already.
    """
    return db.values(conn, SQL.list_old_sessions, days=days, leave_out=list(leave_out), batch=_BATCH)


def purge(conn: db.Connection, session_ids: Sequence[UUID], days: int) -> int:
    """Delete the old refresh tokens of some sessions, and the sessions that have no other. Return how many it read."""
    ids = db.values(conn, SQL.take_sessions, ids=list(session_ids))
    db.run(conn, SQL.delete_old_tokens, session_ids=ids, days=days)
    db.run(conn, SQL.delete_empty_sessions, ids=ids)
    return len(ids)


def end_ways_in(conn: db.Connection, account_id: UUID, since: datetime) -> None:
    """End what somebody may have added since a time to get in, or to keep the owner out.

    That is a second factor, and a Google account. The caller has locked the account, and revokes its sessions too.
    """
    db.run(conn, SQL.end_second_factor, id=account_id, since=since)
    db.run(conn, SQL.end_google_identity, id=account_id, since=since)


def _second_factor_needed(conn: db.Connection, account: AccountRow) -> SecondFactorNeeded:
    """Return the error that asks for the second factor, with the token of the log-in that waits for it."""
    token_id = one_time.issue(conn, Purpose.SECOND_FACTOR, TIME_FOR_SECOND_FACTOR, account_id=account.id)
    return SecondFactorNeeded(
        second_factor_token=one_time.token_of(Purpose.SECOND_FACTOR, token_id),
        expires_in=int(TIME_FOR_SECOND_FACTOR.total_seconds()),
    )


def _device(caller: Caller) -> dict[str, Any]:
    """Return what is stored of the device that a caller uses."""
    return {"user_agent": caller.user_agent, "address": caller.address}


def _expiry() -> datetime:
    return datetime.now(UTC) + rules.REFRESH_LIFETIME


def _hash(refresh_token: str) -> bytes:
    """Return what is stored of a refresh token. Nobody can guess 256 random bits, so the hash needs no salt."""
    return hashlib.sha256(refresh_token.encode()).digest()


def _answer(account: AccountRow, session_id: UUID, refresh_token: str, *, must_change_password: bool) -> SessionView:
    return SessionView(
        access_token=issue_access_token(account.id, session_id),
        refresh_token=refresh_token,
        expires_in=int(ACCESS_LIFETIME.total_seconds()),
        must_change_password=must_change_password,
        account=AccountView.model_validate(account),
    )


def _revoke_reused(conn: db.Connection, caller: Caller, token: RefreshTokenRow) -> None:
    db.run(conn, SQL.revoke_session, id=token.session_id, account_id=token.id)
    credentials.forget(token.session_id)
    count("RefreshTokenReused")
    subject = f"account {token.id}"
    audit.record(conn, caller, "refresh_session", subject, reused_token_of_session=str(token.session_id))
