"""The audit log as admins and owners read it: as a list, and as an export that `tools/verify_audit.py` verifies."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from boxoffice import audit, auth, db, sql
from boxoffice.admin.models import AuditEntryView, AuditExport, AuditFilters, AuditPage, ExportedEntry, Head
from boxoffice.auth import Caller
from boxoffice.pagination import decode_audit_key

SQL = sql.queries("admin")

_MOST_ENTRIES = 1000
_MOST_BYTES = 4_000_000  # Lambda answers six megabytes at the most


@dataclass(frozen=True)
class _Entry:
    chain: UUID
    entry: int
    at: datetime
    actor_kind: str
    actor_id: UUID | None
    actor_name: str | None
    as_admin: bool
    action: str
    subject: str
    details: dict[str, Any]
    personal: dict[str, str]
    hash: str


def list_entries(
    conn: db.Connection,
    caller: Caller,
    organisation_id: UUID | None,
    filters: AuditFilters,
    limit: int,
    cursor: str | None,
) -> AuditPage:
    """Return a page of the audit log, newest first: of an organisation to its owners, and all of it to admins.

    Raises:
        NotFound, Forbidden: the caller is neither an owner of the organisation nor an admin.
    """
    _require_reader(conn, caller, organisation_id or audit.PLATFORM_CHAIN)
    before = decode_audit_key(cursor)
    at, chain, entry = before or (None, None, None)
    rows = db.search(
        conn,
        _Entry,
        SQL.list_audit_entries,
        chain=organisation_id,
        **vars(filters),
        before=at,
        before_chain=chain,
        before_entry=entry,
        limit=limit,
    )
    return AuditPage.of(rows, limit, lambda row: (row.at, row.chain, row.entry), show=_view)


def export_entries(conn: db.Connection, caller: Caller, chain: UUID, after: int) -> AuditExport:
    """Return entries of one chain in the order in which they were recorded, with all that verifies them.

    Args:
        chain: the id of an organisation or an account, or the platform's.
        after: the number of the entry that was read last.

    Raises:
        NotFound, Forbidden: the caller is neither an owner of the organisation nor an admin.
    """
    _require_reader(conn, caller, chain)
    head = Head.model_validate(db.one(conn, dict, SQL.get_audit_head, chain=chain) or {"entry": 0, "hash": ""})
    rows = db.page(
        conn,
        dict,
        SQL.export_audit_entries,
        chain=chain,
        after=after,
        last=head.entry,
        most_bytes=_MOST_BYTES,
        limit=_MOST_ENTRIES,
    )
    entries = [ExportedEntry.model_validate(row) for row in rows]
    last = entries[-1].entry if entries else head.entry
    return AuditExport(chain=chain, head=head, entries=entries, next_after=last if last < head.entry else None)


def _require_reader(conn: db.Connection, caller: Caller, chain: UUID) -> None:
    """Let through admins, and the owners of an organisation if it is their chain that is read."""
    if chain == audit.PLATFORM_CHAIN:
        auth.require_admin(conn, caller)
    elif not auth.is_admin(conn, caller):
        auth.require_role(conn, caller, chain)


def _view(row: _Entry) -> AuditEntryView:
    details = audit.with_values(row.details, row.personal)
    return AuditEntryView.model_validate(vars(row) | {"address": details.pop("address", None), "details": details})
