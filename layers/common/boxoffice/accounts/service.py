"""Use cases of accounts.

bcrypt takes a quarter of a second, and no transaction should stay open for that long. So a function that checks or
hashes a password runs in autocommit, and opens its transaction afterwards.
"""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from boxoffice import audit, db, erased, one_time, outbox, sql
from boxoffice.accounts import password_resets, passwords, proof, sessions
from boxoffice.accounts.errors import EmailNotVerified, EmailTaken, NoEmail, WrongCredentials
from boxoffice.accounts.models import (
    AccountDetails,
    AccountPatch,
    AccountRow,
    AccountView,
    Credentials,
    LogInRequest,
    MyAccountView,
    PasswordChange,
    SessionView,
    SignUpRequest,
)
from boxoffice.auth import Caller, reads_address
from boxoffice.errors import Busy, Unauthenticated
from boxoffice.ids import new_id
from boxoffice.versions import check_version

SQL = sql.queries("accounts")


def create_account(
    conn: db.Connection,
    caller: Caller,
    request: SignUpRequest,
    password_hash: str,
    email_verified_at: datetime | None = None,
) -> SessionView:
    """Make an account and open its first session.

    Raises:
        EmailTaken: there is an account with this email address, or one that may take it back.
    """
    account = AccountRow(
        id=new_id(),
        email=request.email,
        email_verified_at=email_verified_at,
        name=request.name,
        phone=None,
        phone_verified_at=None,
        locale=request.locale,
        version=1,
        created_at=datetime.now(UTC),
    )
    inserted = db.run(
        conn,
        SQL.insert_account,
        id=account.id,
        email=account.email,
        email_verified_at=account.email_verified_at,
        name=account.name,
        locale=account.locale,
        password_hash=password_hash,
        created_at=account.created_at,
    )
    if not inserted:
        raise EmailTaken
    return sessions.open_session(conn, caller, account, checked_hash=password_hash)


def check_email_free(conn: db.Connection, email: str) -> None:
    """Check that a new account could get this email address.

    Raises:
        EmailTaken: there is an account with it, or one that may take it back.
    """
    if db.value(conn, SQL.is_email_taken, email=email):
        raise EmailTaken


def log_in(conn: db.Connection, caller: Caller, request: LogInRequest) -> SessionView:
    """Open a session. Runs in autocommit.

    Raises:
        WrongCredentials: there is no such account, or the password is not its own. Text and time are the same for both.
        SecondFactorNeeded: the password is right, and the account has a second factor.
    """
    account = db.one(conn, Credentials, SQL.get_credentials, email=request.email)
    stored_hash = account.password_hash if account else None
    is_right = passwords.matches(request.password, stored_hash)
    if account is None or stored_hash is None or not is_right:
        raise WrongCredentials().about(account.id if account else None)
    if passwords.is_too_cheap(stored_hash):
        stored_hash = _rehash(conn, account.id, request.password, stored_hash)
    return sessions.open_session(conn, caller, account, checked_hash=stored_hash, device_name=request.device_name)


def _rehash(conn: db.Connection, account_id: UUID, password: str, stored_hash: str) -> str:
    """Replace a hash of a lower cost than is set now, and return what is stored. The password has just matched it."""
    new_hash = passwords.rehash(password)
    replaced = db.run(conn, SQL.rehash_password, id=account_id, checked_hash=stored_hash, new_hash=new_hash)
    return new_hash if replaced else stored_hash


def change_password(conn: db.Connection, caller: Caller, request: PasswordChange) -> None:
    """Replace the password and revoke the account's other sessions. Runs in autocommit.

    Raises:
        Unauthenticated: the account is gone.
        WrongCredentials: the current password in the request is wrong.
        GuessablePassword: the new one is too easy to guess.
    """
    account = proof.get_account(conn, caller)
    proof.check_password(account, request.current_password)
    new_hash = passwords.hash_of(request.new_password, account.name, account.email or "")
    with conn.transaction():
        if not db.run(conn, SQL.replace_password, id=account.id, checked_hash=account.password_hash, new_hash=new_hash):
            raise proof.wrong_password()
        password_resets.end_links(conn, account.id)
        revoked = sessions.revoke_sessions(conn, account.id, keep=caller.session_id)
        if account.email is not None:
            outbox.owe_email(conn, "password_changed", account.email, {})
        audit.record(conn, caller, "change_password", f"account {account.id}", sessions_revoked=revoked)


def erase_account(conn: db.Connection, account: Credentials) -> None:
    """Erase an account that the transaction has locked, and end all that lets somebody act for it."""
    one_time.revoke_all(conn, account.id)
    db.run(conn, SQL.delete_second_factor, account_id=account.id)
    db.run(conn, SQL.delete_google_identities, account_id=account.id)
    sessions.revoke_sessions(conn, account.id)
    db.run(conn, SQL.lock_and_erase_devices, account_id=account.id)
    db.run(conn, SQL.erase_account, id=account.id, erased_name=erased.NAME)


def get_me(conn: db.Connection, caller: Caller) -> MyAccountView:
    """Return the caller's account with its memberships.

    Raises:
        Unauthenticated: the account is gone.
    """
    account = db.one(conn, AccountDetails, SQL.get_my_account, id=caller.account)
    if account is None:
        raise Unauthenticated
    return MyAccountView.model_validate(account)


def get_proven_email(conn: db.Connection, caller: Caller) -> str:
    """Return the address of the caller's account.

    Raises:
        NoEmail: the account has none.
        EmailNotVerified: no link has proven that it reads the address.
    """
    email: str | None = db.value(conn, SQL.get_email, id=caller.account)
    if email is None:
        raise NoEmail
    if not reads_address(conn, caller, email):
        raise EmailNotVerified
    return email


def update_me(conn: db.Connection, caller: Caller, patch: AccountPatch, expected: int | None) -> AccountView:
    """Change the fields of the caller's account that the request has. Runs in autocommit.

    With a verified phone somebody can log in. So whoever changes it proves that the account is theirs.

    Raises:
        Unauthenticated: the account is gone.
        StaleVersion: the account has another version than ``expected``.
        WrongCredentials, ProofNeeded: the caller has not proven that the account is theirs.
    """
    changes = patch.changes()
    found = proof.get_account(conn, caller)
    takes_way_in = found.phone_verified_at is not None and changes.get("phone", found.phone) != found.phone
    if takes_way_in:
        proof.check_proof(conn, caller, found, patch.current_password)
    with conn.transaction():
        account = proof.lock_unchanged(conn, found)
        check_version(account.version, expected)
        if (account.phone, account.phone_verified_at) != (found.phone, found.phone_verified_at):
            raise Busy  # it was changed in this moment, so that the proof may be about another phone
        new = replace(account, **changes)
        row = db.exactly_one(
            conn, AccountRow, SQL.update_account, id=account.id, name=new.name, phone=new.phone, locale=new.locale
        )
        audit.record(conn, caller, "update_me", f"account {account.id}", **audit.changes(account, row))
    return AccountView.model_validate(row)


def verify_email(conn: db.Connection, account_id: UUID, email: str) -> bool:
    """Note that the owner of an account reads this address, as a link that came to it has proven.

    Returns:
        False if the account has another address.
    """
    return bool(db.run(conn, SQL.set_email_verified, id=account_id, email=email))


def exists(conn: db.Connection, account_id: UUID) -> bool:
    """Return True if there is such an account, and its owner was not erased."""
    return bool(db.value(conn, SQL.has_account, id=account_id))
