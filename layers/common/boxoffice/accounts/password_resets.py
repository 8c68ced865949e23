"""Password resets: a link by email sets a new password, and so proves who reads the address.

A log-in and a reset wait for each other's lock on the account. If the reset is second, it revokes the session. If it is
first, the log-in finds another password. Of two resets with one link, the second finds the link used.
"""

from datetime import timedelta
from uuid import UUID

from boxoffice import audit, db, one_time, outbox, sql
from boxoffice.accounts import passwords, sessions
from boxoffice.accounts.errors import LinkOver
from boxoffice.accounts.models import Credentials, EmailSentView, PasswordReset
from boxoffice.auth import Caller, acting_as
from boxoffice.one_time import OneTimeToken, Purpose

SQL = sql.queries("accounts")

RESET_LIFETIME = timedelta(minutes=30)


def request(conn: db.Connection, email: str) -> EmailSentView:
    """Send a link that sets a new password, if an account has the address and is not blocked.

    This does the same whether or not there is one. Without an account the link sets nothing, and the email is dropped.
    """
    account_id = db.value(conn, SQL.find_account_to_reset, email=email)
    token_id = one_time.issue(conn, Purpose.RESET_PASSWORD, RESET_LIFETIME, account_id=account_id, email=email)
    outbox.owe_email(conn, "reset_password", email, {"token_id": str(token_id)})
    return EmailSentView(detail="If an account has this address, we have sent a link to it. It works for 30 minutes.")


def reset(conn: db.Connection, caller: Caller, request: PasswordReset) -> str:
    """Set the password of the account that a link belongs to, and return its address. Runs in autocommit.

    This ends every session, and every other link that was sent before. If the address was not verified before, anybody
    may have made the account. Then this also ends the ways in that its maker may have added.

    Raises:
        LinkOver: the link is used or over, a newer reset has ended it, or the account is blocked or gone.
        GuessablePassword: the password is too easy to guess.
    """
    token = one_time.find(conn, request.token, Purpose.RESET_PASSWORD)
    if token is None:
        raise LinkOver
    owner = _check(db.one(conn, Credentials, SQL.get_credentials_of_account, id=token.account_id), token)
    new_hash = passwords.hash_of(request.password, owner.name, token.payload["email"])
    with conn.transaction():
        account = _check(db.one(conn, Credentials, SQL.lock_credentials, id=token.account_id), token)
        if one_time.redeem(conn, Purpose.RESET_PASSWORD, request.token) is None:
            raise LinkOver
        db.run(conn, SQL.reset_password, id=account.id, new_hash=new_hash)
        if account.email_verified_at is None:
            sessions.end_ways_in(conn, account.id, account.created_at)
        end_links(conn, account.id)
        revoked = sessions.revoke_sessions(conn, account.id)
        outbox.owe_email(conn, "password_changed", token.payload["email"], {})
        actor = acting_as(caller, account.id)
        audit.record(conn, actor, "reset_password", f"account {account.id}", sessions_revoked=revoked)
    return str(token.payload["email"])


def replace(conn: db.Connection, account_id: UUID, email: str) -> UUID:
    """End the links of an account, and return the id of the token of a new one that resets its password."""
    end_links(conn, account_id)
    return one_time.issue(conn, Purpose.RESET_PASSWORD, RESET_LIFETIME, account_id=account_id, email=email)


def end_links(conn: db.Connection, account_id: UUID) -> None:
    """End every link of an account but those that undo a change of its address: a thief must not end these."""
    for purpose in (Purpose.CHANGE_EMAIL, Purpose.CONFIRM_EMAIL, Purpose.RESET_PASSWORD):
        one_time.revoke(conn, purpose, account_id)


def _check(account: Credentials | None, token: OneTimeToken) -> Credentials:
    """Return the account of a link, if the link may still set its password.

    Raises:
        LinkOver: the account is gone or blocked, or has another address than the link was sent to.
    """
    if account is None or account.blocked_at is not None or account.email != token.payload["email"]:
        raise LinkOver
    return account
