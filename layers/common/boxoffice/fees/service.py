"""Set and read the terms of the platform's fee. Terms never change: others replace them, and orders keep their own."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from boxoffice import audit, db, sql
from boxoffice.auth import Caller, require_admin, require_role
from boxoffice.fees.models import (
    DEFAULT,
    PlatformFeesRequest,
    PlatformFeesView,
    PlatformFeeView,
    TermsRow,
)
from boxoffice.organisations.service import lock_organisation
from boxoffice.platform_settings import PlatformFee
from boxoffice.versions import check_version

SQL = sql.queries("fees")


def get_fees(conn: db.Connection, caller: Caller, organisation_id: UUID) -> PlatformFeesView:
    """Return the terms that hold for an organisation's next order.

    Raises:
        NotFound, Forbidden: the organisation is not the caller's, or the role is too low.
    """
    require_role(conn, caller, organisation_id)
    return _view(conn, organisation_id)


def set_fees(
    conn: db.Connection, caller: Caller, organisation_id: UUID, request: PlatformFeesRequest, expected: int | None
) -> PlatformFeesView:
    """Replace an organisation's own terms. To set the same again changes nothing.

    Raises:
        Forbidden: the caller is not an admin.
        NotFound: there is no such organisation.
        StaleVersion: the terms have another version than ``expected``.
    """
    require_admin(conn, caller)
    lock_organisation(conn, organisation_id)
    check_version(_version(conn, organisation_id), expected)
    before = {row.currency: row.fee for row in _list(conn, organisation_id) if row.is_own}
    if before != request.fees:
        _replace(conn, organisation_id, request.fees)
        changes = audit.changes({"fees": _plain(before)}, {"fees": _plain(request.fees)})
        subject = f"organisation {organisation_id}"
        audit.record(
            conn, caller, "set_platform_fees", subject, organisation=organisation_id, reason=request.reason, **changes
        )
    return _view(conn, organisation_id)


def set_default(conn: db.Connection, fees: Mapping[str, PlatformFee]) -> None:
    """Let other terms be the default from now on. The transaction has locked the platform's settings."""
    _replace(conn, DEFAULT, fees)


def _replace(conn: db.Connection, organisation_id: UUID, fees: Mapping[str, PlatformFee]) -> None:
    """End the terms that differ from what is to hold, and insert what is new."""
    wanted: dict[str, Any] = {
        "organisation_id": organisation_id,
        "currencies": list(fees),
        "basis_points": [fee.basis_points for fee in fees.values()],
        "fixed": [fee.fixed for fee in fees.values()],
        "minimums": [fee.minimum for fee in fees.values()],
        "maximums": [fee.maximum for fee in fees.values()],
        "return_on_refund": [fee.return_on_refund for fee in fees.values()],
    }
    db.run(conn, SQL.end_terms, **wanted)
    db.run(conn, SQL.insert_terms, **wanted)


def _view(conn: db.Connection, organisation_id: UUID) -> PlatformFeesView:
    return PlatformFeesView(
        organisation_id=organisation_id,
        fees=[PlatformFeeView.model_validate(row) for row in _list(conn, organisation_id)],
        version=_version(conn, organisation_id),
    )


def _list(conn: db.Connection, organisation_id: UUID) -> list[TermsRow]:
    return db.many(conn, TermsRow, SQL.list_terms, organisation_id=organisation_id)


def _version(conn: db.Connection, organisation_id: UUID) -> int:
    return int(db.value(conn, SQL.get_version, organisation_id=organisation_id))


def _plain(fees: Mapping[str, PlatformFee]) -> dict[str, Any]:
    return {currency: fee.model_dump() for currency, fee in fees.items()}
