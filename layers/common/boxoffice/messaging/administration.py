"""What admins do with the outbox: see what is owed and what failed, and try it again. They lift suppressions, too."""

from uuid import UUID

from boxoffice import audit, db, outbox, sql
from boxoffice.auth import Caller, require_admin
from boxoffice.errors import NotFound
from boxoffice.masking import masked
from boxoffice.messaging.errors import MessageNotFailed
from boxoffice.messaging.models import (
    OutboxFilters,
    OutboxMessageView,
    OutboxPage,
    OutboxRow,
    SuppressedAddress,
    SuppressedAddressPage,
)
from boxoffice.pagination import decode_moment_and_id

SQL = sql.queries("messaging")

_NUDGES = {"email": outbox.nudge, "sms": outbox.nudge_sms}


def list_outbox(
    conn: db.Connection, caller: Caller, filters: OutboxFilters, limit: int, cursor: str | None
) -> OutboxPage:
    """Return a page of the messages that match the filters, newest first.

    Raises:
        Forbidden: the caller is no admin.
    """
    require_admin(conn, caller)
    before, before_id = decode_moment_and_id(cursor) or (None, None)
    key = {"before": before, "before_id": before_id, "limit": limit}
    rows = db.search(conn, OutboxRow, SQL.list_outbox, **vars(filters), **key)
    return OutboxPage.of(rows, limit, lambda row: (row.created_at, row.id), show=_view)


def retry_message(conn: db.Connection, caller: Caller, message_id: UUID) -> OutboxMessageView:
    """Let a message that has failed be tried again, as often as a new one.

    Raises:
        Forbidden: the caller is no admin.
        NotFound: there is no such message.
        MessageNotFailed: it is in another state, or its recipient was erased.
    """
    require_admin(conn, caller)
    message = db.get(conn, OutboxRow, SQL.lock_message, id=message_id)
    if message.status != "failed" or not message.recipient:
        raise MessageNotFailed(message_status=message.status)
    retried = db.exactly_one(conn, OutboxRow, SQL.retry_message, id=message_id)
    if message.kind in _NUDGES:
        conn.after_commit(_NUDGES[message.kind], message_id, last=True)
    audit.record(conn, caller, "retry_outbox_message", f"message {message_id}", template=message.template)
    return _view(retried)


def list_suppressed_addresses(
    conn: db.Connection, caller: Caller, address: str | None, limit: int, cursor: str | None
) -> SuppressedAddressPage:
    """Return a page of the addresses that nobody writes to any more, newest first, or one of them.

    Raises:
        Forbidden: the caller is no admin.
    """
    require_admin(conn, caller)
    before, before_id = decode_moment_and_id(cursor) or (None, None)
    key = {"before": before, "before_id": before_id, "limit": limit}
    rows = db.search(conn, SuppressedAddress, SQL.list_suppressed_addresses, address=address, **key)
    return SuppressedAddressPage.of(rows, limit, lambda row: (row.suppressed_at, row.id))


def lift_suppression(conn: db.Connection, caller: Caller, suppression_id: UUID) -> None:
    """Let emails be written to an address again.

    Raises:
        Forbidden: the caller is no admin.
        NotFound: there is no such address, or it was lifted before.
    """
    require_admin(conn, caller)
    address = db.value(conn, SQL.lift_suppression, id=suppression_id)
    if address is None:
        raise NotFound
    audit.record(conn, caller, "lift_suppression", f"suppressed address {suppression_id}", email=address)


def _view(row: OutboxRow) -> OutboxMessageView:
    """Return a message as admins see it, with its recipient masked wherever it stands."""
    shown, error = masked(row.recipient) or "", row.last_error
    if row.recipient and error:
        error = error.replace(row.recipient, shown)
    return OutboxMessageView.model_validate(vars(row) | {"recipient": shown, "last_error": error})
