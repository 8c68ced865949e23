"""Changes of an account's email address.

A change holds once the new address confirms it. The old address is told at once, by an email with a link that undoes
the change, even seven days after it was confirmed. Until then nobody else can take the old address.

Somebody may have stolen the account and changed its address several times. So an undo goes back to the address that its
link was sent to, whatever the address is by then. It ends the undo links of later changes, but not of earlier ones.
"""

from datetime import timedelta
from typing import Any

from boxoffice import audit, db, one_time, outbox, sql
from boxoffice.accounts import password_resets, proof, sessions, verification
from boxoffice.accounts.errors import EmailTaken, LinkOver
from boxoffice.accounts.models import AccountRow, Credentials, EmailChange, EmailSentView
from boxoffice.auth import Caller, acting_as
from boxoffice.errors import Invalid
from boxoffice.one_time import Purpose

SQL = sql.queries("accounts")

UNDO_LIFETIME = verification.LINK_LIFETIME + timedelta(days=7)  # the link to confirm may be opened at its very end


def start(conn: db.Connection, caller: Caller, request: EmailChange) -> EmailSentView:
    """Send a link to the new address, and tell the old one. Runs in autocommit. An older change ends.

    This does the same whether or not the new address belongs to another account: only the email to it differs.

    Raises:
        Unauthenticated, WrongCredentials, ProofNeeded: the caller has not proven that the account is theirs.
        Invalid: the account has this address already.
    """
    account = proof.check_owner(conn, caller, request.current_password)
    if account.email == request.email:
        raise Invalid.at("body", "email", because="must be another address than the account has")
    with conn.transaction():
        locked = proof.lock_unchanged(conn, account)
        one_time.revoke(conn, Purpose.CHANGE_EMAIL, account.id)
        payload: dict[str, Any] = {"email": request.email, "old_email": locked.email}
        if locked.email is not None:
            undo_id = one_time.issue(
                conn,
                Purpose.UNDO_EMAIL_CHANGE,
                UNDO_LIFETIME,
                account_id=account.id,
                email=locked.email,
                verified=locked.email_verified_at is not None,
            )
            payload["undo_id"] = str(undo_id)
            told = {"undo_id": str(undo_id), "new_email": request.email}
            outbox.owe_email(conn, "email_change_started", locked.email, told)
        token_id = one_time.issue(
            conn, Purpose.CHANGE_EMAIL, verification.LINK_LIFETIME, account_id=account.id, **payload
        )
        asked = {"token_id": str(token_id), "email": request.email}
        outbox.owe_email(conn, "confirm_email_change", request.email, asked)
        audit.record(conn, caller, "change_email", f"account {account.id}", email=request.email)
    return EmailSentView(detail="We have sent a link to the new address. The change holds once it is opened.")


def confirm(conn: db.Connection, caller: Caller, presented: str, account: Credentials) -> AccountRow:
    """Give an account its new address. Its owner has opened the link, in a transaction that begins with this.

    Raises:
        LinkOver: the link was used or replaced since, or the account has another address than when it was sent.
        EmailTaken: another account has the address, or may still take it back.
    """
    locked = proof.lock_unchanged(conn, account)
    change = one_time.redeem(conn, Purpose.CHANGE_EMAIL, presented)
    if change is None or change["old_email"] != locked.email:
        raise LinkOver
    changed = db.one(conn, AccountRow, SQL.set_email, id=account.id, email=change["email"])
    if changed is None:
        raise EmailTaken
    for purpose in (Purpose.CONFIRM_EMAIL, Purpose.RESET_PASSWORD):  # those links went to the old address
        one_time.revoke(conn, purpose, account.id)
    if locked.email is not None:
        told = {"undo_id": change["undo_id"], "new_email": change["email"]}
        outbox.owe_email(conn, "email_changed", locked.email, told)
    _audit(conn, caller, "confirm_email", locked, changed)
    return changed


def undo(conn: db.Connection, caller: Caller, presented: str) -> EmailSentView:
    """Give an account back the address that the link was sent to, and shut out whoever changed it.

    They know the password, so it ends, and every session. A link to set a new one goes to the address. What they may
    have added since as a way in ends too. If nobody had verified the address by then, anybody may have made the
    account, so every way in ends.

    Raises:
        LinkOver: the link was used, is too old, or was ended by the undo of an earlier change.
    """
    found = one_time.find(conn, presented, Purpose.UNDO_EMAIL_CHANGE)
    if found is None or found.account_id is None:
        raise LinkOver
    account = db.one(conn, Credentials, SQL.lock_credentials, id=found.account_id)
    if account is None:
        raise LinkOver
    undone = one_time.redeem(conn, Purpose.UNDO_EMAIL_CHANGE, presented)
    if undone is None:
        raise LinkOver
    email = undone["email"]
    since = found.expires_at - UNDO_LIFETIME if undone["verified"] else account.created_at
    restored = db.exactly_one(conn, AccountRow, SQL.restore_email, id=account.id, email=email, since=since)
    one_time.revoke(conn, Purpose.UNDO_EMAIL_CHANGE, account.id, after=found.id)
    sessions.end_ways_in(conn, account.id, since)
    token_id = password_resets.replace(conn, account.id, email)
    sessions.revoke_sessions(conn, account.id)
    outbox.owe_email(conn, "email_change_undone", email, {"token_id": str(token_id)})
    _audit(conn, caller, "undo_email_change", account, restored)
    return EmailSentView(detail="The account has its address again. A link to set a new password is on its way to it.")


def _audit(conn: db.Connection, caller: Caller, action: str, before: AccountRow, after: AccountRow) -> None:
    changes = audit.changes(before, after, only=("email", "email_verified_at", "phone_verified_at"))
    audit.record(conn, acting_as(caller, after.id), action, f"account {after.id}", **changes)
