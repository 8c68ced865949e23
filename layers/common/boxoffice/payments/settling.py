"""Show money matters, and settle them."""

from typing import Any
from uuid import UUID

from boxoffice import audit, db, idempotency, sql
from boxoffice.auth import Caller, require_admin, require_role
from boxoffice.errors import Forbidden, Invalid, NotFound
from boxoffice.idempotency import IdempotentRequest
from boxoffice.money import exponent
from boxoffice.pagination import LAST_ID, decode_id
from boxoffice.payments import rules, sending, service
from boxoffice.payments.errors import ActionNotPossible, MatterSettled, RefundUnderWay
from boxoffice.payments.models import PLATFORM_MERCHANT, MatterPage, MatterRow, MatterView, SettleMatterRequest

SQL = sql.queries("payments")


def list_matters(
    conn: db.Connection, caller: Caller, organisation_id: UUID, limit: int, cursor: str | None, *, settled: bool | None
) -> MatterPage:
    """Return a page of an organisation's money matters, newest first.

    Args:
        organisation_id: the nil UUID for the matters of the platform, which admins see.
        settled: only those that are settled, or only those that are open. None for all.

    Raises:
        NotFound, Forbidden: the organisation is not the caller's, or the role is too low.
    """
    _require_access(conn, caller, organisation_id)
    where: dict[str, Any] = {"organisation_id": organisation_id, "before": decode_id(cursor) or LAST_ID, "limit": limit}
    if settled is False:
        rows = db.page(conn, MatterRow, SQL.list_open_matters, **where)
    else:
        rows = db.page(conn, MatterRow, SQL.list_matters, only_settled=settled is True, **where)
    return MatterPage.of(rows, limit, show=_view)


def settle_matter(
    conn: db.Connection, caller: Caller, organisation_id: UUID, matter_id: UUID, request: SettleMatterRequest, key: str
) -> MatterView:
    """Settle a money matter: send a refund again, note what people have done, or assign money to an order.

    Runs in autocommit: one transaction does it, and a refund is sent after the commit.

    Raises:
        NotFound, Forbidden: the matter is not of the caller's organisation, or the role is too low.
        MatterSettled, ActionNotPossible, RefundUnderWay: it cannot be settled, or not like this.
        Invalid: there is no such order.
        KeyReused: the idempotency key belongs to another request.
    """
    _require_access(conn, caller, organisation_id)
    scope = idempotency.scope_of(caller, organisation_id)
    idempotent = IdempotentRequest.of("settle_money_matter", scope, key, request, matter_id)
    return idempotency.run_once(
        conn,
        idempotent,
        lambda: _settle(conn, caller, organisation_id, matter_id, request, idempotent),
        MatterView.model_validate,
    )


def _require_access(conn: db.Connection, caller: Caller, organisation_id: UUID) -> None:
    """Let through who may see an organisation's matters. Those of the platform exist for admins only."""
    if organisation_id != PLATFORM_MERCHANT:
        require_role(conn, caller, organisation_id)
        return
    try:
        require_admin(conn, caller)
    except Forbidden as error:
        raise NotFound from error


def _settle(
    conn: db.Connection,
    caller: Caller,
    organisation_id: UUID,
    matter_id: UUID,
    request: SettleMatterRequest,
    idempotent: IdempotentRequest,
) -> MatterView:
    """Act first, then settle the matter: rows are locked in the order in which jobs lock them."""
    with conn.transaction():
        matter = _get_matter(conn, organisation_id, matter_id)
        if matter.settled_at is not None:
            raise MatterSettled(settled_at=matter.settled_at)
        if request.action not in (actions := rules.actions_of(matter)):
            raise ActionNotPossible(actions=[*actions])
        order_id, resolution = _act(conn, matter, request)
        settled = {"settled_by": caller.actor, "resolution": resolution, "note": request.note, "order_id": order_id}
        is_settled = db.run(conn, SQL.settle_matter, id=matter_id, **settled)
        matter = _get_matter(conn, organisation_id, matter_id)
        if not is_settled:
            assert matter.settled_at is not None
            raise MatterSettled(settled_at=matter.settled_at)
        view = _view(matter)
        idempotency.store(conn, idempotent, view.model_dump(mode="json"))
        facts = request.model_dump(exclude_none=True, exclude={"action"}) | {
            "kind": matter.kind,
            "resolution": resolution,
        }
        subject = f"money matter {matter_id}"
        audit.record(conn, caller, "settle_money_matter", subject, organisation=organisation_id, **facts)
    return view


def _act(conn: db.Connection, matter: MatterRow, request: SettleMatterRequest) -> tuple[UUID | None, str]:
    """Do what settles a matter. Return the order that it now belongs to, and how it was settled."""
    if request.order is not None:
        order_id, effect = service.assign_money(conn, matter, request.order)
        if order_id is None:
            raise Invalid.at("body", "order", because="must be the id or the number of an order of the organisation")
        return order_id, f"assigned: {effect}"
    if matter.refund_id is not None:
        act = sending.owe_again if request.action == "retry" else sending.end_by_hand
        if not act(conn, matter.refund_id):
            raise RefundUnderWay
    return None, request.action


def _get_matter(conn: db.Connection, organisation_id: UUID, matter_id: UUID) -> MatterRow:
    return db.get(conn, MatterRow, SQL.get_matter, organisation_id=organisation_id, id=matter_id)


def _view(matter: MatterRow) -> MatterView:
    happened, to_do = rules.describe(matter)
    return MatterView(
        **vars(matter),
        happened=happened,
        to_do=to_do,
        actions=rules.actions_of(matter),
        currency_exponent=exponent(matter.currency) if matter.currency else None,
    )
