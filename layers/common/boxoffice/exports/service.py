"""Use cases of exports: ask for one, and get it."""

import json
from dataclasses import replace
from typing import Any
from uuid import UUID

from boxoffice import audit, db, idempotency, queues, sql, storage
from boxoffice.auth import Caller, Who, require_role
from boxoffice.config import settings
from boxoffice.errors import AccountNeeded, NotFound, OutOfScope
from boxoffice.exports import rules
from boxoffice.exports.models import Export, ExportKind, ExportRequest, ExportView
from boxoffice.idempotency import IdempotentRequest
from boxoffice.ids import new_id
from boxoffice.observability import logger
from boxoffice.rate_limit import limit_files
from boxoffice.scopes import Scope, allows

SQL = sql.queries("exports")


def create_export(
    conn: db.Connection, caller: Caller, organisation_id: UUID, request: ExportRequest, key: str
) -> ExportView:
    """Ask for an export. A worker begins it after the commit. Runs in autocommit.

    Raises:
        NotFound, Forbidden, OutOfScope: the organisation or the event is not the caller's, or the role is too low.
        TooManyRequests: the organisation has asked for too many in an hour.
        KeyReused: the idempotency key belongs to another request.
    """
    db.get(conn, dict, SQL.get_organisation, organisation_id=organisation_id)
    _require_reader(conn, caller, organisation_id, request.kind)
    if request.event_id is not None:
        event = db.get(conn, dict, SQL.get_event, event_id=request.event_id)
        if event["organisation_id"] != organisation_id:
            raise NotFound
    scope = idempotency.scope_of(caller, organisation_id)
    idempotent = IdempotentRequest.of("create_export", scope, key, request, organisation_id)
    return idempotency.run_once(
        conn,
        idempotent,
        lambda: _create(conn, caller, organisation_id, request, idempotent),
        ExportView.model_validate,
    )


def _create(
    conn: db.Connection,
    caller: Caller,
    organisation_id: UUID,
    request: ExportRequest,
    idempotent: IdempotentRequest,
) -> ExportView:
    export_id = new_id()
    with conn.transaction():
        fields: dict[str, Any] = request.model_dump()
        db.run(conn, SQL.insert_export, id=export_id, organisation_id=organisation_id, asked_by=caller.actor, **fields)
        view = _view(_find(conn, export_id))
        conn.after_commit(put_on_queue, export_id)
        idempotency.store(conn, idempotent, view.model_dump(mode="json"))
        audit.record(
            conn,
            caller,
            "create_export",
            f"export {export_id}",
            organisation=organisation_id,
            **request.model_dump(mode="json", exclude_none=True),
        )
        limit_files(conn, organisation_id)
    return view


def get_export(conn: db.Connection, caller: Caller, export_id: UUID) -> ExportView:
    """Return an export, with a link to its file if that is ready.

    Raises:
        NotFound, Forbidden, OutOfScope: the export is not of the caller's organisation, or the role is too low.
    """
    export = _find(conn, export_id)
    _require_reader(conn, caller, export.organisation_id, export.kind)
    if export.status != "ready":
        return _view(export)
    bucket, filename = settings().files_bucket, rules.filename_of(export)
    return _view(export, storage.link(bucket, export.key, filename, rules.LINK_SECONDS))


def _find(conn: db.Connection, export_id: UUID) -> Export:
    return db.get(conn, Export, SQL.get_export, id=export_id)


def _require_reader(conn: db.Connection, caller: Caller, organisation_id: UUID, kind: ExportKind) -> None:
    """Let through managers. Only owners get what tells of the money, or who has subscribed to the newsletter."""
    require_role(conn, caller, organisation_id)
    if kind == "subscriptions" and caller.key:
        raise AccountNeeded
    if kind in ("revenue", "subscriptions", "ledger", "accounting"):
        if caller.key and not allows(caller.key.scopes, Scope.MONEY_READ):
            raise OutOfScope(required_scope=Scope.MONEY_READ, scopes=sorted(caller.key.scopes))
        require_role(conn, replace(caller, needs=Who.OWNER), organisation_id)


def _view(export: Export, url: str | None = None) -> ExportView:
    fields = {name: value for name, value in vars(export).items() if name in ExportView.model_fields}
    return ExportView(**fields, expires_at=rules.expires_at(export), download_url=url)


def put_on_queue(_: db.Connection, export_ids: list[Any]) -> None:
    """Put exports on the queue of their workers, after the commit. If that fails, a job does it later."""
    records = [json.dumps({"export_id": str(export_id)}) for export_id in export_ids]
    if refused := queues.put(settings().export_queue_url, records):
        logger.warning("the queue refused exports; a job repeats them", extra={"exports": len(refused)})
