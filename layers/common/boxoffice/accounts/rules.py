"""Decisions about what a client presents to log in, and about what an admin does with an account."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from boxoffice.accounts.errors import AccountErased, AdminNotEligible, NoEmail, OwnAccount
from boxoffice.accounts.models import ManagedAccount, ManagedAccountPatch, PhoneUsage, RefreshTokenRow
from boxoffice.errors import Invalid

REFRESH_LIFETIME = timedelta(days=7)
SESSION_LIFETIME = timedelta(days=90)
PHONE_LIFETIME = timedelta(days=180)

_OF_APP = re.compile("[0-9]{6}")
_DRIFT = 1  # time steps of 30 seconds that the app's clock may be wrong by


def is_live(token: RefreshTokenRow, now: datetime) -> bool:
    """Return True if a refresh token can be exchanged for the next pair of tokens."""
    return token.used_at is None and token.revoked_at is None and now < token.expires_at


def next_expiry(token: RefreshTokenRow, now: datetime) -> datetime:
    """Return when the refresh token that follows this one is over: in a week, and no later than its session."""
    return min(now + REFRESH_LIFETIME, token.started_at + SESSION_LIFETIME)


def is_reused(token: RefreshTokenRow) -> bool:
    """Return True if a token was used before and its session still goes on.

    Somebody has copied the token then, and either of the two who have it may be the thief (RFC 9700, section 4.14.2).
    """
    return token.used_at is not None and token.revoked_at is None


def is_code_of_app(code: str) -> bool:
    """Return True if a code looks like one of an app. Recovery codes are longer."""
    return _OF_APP.fullmatch(code) is not None


def step_of(secret: str, code: str, now: datetime) -> int | None:
    """Return the time step (RFC 6238) of a code of the app, or None if the code is wrong."""
    import pyotp

    try:
        return pyotp.TOTP(secret).verify_and_get_timecode(code, for_time=now, valid_window=_DRIFT)
    except pyotp.OTPVerificationError:
        return None


def administered(account: ManagedAccount, patch: ManagedAccountPatch, now: datetime, *, is_own: bool) -> ManagedAccount:
    """Return an account as an admin wants it.

    Args:
        is_own: True if it is the admin's own account.

    Raises:
        AccountErased: it has no owner any more.
        Invalid: a block has no reason.
        NoEmail: there is no address to verify.
        OwnAccount: admins cannot lock themselves out.
        AdminNotEligible: the account cannot be an admin's.
    """
    wanted = patch.changes()
    if account.erased_at:
        raise AccountErased
    if "email_verified" in wanted and account.email is None:
        raise NoEmail
    if is_own and (wanted.get("blocked") or wanted.get("is_admin") is False):
        raise OwnAccount
    new = account
    if "blocked" in wanted and wanted["blocked"] != bool(account.blocked_at):
        new = _blocked(account, patch.reason, now) if wanted["blocked"] else _unblocked(account)
    if "email_verified" in wanted:
        new = replace(new, email_verified_at=account.email_verified_at or now)
    new = replace(new, is_admin=wanted.get("is_admin", new.is_admin))
    if new.is_admin and not account.is_admin and (new.blocked_at or not new.email_verified_at):
        raise AdminNotEligible
    return new


def _blocked(account: ManagedAccount, reason: str, now: datetime) -> ManagedAccount:
    if not reason:
        raise Invalid.at("body", "reason", because="must say why you block the account")
    return replace(account, blocked_at=now, block_reason=reason)


def _unblocked(account: ManagedAccount) -> ManagedAccount:
    return replace(account, blocked_at=None, block_reason=None)


def emails_about(before: ManagedAccount, after: ManagedAccount) -> Iterator[str]:
    """Yield the names of the emails that tell the owner of an account what an admin has changed."""
    if bool(before.blocked_at) != bool(after.blocked_at):
        yield "account_blocked" if after.blocked_at else "account_unblocked"
    if before.is_admin != after.is_admin:
        yield "admin_role_given" if after.is_admin else "admin_role_taken"


def prefix_pattern(text: str) -> str:
    """Return the pattern of ``LIKE`` for addresses that begin with a text."""
    return text.lower().replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") + "%"


def is_pumped(usage: PhoneUsage) -> bool:
    """Return True if fewer than a quarter of a prefix's last codes were used, of twenty at least.

    Of the codes that people ask for, they use most. Of those that are sent for the sake of an operator's fees, nobody
    uses any.
    """
    return usage.sent >= 20 and usage.used * 4 < usage.sent


def is_phone_proven(verified_at: datetime | None, now: datetime) -> bool:
    """Return True if somebody has shown lately enough that the phone is theirs; see `proven_phones`."""
    return verified_at is not None and now - verified_at < PHONE_LIFETIME
