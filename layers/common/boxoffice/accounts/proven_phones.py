"""Phones that people have proved to be theirs, by a code: to log in, or to add a phone to their account.

Operators give a number to somebody else some months after its owner left it. So a proof counts for 180 days. After
that, whoever proves the phone takes it from the account that had it, and gets nothing else of that account.
"""

from datetime import UTC, datetime

from boxoffice import audit, db, outbox, sql
from boxoffice.accounts import phone_codes, proof, rules, sessions
from boxoffice.accounts.errors import PhoneTaken, WrongCredentials, WrongPhoneCode
from boxoffice.accounts.models import (
    AccountRow,
    AccountView,
    PhoneConfirmation,
    PhoneLogInRequest,
    SessionView,
)
from boxoffice.auth import Caller, acting_as
from boxoffice.errors import Busy
from boxoffice.ids import new_id

SQL = sql.queries("accounts")


def log_in(conn: db.Connection, caller: Caller, request: PhoneLogInRequest) -> SessionView:
    """Open a session of the account that has a phone. The first log-in makes the account. Runs in autocommit.

    Raises:
        WrongPhoneCode: the code is wrong, or the account is blocked.
        SecondFactorNeeded: see `sessions.open_session`.
    """
    code_id = phone_codes.check(conn, caller, request.phone, request.code)
    with conn.transaction():
        phone_codes.use(conn, code_id)
        owner = db.one(conn, AccountRow, SQL.lock_account_of_phone, phone=request.phone)
        former = None if owner is None or _is_proven(owner) else owner
        if former:
            db.run(conn, SQL.release_phone, id=former.id)
        account = owner if owner and not former else _create_account(conn, request)
        account = db.exactly_one(conn, AccountRow, SQL.prove_phone, id=account.id, phone=request.phone)
        try:
            session = sessions.open_session(conn, caller, account, device_name=request.device_name)
        except WrongCredentials as error:
            raise WrongPhoneCode().about(account.id) from error
        if former:
            _tell_former(conn, acting_as(caller, account.id), former)
        return session


def confirm(conn: db.Connection, caller: Caller, request: PhoneConfirmation) -> AccountView:
    """Make a phone the caller's, so that they can log in with it. Runs in autocommit.

    Raises:
        Unauthenticated, WrongCredentials, ProofNeeded: the caller has not proven that the account is theirs.
        WrongPhoneCode: the code is wrong.
        PhoneTaken: another account has proved lately that the phone is its own.
    """
    checked = proof.check_owner(conn, caller, request.current_password)
    code_id = phone_codes.check(conn, caller, request.phone, request.code)
    with conn.transaction():
        phone_codes.use(conn, code_id)
        owners = db.many(conn, AccountRow, SQL.lock_accounts_of_phone, id=checked.id, phone=request.phone)
        proof.lock_unchanged(conn, checked)
        others = [owner for owner in owners if owner.id != checked.id]
        for other in others:
            if _is_proven(other):
                raise PhoneTaken
            db.run(conn, SQL.release_phone, id=other.id)
        account = db.exactly_one(conn, AccountRow, SQL.prove_phone, id=checked.id, phone=request.phone)
        if account.email:
            outbox.owe_email(conn, "phone_confirmed", account.email, {"ending": request.phone[-2:]})
        for other in others:
            _tell_former(conn, caller, other)
        change = audit.changes(checked, account, only=["phone", "phone_verified_at"])
        audit.record(conn, caller, "confirm_phone", f"account {account.id}", **change)
        return AccountView.model_validate(account)


def _create_account(conn: db.Connection, request: PhoneLogInRequest) -> AccountRow:
    """Make an account with a phone, or return the one that another log-in has made in this moment."""
    created = db.one(
        conn, AccountRow, SQL.insert_account_of_phone, id=new_id(), phone=request.phone, name=request.name or ""
    )
    account = created or db.one(conn, AccountRow, SQL.lock_account_of_phone, phone=request.phone)
    if account is None:
        raise Busy
    return account


def _tell_former(conn: db.Connection, caller: Caller, former: AccountRow) -> None:
    """Tell the account that had a phone that somebody else has proved it since."""
    if former.email:
        outbox.owe_email(conn, "phone_lost", former.email, {})
    audit.record(conn, caller, "release_phone", f"account {former.id}")


def _is_proven(account: AccountRow) -> bool:
    return rules.is_phone_proven(account.phone_verified_at, datetime.now(UTC))
