"""The proof that a caller still is the owner of their account, for what a stolen session must not do."""

from datetime import timedelta

from boxoffice import db, sql
from boxoffice.accounts import passwords
from boxoffice.accounts.errors import ProofNeeded, WrongCredentials
from boxoffice.accounts.models import Credentials
from boxoffice.auth import Caller
from boxoffice.errors import Unauthenticated

SQL = sql.queries("accounts")

FRESH = timedelta(minutes=15)


def get_account(conn: db.Connection, caller: Caller) -> Credentials:
    """Return the caller's account as it is stored.

    Raises:
        Unauthenticated: the account is gone.
    """
    account = db.one(conn, Credentials, SQL.get_credentials_of_account, id=caller.account)
    if account is None:
        raise Unauthenticated
    return account


def check_password(account: Credentials, password: str) -> None:
    """Check that a password is the account's.

    Raises:
        WrongCredentials: it is not, or the account has none.
    """
    if not passwords.matches(password, account.password_hash):
        raise wrong_password()


def check_owner(conn: db.Connection, caller: Caller, password: str | None) -> Credentials:
    """Return the caller's account, once they have proven that it is theirs. Runs in autocommit.

    Raises:
        Unauthenticated: the account is gone.
        WrongCredentials, ProofNeeded: see `check_proof`.
    """
    account = get_account(conn, caller)
    check_proof(conn, caller, account, password)
    return account


def check_proof(conn: db.Connection, caller: Caller, account: Credentials, password: str | None) -> None:
    """Check that a password proves the caller's account to be theirs. Runs in autocommit.

    An account without a password has only the ways in that it has. So there a log-in proves it that is not older than
    `FRESH`.

    Raises:
        WrongCredentials: the password is wrong.
        ProofNeeded: the password is missing, or the log-in is too old.
    """
    if account.password_hash is None:
        if not db.value(conn, SQL.is_fresh_session, id=caller.session_id, account_id=account.id, fresh=FRESH):
            raise ProofNeeded
    elif password is None:
        raise ProofNeeded
    else:
        check_password(account, password)


def lock_unchanged(conn: db.Connection, account: Credentials) -> Credentials:
    """Lock an account whose owner was checked before the transaction began, and return it as it is now.

    Raises:
        Unauthenticated: the account is gone or blocked.
        WrongCredentials: the password has been changed since.
    """
    locked = db.one(conn, Credentials, SQL.lock_credentials, id=account.id)
    if locked is None or locked.blocked_at is not None:
        raise Unauthenticated
    if locked.password_hash != account.password_hash:
        raise wrong_password()
    return locked


def wrong_password() -> WrongCredentials:
    """Return the error for a password that is not the account's, or no longer."""
    return WrongCredentials("The current password is wrong.")
