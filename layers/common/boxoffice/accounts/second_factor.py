"""The second factor of an account: codes of an app (TOTP, RFC 6238), and recovery codes for when the app is lost.

An account has a second factor once a code has confirmed it (`second_factor_since`). Every function here locks the
account first, so that no two use, replace or remove a factor at once. Whoever calls one that takes a code counts the
tries before, in a transaction of their own (`rate_limit.limit_second_factor`).
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from boxoffice import audit, db, one_time, outbox, qr_pictures, sql
from boxoffice.accounts import rules, sessions
from boxoffice.accounts.errors import LogInOver, NoSecondFactor, SecondFactorOn, WrongSecondFactorCode
from boxoffice.accounts.models import (
    AccountWithFactor,
    NewSecondFactorView,
    RecoveryCodesView,
    SecondFactorLogInRequest,
    SessionView,
)
from boxoffice.auth import Caller
from boxoffice.config import settings
from boxoffice.encryption import Encrypted, decrypt, encrypt
from boxoffice.errors import Unauthenticated
from boxoffice.ids import new_readable_code, normalise_readable_code
from boxoffice.one_time import Purpose

SQL = sql.queries("accounts")

RECOVERY_CODES = 10
_GROUPS = 6  # of four characters: 112 bits, so that SHA-256 hides them (NIST SP 800-63B, section 3.1.2)
TIME_TO_CONFIRM = timedelta(hours=1)
_PURPOSE = "second factor"


@dataclass(frozen=True)
class _Factor:
    key_id: int
    secret: bytes


def start(conn: db.Connection, caller: Caller) -> NewSecondFactorView:
    """Make the secret of a second factor, which a code has to confirm. One that was made before ends.

    Raises:
        SecondFactorOn: the account has a second factor.
    """
    import pyotp

    account = _lock_account(conn, caller.account)
    if account.second_factor_since is not None:
        raise SecondFactorOn
    secret = pyotp.random_base32()
    db.run(conn, SQL.replace_second_factor, account_id=account.id, **vars(_encrypt(account.id, secret)))
    name = account.email or account.phone or account.name
    uri = pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=settings().site)
    return NewSecondFactorView(secret=secret, uri=uri, qr_svg=_picture(uri))


def confirm(conn: db.Connection, caller: Caller, code: str) -> RecoveryCodesView:
    """Begin to ask for the second factor, since a code of the app has proven that the app has the secret.

    The account's other sessions end, since they began without it.

    Returns:
        The recovery codes. Only their hashes are stored.

    Raises:
        SecondFactorOn: the account has a second factor.
        NoSecondFactor: none was started, or too long ago.
        WrongSecondFactorCode: the code is not one of the app.
    """
    account = _lock_account(conn, caller.account)
    if account.second_factor_since is not None:
        raise SecondFactorOn
    use_code(conn, account, code)  # it has no recovery codes yet
    codes = [new_readable_code(_GROUPS) for _ in range(RECOVERY_CODES)]
    hashes = [_hash(account.id, normalise_readable_code(each)) for each in codes]
    db.run(conn, SQL.store_recovery_codes, account_id=account.id, hashes=hashes)
    db.run(conn, SQL.set_second_factor_since, id=account.id, since=datetime.now(UTC))
    revoked = sessions.revoke_sessions(conn, account.id, keep=caller.session_id)
    _tell(conn, account, "second_factor_added")
    audit.record(conn, caller, "confirm_second_factor", f"account {account.id}", sessions_revoked=revoked)
    return RecoveryCodesView(recovery_codes=codes)


def account_of(conn: db.Connection, second_factor_token: str) -> UUID:
    """Return the account whose log-in waits for the second factor.

    Raises:
        LogInOver: none waits by this token.
    """
    token = one_time.find(conn, second_factor_token, Purpose.SECOND_FACTOR)
    if token is None or token.account_id is None:
        raise LogInOver
    return token.account_id


def log_in(conn: db.Connection, caller: Caller, account_id: UUID, request: SecondFactorLogInRequest) -> SessionView:
    """Open the session of a log-in that waits for the second factor.

    Raises:
        LogInOver: it waits no more.
        WrongSecondFactorCode: see `use_code`.
    """
    account = _lock_account(conn, account_id)
    if one_time.redeem(conn, Purpose.SECOND_FACTOR, request.second_factor_token) is None:
        raise LogInOver
    use_code(conn, account, request.code)
    return sessions.open_session(conn, caller, account, device_name=request.device_name, second_factor_passed=True)


def note_wrong_code(conn: db.Connection, caller: Caller, account_id: UUID) -> None:
    """Let the audit log have it that somebody who got past the password sent a wrong code. A limit bounds how often."""
    audit.record(conn, caller, caller.operation, f"account {account_id}", refused=WrongSecondFactorCode.code)


def remove(conn: db.Connection, caller: Caller, code: str) -> None:
    """Ask for the second factor no longer. One that was not confirmed yet ends too.

    Raises:
        NoSecondFactor: there is none.
        WrongSecondFactorCode: the code is not one of the app, and no recovery code.
    """
    account = _lock_account(conn, caller.account)
    use_code(conn, account, code)
    db.run(conn, SQL.delete_second_factor, account_id=account.id)
    one_time.revoke(conn, Purpose.SECOND_FACTOR, account.id)
    if account.second_factor_since is not None:
        db.run(conn, SQL.set_second_factor_since, id=account.id, since=None)
        _tell(conn, account, "second_factor_removed")
    audit.record(conn, caller, "remove_second_factor", f"account {account.id}")


def use_code(conn: db.Connection, account: AccountWithFactor, code: str) -> None:
    """Use up a code of the app, or a recovery code. The caller has locked the account.

    Raises:
        NoSecondFactor: the account has none.
        WrongSecondFactorCode: it is neither, or was used before.
    """
    factor = db.one(conn, _Factor, SQL.get_second_factor, account_id=account.id, time_to_confirm=TIME_TO_CONFIRM)
    if factor is None:
        raise NoSecondFactor
    presented = normalise_readable_code(code)
    if rules.is_code_of_app(presented):
        _use_code_of_app(conn, account, factor, presented)
    else:
        _use_recovery_code(conn, account, presented)


def _use_code_of_app(conn: db.Connection, account: AccountWithFactor, factor: _Factor, code: str) -> None:
    """Use up a code of the app: a code of its time step or of an earlier one is refused from now on.

    The secret is encrypted anew, so that no secret in use depends on an old key of the ring.
    """
    secret = _decrypt(account.id, factor)
    step = rules.step_of(secret, code, datetime.now(UTC)) if secret else None
    if not secret or step is None:
        raise WrongSecondFactorCode().about(account.id)
    if not db.run(conn, SQL.use_step, account_id=account.id, step=step, **vars(_encrypt(account.id, secret))):
        raise WrongSecondFactorCode().about(account.id)


def _use_recovery_code(conn: db.Connection, account: AccountWithFactor, code: str) -> None:
    left = db.value(conn, SQL.use_recovery_code, account_id=account.id, code_hash=_hash(account.id, code))
    if left is None:
        raise WrongSecondFactorCode().about(account.id)
    _tell(conn, account, "recovery_code_used", left=left)


def _lock_account(conn: db.Connection, account_id: UUID) -> AccountWithFactor:
    account = db.one(conn, AccountWithFactor, SQL.lock_account_with_factor, id=account_id)
    if account is None:
        raise Unauthenticated
    return account


def _tell(conn: db.Connection, account: AccountWithFactor, template: str, **facts: int) -> None:
    """Owe the account an email about its second factor, if it has an address."""
    if account.email is not None:
        outbox.owe_email(conn, template, account.email, facts)


def _hash(account_id: UUID, code: str) -> bytes:
    """Return what is stored of a recovery code. It has 75 random bits, and the account's id is the salt."""
    return hashlib.sha256(account_id.bytes + code.encode()).digest()


def _encrypt(account_id: UUID, secret: str) -> Encrypted:
    return encrypt(settings().data_keys_secret, _PURPOSE, account_id.bytes, secret.encode())


def _decrypt(account_id: UUID, factor: _Factor) -> str | None:
    """Return the secret, or None if its key was withdrawn. Then only a recovery code is left."""
    stored = Encrypted(factor.key_id, factor.secret)
    plain = decrypt(settings().data_keys_secret, _PURPOSE, account_id.bytes, stored)
    return plain.decode() if plain else None


def _picture(uri: str) -> str:
    """Return the QR that an app scans, as SVG."""
    import qrcode

    code = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_M)
    code.add_data(uri)
    return qr_pictures.svg(qr_pictures.rows_of(code)).decode()
