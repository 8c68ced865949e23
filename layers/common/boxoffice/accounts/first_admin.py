"""The first admin of a platform, whom a deploy makes."""

from collections.abc import Callable

from pydantic import TypeAdapter

from boxoffice import audit, db, one_time, sql
from boxoffice.accounts import password_resets, passwords, sessions
from boxoffice.ids import new_id
from boxoffice.models import Email
from boxoffice.one_time import Purpose

SQL = sql.queries("accounts")

_email = TypeAdapter[str](Email)


def ensure(conn: db.Connection, email: str, read_password: Callable[[], str]) -> bool:
    """Make an admin with this address, unless there is one who can log in. Runs in autocommit.

    The admin changes the password before anything else. An account that has the address already becomes the admin's.
    Somebody else may have made it, so every other way into it ends.

    Args:
        read_password: returns the first password. It is called only if there is no admin.

    Returns:
        True if there was no admin.

    Raises:
        ValidationError: nobody can be written to at the address.
    """
    if db.value(conn, SQL.has_admin):
        return False
    email = _email.validate_python(email)
    password_hash = passwords.hash_of(read_password(), email)
    with conn.transaction():
        db.run(conn, SQL.lock_admins)
        if db.value(conn, SQL.has_admin):
            return False
        account_id = db.value(conn, SQL.make_first_admin, id=new_id(), email=email, password_hash=password_hash)
        password_resets.end_links(conn, account_id)
        one_time.revoke(conn, Purpose.UNDO_EMAIL_CHANGE, account_id)
        db.run(conn, SQL.delete_google_identities, account_id=account_id)
        sessions.revoke_sessions(conn, account_id)
        audit.record(conn, None, "make_first_admin", f"account {account_id}", email=email)
    return True
