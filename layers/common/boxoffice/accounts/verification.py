"""Verified addresses: the links that prove who reads an address.

A link alone proves too little. Whoever asked for it may not read the address, and hope that its reader clicks it. The
account would then have the address of one and the password of the other: account pre-hijacking (Sudhodanan and Paverd,
2022). So whoever opens a link gives a second proof. For an account it is its password, or being logged in as it. For a
sign-up nothing exists yet: whoever opens the link chooses the password.
"""

from datetime import timedelta

from boxoffice import audit, db, one_time, outbox, sql
from boxoffice.accounts import passwords, proof
from boxoffice.accounts.errors import EmailVerifiedBefore, LinkOver, NoEmail, ProofNeeded, WrongCredentials
from boxoffice.accounts.models import AccountRow, Credentials, EmailConfirmation, EmailSentView, SignUpRequest
from boxoffice.auth import Caller, acting_as
from boxoffice.errors import Invalid, Unauthenticated
from boxoffice.one_time import OneTimeToken, Purpose

SQL = sql.queries("accounts")

LINK_LIFETIME = timedelta(hours=24)
CONFIRMED_BY_LINK = (Purpose.SIGN_UP, Purpose.CONFIRM_EMAIL, Purpose.CHANGE_EMAIL)


def offer_account(conn: db.Connection, request: SignUpRequest) -> EmailSentView:
    """Send a link that makes an account, to the address that somebody wants to sign up with.

    This does the same whether or not the address has an account: only the email differs, which its reader gets. No
    account exists before the link is opened, so nobody can prepare one for another's address. The password of the
    request is not stored: whoever opens the link chooses it.

    Raises:
        GuessablePassword: the password is too easy to guess.
    """
    passwords.check_strength(request.password, request.name, request.email)
    token_id = one_time.issue(
        conn,
        Purpose.SIGN_UP,
        LINK_LIFETIME,
        email=request.email,
        name=request.name,
        organisation_name=request.organisation_name,
        locale=request.locale,
    )
    outbox.owe_email(conn, "confirm_sign_up", request.email, {"token_id": str(token_id), "email": request.email})
    return EmailSentView(detail="We have sent you an email. Open its link within 24 hours to finish.")


def email_to_verify(conn: db.Connection, caller: Caller) -> str:
    """Return the address of the caller's account, which is not verified yet.

    Raises: see `send_link`.
    """
    return _unverified(db.one(conn, AccountRow, SQL.find_account, id=caller.account))


def send_link(conn: db.Connection, caller: Caller) -> EmailSentView:
    """Send the link that verifies the address of the caller's account. An older link ends.

    Raises:
        Unauthenticated: the account is gone.
        NoEmail: the account has no address.
        EmailVerifiedBefore: there is nothing to verify.
    """
    email = _unverified(db.one(conn, AccountRow, SQL.lock_account, id=caller.account))
    one_time.revoke(conn, Purpose.CONFIRM_EMAIL, caller.account)
    token_id = one_time.issue(conn, Purpose.CONFIRM_EMAIL, LINK_LIFETIME, account_id=caller.account, email=email)
    outbox.owe_email(conn, "confirm_email", email, {"token_id": str(token_id)})
    return EmailSentView(detail="We have sent you an email. Open its link within 24 hours.")


def find_link(conn: db.Connection, presented: str) -> OneTimeToken:
    """Return what a link confirms, without using it up.

    Raises:
        LinkOver: it confirms nothing any more, or never did.
    """
    token = one_time.find(conn, presented, *CONFIRMED_BY_LINK)
    if token is None:
        raise LinkOver
    return token


def check_owner_of_link(conn: db.Connection, caller: Caller, token: OneTimeToken, password: str | None) -> Credentials:
    """Return the account that a link belongs to, once whoever opens it has proven that it is theirs.

    Raises:
        LinkOver: the account is gone or blocked.
        ProofNeeded, WrongCredentials: they have not proven it.
    """
    account = db.one(conn, Credentials, SQL.get_credentials_of_account, id=token.account_id)
    if account is None or account.blocked_at is not None:
        raise LinkOver
    if caller.account_id == account.id:
        return account
    if password is None:
        raise ProofNeeded
    if not passwords.matches(password, account.password_hash):
        raise WrongCredentials("The password is not that of the account.").about(account.id)
    return account


def sign_up_of(link: OneTimeToken, request: EmailConfirmation) -> SignUpRequest:
    """Return what a link of `offer_account` was asked for with, and the password that whoever opens it chooses.

    Raises:
        Invalid: there is no password, or it is too short.
    """
    password = request.password or ""
    if len(password) < passwords.LEAST_CHARACTERS:
        because = f"must have at least {passwords.LEAST_CHARACTERS} characters: it becomes the account's password"
        raise Invalid.at("body", "password", because=because)
    return SignUpRequest(**link.payload, password=password)


def confirm(conn: db.Connection, caller: Caller, presented: str, account: Credentials) -> AccountRow:
    """Verify the address of an account, whose owner has opened the link.

    Raises:
        LinkOver: the link was used or replaced since, or is about an address that the account no longer has.
    """
    locked = proof.lock_unchanged(conn, account)
    token = one_time.redeem(conn, Purpose.CONFIRM_EMAIL, presented)
    if token is None or token["email"] != locked.email:
        raise LinkOver
    confirmed = db.exactly_one(conn, AccountRow, SQL.set_email, id=account.id, email=locked.email)
    audit.record(conn, acting_as(caller, account.id), "confirm_email", f"account {account.id}")
    return confirmed


def _unverified(account: AccountRow | None) -> str:
    if account is None:
        raise Unauthenticated
    if account.email is None:
        raise NoEmail
    if account.email_verified_at is not None:
        raise EmailVerifiedBefore
    return account.email
