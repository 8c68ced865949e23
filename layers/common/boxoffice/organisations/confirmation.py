"""What the links do that confirm an email address: they make an account, verify its address, or change it."""

from datetime import UTC, datetime

from boxoffice import db, one_time
from boxoffice.accounts import email_changes, passwords, verification
from boxoffice.accounts import service as accounts
from boxoffice.accounts.errors import LinkOver
from boxoffice.accounts.models import EmailConfirmation
from boxoffice.auth import Caller
from boxoffice.one_time import OneTimeToken, Purpose
from boxoffice.organisations import service
from boxoffice.organisations.models import ConfirmedEmailView, SignUpView


def confirm_email(conn: db.Connection, caller: Caller, request: EmailConfirmation) -> ConfirmedEmailView:
    """Confirm an address, as its link says. Runs in autocommit.

    Raises:
        LinkOver: the link confirms nothing any more.
        Invalid, GuessablePassword: the link makes an account, and the request has no good password for it.
        ProofNeeded, WrongCredentials: whoever opens the link of an account has not proven that it is theirs.
        EmailTaken: another account has the address by now.
    """
    link = verification.find_link(conn, request.token)
    if link.purpose == Purpose.SIGN_UP:
        session = _finish_sign_up(conn, caller, link, request)
        return ConfirmedEmailView(email=link.payload["email"], session=session)
    account = verification.check_owner_of_link(conn, caller, link, request.password)
    confirm = email_changes.confirm if link.purpose == Purpose.CHANGE_EMAIL else verification.confirm
    with conn.transaction():
        confirmed = confirm(conn, caller, request.token, account)
    return ConfirmedEmailView(email=str(confirmed.email), session=None)


def _finish_sign_up(conn: db.Connection, caller: Caller, link: OneTimeToken, request: EmailConfirmation) -> SignUpView:
    """Make the account that a link was sent for, with the password that whoever opens the link chooses.

    The link is not used up if the address is taken meanwhile. So that is found out before the password is hashed: else
    one link would buy any number of hashes.
    """
    sign_up = verification.sign_up_of(link, request)
    accounts.check_email_free(conn, sign_up.email)
    password_hash = passwords.hash_of(sign_up.password, sign_up.name, sign_up.email)
    with conn.transaction():
        if one_time.redeem(conn, Purpose.SIGN_UP, request.token) is None:
            raise LinkOver
        return service.make_account(conn, caller, sign_up, password_hash, email_verified_at=datetime.now(UTC))
