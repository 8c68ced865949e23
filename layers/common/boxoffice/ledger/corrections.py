"""Correct what an organisation has available, with a reason that it reads."""

from uuid import UUID

from boxoffice import audit, db, idempotency, sql
from boxoffice.auth import Caller, require_admin
from boxoffice.idempotency import IdempotentRequest
from boxoffice.ids import new_id
from boxoffice.ledger import service
from boxoffice.ledger.models import CorrectionRequest, CorrectionView, Transfer
from boxoffice.organisations.service import lock_organisation

SQL = sql.queries("ledger")


def create_correction(
    conn: db.Connection, caller: Caller, organisation_id: UUID, request: CorrectionRequest, key: str
) -> CorrectionView:
    """Add an amount to what an organisation has available, or take it from there. Runs in autocommit.

    Raises:
        Forbidden: the caller is no admin.
        NotFound: there is no such organisation.
        KeyReused: the idempotency key belongs to another request.
    """
    require_admin(conn, caller)
    scope = idempotency.scope_of(caller, organisation_id)
    once = IdempotentRequest.of("create_correction", scope, key, request, organisation_id)
    return idempotency.run_once(
        conn, once, lambda: _correct(conn, caller, organisation_id, request, once), CorrectionView.model_validate
    )


def _correct(
    conn: db.Connection, caller: Caller, organisation_id: UUID, request: CorrectionRequest, once: IdempotentRequest
) -> CorrectionView:
    """Lock the organisation first, so that nobody pays out at the same time what this takes."""
    with conn.transaction():
        lock_organisation(conn, organisation_id)
        facts = request.model_dump()
        row = db.exactly_one(
            conn,
            dict,
            SQL.insert_correction,
            id=new_id(),
            organisation_id=organisation_id,
            made_by=caller.account,
            **facts,
        )
        transfers = [Transfer("correction", request.amount)]
        service.post_difference(conn, organisation_id, request.currency, row["id"], transfers)
        view = CorrectionView.model_validate(row)
        idempotency.store(conn, once, view.model_dump(mode="json"))
        subject = f"organisation {organisation_id}"
        audit.record(conn, caller, "create_correction", subject, organisation=organisation_id, **facts)
    return view
