"""Use cases of vouchers: list, create, update and delete them. Orders redeem them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from boxoffice import audit, db, sql
from boxoffice.auth import Caller, require_role
from boxoffice.errors import NotFound
from boxoffice.ids import new_id
from boxoffice.pagination import LAST_ID, decode_id
from boxoffice.stock import service as stock
from boxoffice.versions import check_version
from boxoffice.vouchers import rules
from boxoffice.vouchers.models import (
    UNLIMITED,
    VoucherPage,
    VoucherPatch,
    VoucherRequest,
    VoucherRow,
    VoucherView,
)
from boxoffice.vouchers.rows import Voucher

SQL = sql.queries("vouchers")


def list_by_code(conn: db.Connection, event_ids: Sequence[UUID], code: str) -> list[Voucher]:
    """Return the vouchers of some events that have this code."""
    return db.many(conn, Voucher, SQL.list_by_code, event_ids=list(event_ids), code=code)


def list_vouchers(conn: db.Connection, caller: Caller, event_id: UUID, limit: int, cursor: str | None) -> VoucherPage:
    """Return a page of an event's vouchers, newest first.

    Raises:
        NotFound, Forbidden: the event is not the caller's, or the role is too low.
    """
    require_role(conn, caller, db.get(conn, dict, SQL.get_event, event_id=event_id)["organisation_id"])
    before = decode_id(cursor) or LAST_ID
    rows = db.page(conn, VoucherRow, SQL.list_vouchers, event_id=event_id, before=before, limit=limit)
    return VoucherPage.of(rows, limit)


def create_voucher(conn: db.Connection, caller: Caller, event_id: UUID, request: VoucherRequest) -> VoucherView:
    """Create a voucher of an event.

    Raises:
        NotFound, Forbidden: the event or a ticket type is not the caller's, or the role is too low.
        EventCancelled: the event was cancelled.
        CodeTaken: the event has another voucher with this code.
        AmountOffStep: nobody could pay what a fixed discount leaves of a price.
        ValidityEmpty, VoucherWithoutUse: the fields contradict each other.
    """
    event = db.get(conn, dict, SQL.lock_event, event_id=event_id)
    require_role(conn, caller, event["organisation_id"])
    rules.check_editable(event_id, event["status"])
    columns = rules.columns_of(request.model_dump())
    rules.check_discount(columns, event["currency"])
    _check_ticket_types(conn, event_id, request.ticket_type_ids)
    voucher_id = new_id()
    pool_id = stock.create_pool(conn, _pool_size(request.max_redemptions))
    db.run(conn, SQL.insert_voucher, id=voucher_id, event_id=event_id, pool_id=pool_id, **columns)
    voucher = _get_voucher(conn, voucher_id)
    _record(conn, caller, "create_voucher", voucher, **request.model_dump(mode="json"))
    return VoucherView.model_validate(voucher)


def update_voucher(
    conn: db.Connection, caller: Caller, voucher_id: UUID, patch: VoucherPatch, expected_version: int | None
) -> VoucherView:
    """Change some of a voucher's fields. Orders that have redeemed it keep their discount.

    Raises:
        NotFound, Forbidden: the voucher or a ticket type is not the caller's, or the role is too low.
        StaleVersion: the voucher has another version than expected.
        EventCancelled: the event was cancelled.
        QuantityTooLow: more orders redeem it than the new `max_redemptions` allows.
        CodeTaken: the event has another voucher with this code.
        AmountOffStep: nobody could pay what a fixed discount leaves of a price.
        ValidityEmpty, VoucherWithoutUse: the fields would contradict each other.
    """
    db.run(conn, SQL.lock_event_of_voucher, voucher_id=voucher_id)
    voucher = _lock_voucher(conn, caller, voucher_id)
    check_version(voucher.version, expected_version)
    rules.check_editable(voucher.event_id, voucher.event_status)
    changes = rules.changed_columns(voucher, patch.changes())
    rules.check_discount(changes, voucher.currency)
    _check_ticket_types(conn, voucher.event_id, changes.get("ticket_type_ids"))
    fields = vars(voucher) | changes
    db.run(conn, SQL.update_voucher, **fields)
    if "max_redemptions" in changes:
        stock.resize_pool(conn, voucher.pool_id, _pool_size(changes["max_redemptions"]))
    updated = _get_voucher(conn, voucher_id)
    _record(conn, caller, "update_voucher", updated, **audit.changes(voucher, updated, only=changes))
    return VoucherView.model_validate(updated)


def delete_voucher(conn: db.Connection, caller: Caller, voucher_id: UUID, expected_version: int | None = None) -> None:
    """Delete a voucher, so that nobody can redeem it any more. Orders that have redeemed it keep their discount.

    Raises:
        NotFound, Forbidden: the voucher is not the caller's, or the role is too low.
        StaleVersion: it has another version than expected.
    """
    voucher = _lock_voucher(conn, caller, voucher_id)
    check_version(voucher.version, expected_version)
    stock.empty_pool(conn, voucher.pool_id)
    db.run(conn, SQL.delete_voucher, id=voucher_id)
    _record(conn, caller, "delete_voucher", voucher, code=voucher.code)


def _pool_size(max_redemptions: int | None) -> int:
    return UNLIMITED if max_redemptions is None else max_redemptions


def _check_ticket_types(conn: db.Connection, event_id: UUID, ticket_type_ids: list[UUID] | None) -> None:
    ids = set(ticket_type_ids or ())
    if db.value(conn, SQL.count_ticket_types, ticket_type_ids=list(ids), event_id=event_id) != len(ids):
        raise NotFound("The event does not have one of these ticket types.")


def _lock_voucher(conn: db.Connection, caller: Caller, voucher_id: UUID) -> VoucherRow:
    """Lock a voucher that the caller may change, then return it.

    Raises:
        NotFound, Forbidden: the voucher is not the caller's, or the role is too low.
    """
    db.run(conn, SQL.lock_voucher, id=voucher_id)
    voucher = _get_voucher(conn, voucher_id)
    require_role(conn, caller, voucher.organisation_id)
    return voucher


def _get_voucher(conn: db.Connection, voucher_id: UUID) -> VoucherRow:
    return db.get(conn, VoucherRow, SQL.get_voucher, id=voucher_id)


def _record(conn: db.Connection, caller: Caller, action: str, voucher: VoucherRow, **facts: Any) -> None:
    subject = f"voucher {voucher.id}"
    audit.record(conn, caller, action, subject, organisation=voucher.organisation_id, **facts)
