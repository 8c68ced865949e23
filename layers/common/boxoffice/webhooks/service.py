"""Use cases of owners: endpoints with their secrets, and what was delivered to them. And what is purged."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from boxoffice import audit, db, sql
from boxoffice.auth import Caller, require_role
from boxoffice.config import settings
from boxoffice.ids import first_id, new_id
from boxoffice.pagination import LAST_ID, decode_id
from boxoffice.versions import check_version
from boxoffice.webhooks import owed, rules, signatures
from boxoffice.webhooks.errors import TooManyWebhookEndpoints, TooManyWebhookSecrets, WebhookEndpointDisabled
from boxoffice.webhooks.models import (
    DeliveryRow,
    DeliveryStatus,
    DisabledReason,
    EndpointRow,
    NewWebhookEndpointView,
    ReplayRequest,
    ReplayView,
    RotateSecretRequest,
    WebhookDeliveryPage,
    WebhookDeliveryView,
    WebhookEndpointPage,
    WebhookEndpointPatch,
    WebhookEndpointRequest,
    WebhookEndpointView,
    WebhookSecretView,
)

SQL = sql.queries("webhooks")

_STATUSES: tuple[DeliveryStatus, ...] = ("pending", "sending", "delivered", "failed")
_MOST_REPLAYS = 1000  # in one request
_BATCH = 5000


def allows_loopback() -> bool:
    """Return True if webhooks may go to this machine: on a laptop alone, since no other stage is called so."""
    return settings().stage == "local"


def create_endpoint(
    conn: db.Connection, caller: Caller, organisation_id: UUID, request: WebhookEndpointRequest
) -> NewWebhookEndpointView:
    """Make an endpoint, which is told of what changes from now on. Its secret is in the answer alone.

    Raises:
        NotFound, Forbidden: the organisation is not the caller's, or the role is too low.
        Invalid: webhooks cannot go to the URL.
        TooManyWebhookEndpoints: the organisation has as many as it may.
    """
    db.run(conn, SQL.lock_organisation, organisation_id=organisation_id)
    require_role(conn, caller, organisation_id)
    rules.check_url(request.url, allows_loopback=allows_loopback())
    if db.value(conn, SQL.count_endpoints, organisation_id=organisation_id) >= rules.MOST_ENDPOINTS:
        raise TooManyWebhookEndpoints(most=rules.MOST_ENDPOINTS)
    endpoint_id = new_id()
    columns = request.model_dump() | {"description": request.description or ""}
    db.run(conn, SQL.insert_endpoint, id=endpoint_id, organisation_id=organisation_id, **columns)
    secret = signatures.add_secret(conn, endpoint_id)
    _record(conn, caller, organisation_id, endpoint_id, url=request.url, types=request.types)
    view = _view(_get_endpoint(conn, organisation_id, endpoint_id))
    return NewWebhookEndpointView(**view.model_dump(), secret=secret)


def list_endpoints(
    conn: db.Connection, caller: Caller, organisation_id: UUID, limit: int, cursor: str | None
) -> WebhookEndpointPage:
    """Return a page of an organisation's endpoints, latest first, without their secrets.

    Raises:
        NotFound, Forbidden: the organisation is not the caller's, or the role is too low.
    """
    require_role(conn, caller, organisation_id)
    before = decode_id(cursor) or LAST_ID
    rows = db.page(conn, EndpointRow, SQL.list_endpoints, organisation_id=organisation_id, before=before, limit=limit)
    return WebhookEndpointPage.of(rows, limit, show=_view)


def update_endpoint(
    conn: db.Connection,
    caller: Caller,
    organisation_id: UUID,
    endpoint_id: UUID,
    patch: WebhookEndpointPatch,
    expected_version: int | None,
) -> WebhookEndpointView:
    """Change some of an endpoint's fields, disable it, or enable it again.

    Raises:
        NotFound, Forbidden: the endpoint is not of the caller's organisation, or the role is too low.
        StaleVersion: the endpoint has another version than expected.
        Invalid: webhooks cannot go to the URL.
    """
    endpoint = _lock_endpoint(conn, caller, organisation_id, endpoint_id)
    check_version(endpoint.version, expected_version)
    changes = patch.changes()
    enabled = changes.pop("enabled", endpoint.disabled_at is None)
    if "url" in changes:
        rules.check_url(changes["url"], allows_loopback=allows_loopback())
    if "description" in changes:
        changes["description"] = changes["description"] or ""
    reason: DisabledReason | None = None if enabled else endpoint.disabled_reason or "by_owner"
    columns = {"url": endpoint.url, "types": endpoint.types, "description": endpoint.description} | changes
    starts_anew = columns["url"] != endpoint.url or (enabled and endpoint.disabled_at is not None)
    db.run(conn, SQL.update_endpoint, id=endpoint_id, disabled_reason=reason, starts_anew=starts_anew, **columns)
    if enabled:
        conn.after_commit(owed.nudge, endpoint_id)
    updated = _get_endpoint(conn, organisation_id, endpoint_id)
    facts = audit.changes(endpoint, updated, only=(*changes, "disabled_reason"))
    _record(conn, caller, organisation_id, endpoint_id, **facts)
    return _view(updated)


def delete_endpoint(conn: db.Connection, caller: Caller, organisation_id: UUID, endpoint_id: UUID) -> None:
    """Delete an endpoint with its secrets. What it was not told yet, it is not told any more.

    Raises:
        NotFound, Forbidden: the endpoint is not of the caller's organisation, or the role is too low.
    """
    endpoint = _lock_endpoint(conn, caller, organisation_id, endpoint_id)
    columns = {"url": endpoint.url, "types": endpoint.types, "description": endpoint.description}
    db.run(conn, SQL.update_endpoint, id=endpoint_id, disabled_reason="deleted", starts_anew=False, **columns)
    db.run(conn, SQL.delete_secrets, endpoint_id=endpoint_id)
    _record(conn, caller, organisation_id, endpoint_id, url=endpoint.url)


def rotate_secret(
    conn: db.Connection, caller: Caller, organisation_id: UUID, endpoint_id: UUID, request: RotateSecretRequest
) -> WebhookSecretView:
    """Give an endpoint a new secret. The secrets of before sign too, for as long as the request says.

    Raises:
        NotFound, Forbidden: the endpoint is not of the caller's organisation, or the role is too low.
        TooManyWebhookSecrets: it has as many as can sign at once.
    """
    _lock_endpoint(conn, caller, organisation_id, endpoint_id)
    keep = timedelta(hours=request.keep_former_hours)
    if keep and db.value(conn, SQL.count_secrets, endpoint_id=endpoint_id) >= rules.MOST_SECRETS:
        raise TooManyWebhookSecrets(most=rules.MOST_SECRETS)
    secret = signatures.add_secret(conn, endpoint_id, keep_former=keep)
    _record(conn, caller, organisation_id, endpoint_id, keep_former_hours=request.keep_former_hours)
    endpoint = _get_endpoint(conn, organisation_id, endpoint_id)
    return WebhookSecretView(secret=secret, former_secret_ends_at=endpoint.former_secret_ends_at)


def list_deliveries(
    conn: db.Connection,
    caller: Caller,
    organisation_id: UUID,
    limit: int,
    cursor: str | None,
    *,
    endpoint_id: UUID | None,
    status: DeliveryStatus | None,
) -> WebhookDeliveryPage:
    """Return a page of what an organisation was told, latest first.

    Args:
        endpoint_id: only to this endpoint.
        status: only what stands so.

    Raises:
        NotFound, Forbidden: the organisation is not the caller's, or the role is too low.
    """
    require_role(conn, caller, organisation_id)
    filters: dict[str, Any] = {"endpoint_id": endpoint_id, "statuses": [status] if status else [*_STATUSES]}
    before = decode_id(cursor) or LAST_ID
    rows = db.page(
        conn,
        DeliveryRow,
        SQL.list_deliveries,
        organisation_id=organisation_id,
        before=before,
        limit=limit,
        **filters,
    )
    return WebhookDeliveryPage.of(rows, limit)


def replay_delivery(
    conn: db.Connection, caller: Caller, organisation_id: UUID, delivery_id: UUID
) -> WebhookDeliveryView:
    """Send a webhook again, under the same id, whether it came through or not. One that waits is sent at once.

    Raises:
        NotFound, Forbidden: the delivery is not of the caller's organisation, or the role is too low.
        WebhookEndpointDisabled: nothing is sent to its endpoint.
    """
    require_role(conn, caller, organisation_id)
    delivery = db.get(conn, dict, SQL.lock_delivery, organisation_id=organisation_id, id=delivery_id)
    if delivery["is_disabled"]:
        raise WebhookEndpointDisabled
    db.run(conn, SQL.replay_delivery, id=delivery_id)
    conn.after_commit(owed.nudge, delivery["endpoint_id"])
    subject = f"webhook delivery {delivery_id}"
    audit.record(conn, caller, caller.operation, subject, organisation=organisation_id)
    row = db.get(conn, DeliveryRow, SQL.get_delivery, organisation_id=organisation_id, id=delivery_id)
    return WebhookDeliveryView.model_validate(row)


def replay_failed(
    conn: db.Connection, caller: Caller, organisation_id: UUID, endpoint_id: UUID, request: ReplayRequest
) -> ReplayView:
    """Send again what has failed for good since a time, the oldest first.

    Raises:
        NotFound, Forbidden: the endpoint is not of the caller's organisation, or the role is too low.
        WebhookEndpointDisabled: nothing is sent to it.
    """
    endpoint = _lock_endpoint(conn, caller, organisation_id, endpoint_id)
    if endpoint.disabled_at is not None:
        raise WebhookEndpointDisabled
    replayed = db.run(
        conn,
        SQL.lock_and_replay_failed,
        endpoint_id=endpoint_id,
        organisation_id=organisation_id,
        first_id=first_id(request.since),
        most=_MOST_REPLAYS,
    )
    conn.after_commit(owed.nudge, endpoint_id)
    _record(conn, caller, organisation_id, endpoint_id, since=request.since.isoformat(), replayed=replayed)
    return ReplayView(replayed=replayed, has_more=replayed == _MOST_REPLAYS)


def list_old_deliveries(conn: db.Connection, days: int, leave_out: Collection[UUID] = ()) -> list[UUID]:
    """Return a batch of deliveries that have ended, and were owed so many days ago.

    Args:
        leave_out: deliveries that the run has tried already; so in the functions below.
    """
    return _ids(conn, SQL.list_old_deliveries, leave_out, days=days)


def purge_deliveries(conn: db.Connection, delivery_ids: Sequence[UUID]) -> int:
    """Delete deliveries that have ended, and return their number."""
    return db.run(conn, SQL.delete_deliveries, ids=list(delivery_ids))


def list_empty_endpoints(conn: db.Connection, leave_out: Collection[UUID] = ()) -> list[UUID]:
    """Return a batch of deleted endpoints whose deliveries are purged."""
    return _ids(conn, SQL.list_empty_endpoints, leave_out)


def purge_endpoints(conn: db.Connection, endpoint_ids: Sequence[UUID]) -> int:
    """Delete the rows of deleted endpoints, and return their number."""
    return db.run(conn, SQL.delete_endpoints, ids=list(endpoint_ids))


def _ids(conn: db.Connection, query: Any, leave_out: Collection[UUID], **params: Any) -> list[UUID]:
    return db.values(conn, query, leave_out=list(leave_out), batch=_BATCH, **params)


def _lock_endpoint(conn: db.Connection, caller: Caller, organisation_id: UUID, endpoint_id: UUID) -> EndpointRow:
    """Lock an endpoint that the caller may change, and return it.

    Raises:
        NotFound, Forbidden: the endpoint is not of the caller's organisation, or the role is too low.
    """
    require_role(conn, caller, organisation_id)
    db.run(conn, SQL.lock_endpoint, organisation_id=organisation_id, id=endpoint_id)
    return _get_endpoint(conn, organisation_id, endpoint_id)


def _get_endpoint(conn: db.Connection, organisation_id: UUID, endpoint_id: UUID) -> EndpointRow:
    return db.get(conn, EndpointRow, SQL.get_endpoint, organisation_id=organisation_id, id=endpoint_id)


def _view(row: EndpointRow) -> WebhookEndpointView:
    is_paused = row.failing_since is not None and row.disabled_at is None
    return WebhookEndpointView(
        **vars(row) | {"description": row.description or None, "next_turn_at": row.next_turn_at if is_paused else None},
        enabled=row.disabled_at is None,
    )


def _record(conn: db.Connection, caller: Caller, organisation_id: UUID, endpoint_id: UUID, **facts: Any) -> None:
    subject = f"webhook endpoint {endpoint_id}"
    audit.record(conn, caller, caller.operation, subject, organisation=organisation_id, **facts)
