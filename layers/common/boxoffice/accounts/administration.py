"""What admins do with accounts: find them, block them, verify their addresses, and make them admins."""

from datetime import UTC, datetime
from uuid import UUID

from boxoffice import audit, db, outbox, sql
from boxoffice.accounts import rules, sessions
from boxoffice.accounts.models import (
    AccountFilters,
    ListedAccount,
    ManagedAccount,
    ManagedAccountPage,
    ManagedAccountPatch,
    ManagedAccountView,
)
from boxoffice.auth import Caller, require_admin
from boxoffice.pagination import decode_id
from boxoffice.versions import check_version

SQL = sql.queries("accounts")


def list_accounts(
    conn: db.Connection, caller: Caller, filters: AccountFilters, limit: int, cursor: str | None
) -> ManagedAccountPage:
    """Return a page of the accounts that fit the filters, the newest first.

    Raises:
        Forbidden: the caller is no admin.
    """
    require_admin(conn, caller)
    rows = db.search(
        conn,
        ListedAccount,
        SQL.list_accounts,
        search=filters.search,
        email_pattern=rules.prefix_pattern(filters.search) if filters.search else None,
        status=filters.status,
        verified=filters.verified,
        is_admin=filters.is_admin,
        before=decode_id(cursor),
        limit=limit,
    )
    return ManagedAccountPage.of(rows, limit)


def update_account(
    conn: db.Connection, caller: Caller, account_id: UUID, patch: ManagedAccountPatch, expected: int | None
) -> ManagedAccountView:
    """Change what only admins may change of an account. A block ends its sessions at once, and lets it open no other.

    Raises:
        Forbidden: the caller is no admin.
        NotFound: there is no such account.
        StaleVersion: it has another version than ``expected``.
        AccountErased: it has no owner any more.
        Invalid: a block has no reason.
        NoEmail: there is no address to verify.
        OwnAccount: admins cannot lock themselves out.
        AdminNotEligible: the account cannot be an admin's.
        LastAdmin: the platform would have no admin.
    """
    require_admin(conn, caller)
    account = db.get(conn, ManagedAccount, SQL.lock_managed_account, id=account_id)
    check_version(account.version, expected)
    new = rules.administered(account, patch, datetime.now(UTC), is_own=account_id == caller.account)
    if new == account:
        return ManagedAccountView.model_validate(account)
    updated = db.exactly_one(
        conn,
        ManagedAccount,
        SQL.administer_account,
        id=account_id,
        email_verified_at=new.email_verified_at,
        is_admin=new.is_admin,
        blocked_at=new.blocked_at,
        block_reason=new.block_reason,
    )
    if updated.blocked_at and not account.blocked_at:
        sessions.revoke_sessions(conn, account_id)
    for template in rules.emails_about(account, updated):
        if updated.email is not None:
            outbox.owe_email(conn, template, updated.email, {"account_id": str(account_id)})
    facts = audit.changes(account, updated) | ({"reason": patch.reason} if patch.reason else {})
    audit.record(conn, caller, "update_account", f"account {account_id}", **facts)
    return ManagedAccountView.model_validate(updated)
