"""Emails to the owners of accounts, and to addresses that somebody has entered for one.

Anybody can enter anybody's address. So an email to an address that is not verified has no names or other texts of
requests. Else people could send their own words by it.

What an email says depends on whether the address has an account. That is found out here, when it is sent. So no answer
of the API depends on it, and no time that an answer takes.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from boxoffice import db, one_time, sql
from boxoffice.accounts.models import ManagedAccount
from boxoffice.config import settings
from boxoffice.emails import Content, NotNeeded, page_link, write
from boxoffice.languages import gettext
from boxoffice.one_time import OneTimeToken, Purpose

SQL = sql.queries("accounts")


def confirm_sign_up(conn: db.Connection, token_id: str, email: str) -> Content:
    """Write to whom an account was asked for: here is the link that makes it, or, you have one already."""
    token = _token(conn, Purpose.SIGN_UP, token_id)
    if _has_account(conn, email):
        return _account_exists(
            gettext(
                "Somebody, most likely you, wants to sign up with this address at %(site)s. But there is an account"
                " with it already.",
                site=settings().site,
            )
        )
    return _write("confirm_sign_up", gettext("Confirm your email address"), **_link("confirm-email", token))


def confirm_email(conn: db.Connection, token_id: str) -> Content:
    """Write to the address of an account: here is the link that verifies it."""
    token = _token(conn, Purpose.CONFIRM_EMAIL, token_id)
    return _write("confirm_email", gettext("Confirm your email address"), **_link("confirm-email", token))


def confirm_email_change(conn: db.Connection, token_id: str, email: str) -> Content:
    """Write to the new address of an account: here is the link that confirms it, or, you have an account already."""
    token = _token(conn, Purpose.CHANGE_EMAIL, token_id)
    if _has_account(conn, email):
        return _account_exists(
            gettext(
                "Somebody, most likely you, wants to move another account to this address at %(site)s. But there is an"
                " account with it already.",
                site=settings().site,
            )
        )
    return _write("confirm_email_change", gettext("Confirm your new email address"), **_link("confirm-email", token))


def email_change_started(conn: db.Connection, undo_id: str, new_email: str) -> Content:
    """Write to the address of an account: somebody has asked to change it."""
    return _about_change(
        conn, "email_change_started", gettext("Your email address is about to change"), undo_id, new_email
    )


def email_changed(conn: db.Connection, undo_id: str, new_email: str) -> Content:
    """Write to the former address of an account: it has been changed."""
    return _about_change(conn, "email_changed", gettext("Your email address has been changed"), undo_id, new_email)


def email_change_undone(conn: db.Connection, token_id: str) -> Content:
    """Write to the address that an account got back: here is the link that sets a new password."""
    token = _token(conn, Purpose.RESET_PASSWORD, token_id)
    _check_account(conn, token)
    return _write("email_change_undone", gettext("Your email address is yours again"), **_link("reset-password", token))


def reset_password(conn: db.Connection, token_id: str) -> Content:
    """Write to the address of an account: here is the link that sets a new password."""
    token = _token(conn, Purpose.RESET_PASSWORD, token_id)
    _check_account(conn, token)
    return _write("reset_password", gettext("Set a new password"), **_link("reset-password", token))


def password_changed(_: db.Connection) -> Content:
    """Write to the address of an account: its password has been changed."""
    return _write("password_changed", gettext("Your password has been changed"), link=page_link("forgot-password"))


def second_factor_added(_: db.Connection) -> Content:
    """Write to the owner of an account: each log-in asks for a code from now on."""
    return _write(
        "second_factor_added", gettext("Your account asks for a code from now on"), link=page_link("forgot-password")
    )


def second_factor_removed(_: db.Connection) -> Content:
    """Write to the owner of an account: no log-in asks for a code any more."""
    return _write(
        "second_factor_removed", gettext("Your account no longer asks for a code"), link=page_link("forgot-password")
    )


def recovery_code_used(_: db.Connection, left: int) -> Content:
    """Write to the owner of an account: one recovery code is used up."""
    password = page_link("forgot-password")
    return _write("recovery_code_used", gettext("A recovery code of your account was used"), left=left, link=password)


def google_connected(_: db.Connection) -> Content:
    """Write to the owner of an account: a Google account logs in to it from now on."""
    return _write("google_connected", gettext("You can log in with Google from now on"))


def account_blocked(conn: db.Connection, account_id: str) -> Content:
    """Write to the owner of an account: an admin has blocked it, and why."""
    account = _managed_account(conn, account_id, is_so=lambda account: account.blocked_at is not None)
    return _write("account_blocked", gettext("Your account has been blocked"), reason=account.block_reason)


def account_unblocked(conn: db.Connection, account_id: str) -> Content:
    """Write to the owner of an account: it is no longer blocked."""
    _managed_account(conn, account_id, is_so=lambda account: account.blocked_at is None)
    return _write("account_unblocked", gettext("You can use your account again"), link=page_link("log-in"))


def admin_role_given(conn: db.Connection, account_id: str) -> Content:
    """Write to the owner of an account: they are an admin of the platform now."""
    _managed_account(conn, account_id, is_so=lambda account: account.is_admin)
    return _write("admin_role_given", gettext("You are an admin now"))


def admin_role_taken(conn: db.Connection, account_id: str) -> Content:
    """Write to the owner of an account: they are no admin any more."""
    _managed_account(conn, account_id, is_so=lambda account: not account.is_admin)
    return _write("admin_role_taken", gettext("You are no longer an admin"))


def phone_confirmed(_: db.Connection, ending: str) -> Content:
    """Write to the address of an account: a phone has been added, which opens the account."""
    link = page_link("forgot-password")
    return _write("phone_confirmed", gettext("A phone has been added to your account"), ending=ending, link=link)


def phone_lost(_: db.Connection) -> Content:
    """Write to the address of an account: its phone has been proved by somebody else, long after its owner did."""
    return _write("phone_lost", gettext("Your phone has been removed from your account"))


EMAILS = (
    account_blocked,
    account_unblocked,
    admin_role_given,
    admin_role_taken,
    confirm_sign_up,
    confirm_email,
    confirm_email_change,
    email_change_started,
    email_changed,
    email_change_undone,
    reset_password,
    password_changed,
    second_factor_added,
    second_factor_removed,
    recovery_code_used,
    google_connected,
    phone_confirmed,
    phone_lost,
)


def _account_exists(said: str) -> Content:
    """Write to the address of an account: somebody wants to use the address for another one.

    Args:
        said: what they want, and that it does not work.
    """
    links = {"log_in": page_link("log-in"), "forgot_password": page_link("forgot-password")}
    return _write("account_exists", gettext("You already have an account"), said=said, **links)


def _write(template: str, subject: str, **facts: Any) -> Content:
    """Write an email about an account at this platform."""
    return write(template, subject, {"site": settings().site, **facts})


def _managed_account(
    conn: db.Connection, account_id: str, *, is_so: Callable[[ManagedAccount], bool]
) -> ManagedAccount:
    """Return an account that an admin has changed.

    Args:
        is_so: returns True if it is still as the email says.

    Raises:
        NotNeeded: it has been changed again.
    """
    account = db.exactly_one(conn, ManagedAccount, SQL.get_managed_account, id=UUID(account_id))
    if not is_so(account):
        raise NotNeeded("the account has been changed again")
    return account


def _about_change(conn: db.Connection, template: str, subject: str, undo_id: str, new_email: str) -> Content:
    token = _token(conn, Purpose.UNDO_EMAIL_CHANGE, undo_id)
    return _write(template, subject, new_email=new_email, **_link("undo-email-change", token))


def _link(page: str, token: OneTimeToken) -> dict[str, str | None]:
    """Return the link to a page with the token, and the token for readers of a deployment without pages."""
    text = one_time.token_of(Purpose(token.purpose), token.id)
    return {"link": page_link(page, text), "token": text}


def _token(conn: db.Connection, purpose: Purpose, token_id: str) -> OneTimeToken:
    token = one_time.get(conn, purpose, UUID(token_id))
    if token is None:
        raise NotNeeded("the link is over")
    return token


def _has_account(conn: db.Connection, email: str) -> bool:
    """Return True if an account has an address.

    Raises:
        NotNeeded: the account is blocked, so that there is nothing that its owner can do.
    """
    is_blocked: bool | None = db.value(conn, SQL.is_account_blocked, email=email)
    if is_blocked:
        raise NotNeeded("the account is blocked")
    return is_blocked is not None


def _check_account(conn: db.Connection, token: OneTimeToken) -> None:
    """Check that the account of a link to reset its password still has the address that the email goes to."""
    if not _has_account(conn, token.payload["email"]):
        raise NotNeeded("no account has the address")
