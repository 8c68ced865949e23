"""Use cases of services, slots and claims."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from boxoffice import audit, db, idempotency, signing, sql
from boxoffice.auth import Caller, require_role
from boxoffice.config import settings
from boxoffice.errors import Busy
from boxoffice.idempotency import IdempotentRequest
from boxoffice.ids import new_id
from boxoffice.pagination import decode_id, decode_number, page_of
from boxoffice.slots import rules
from boxoffice.slots.errors import ClaimKeyRetired, ServiceEventNotFound, ServiceFull
from boxoffice.slots.models import (
    ALL_STATES,
    ClaimedSlot,
    ClaimRequest,
    ClaimRow,
    ClaimScanRequest,
    ClaimView,
    ServicePage,
    ServicePatch,
    ServiceRequest,
    ServiceRow,
    ServiceStats,
    ServiceStatsView,
    ServiceView,
    SlotPage,
    SlotRow,
    SlotState,
    SlotView,
    TakenSlot,
)
from boxoffice.tickets import qr
from boxoffice.tickets.errors import Forged
from boxoffice.versions import check_version

SQL = sql.queries("slots")

_FIRST = UUID(int=0)
_MOST_ATTEMPTS = 50


def create_service(conn: db.Connection, caller: Caller, request: ServiceRequest) -> ServiceView:
    """Make a service and its slots.

    Raises:
        NotFound, Forbidden: the organisation is not the caller's, or the role is too low.
        ServiceEventNotFound: the event is not the organisation's.
    """
    require_role(conn, caller, request.organisation_id)
    service_id = new_id()
    if not db.run(conn, SQL.insert_service, id=service_id, **request.model_dump()):
        raise ServiceEventNotFound
    db.run(conn, SQL.open_slots, service_id=service_id, capacity=request.capacity, more=request.capacity)
    service = _find_service(conn, service_id)
    _record(conn, caller, "create_service", service, name=service.name, capacity=service.capacity)
    return ServiceView.model_validate(service)


def get_service(conn: db.Connection, caller: Caller, service_id: UUID) -> ServiceView:
    """A service, for members of its organisation.

    Raises:
        NotFound: there is none, or it is another organisation's.
    """
    service = _find_service(conn, service_id)
    require_role(conn, caller, service.organisation_id)
    return ServiceView.model_validate(service)


def list_services(
    conn: db.Connection, caller: Caller, organisation_id: UUID, event_id: UUID | None, limit: int, cursor: str | None
) -> ServicePage:
    """An organisation's services, or those that belong to one of its events, oldest first."""
    require_role(conn, caller, organisation_id)
    params: dict[str, Any] = {"organisation_id": organisation_id, "after": decode_id(cursor) or _FIRST, "limit": limit}
    if event_id:
        rows = db.page(conn, ServiceRow, SQL.list_services_of_event, event_id=event_id, **params)
    else:
        rows = db.page(conn, ServiceRow, SQL.list_services, **params)
    items, next_cursor = page_of(rows, limit, lambda row: (row.id,))
    return ServicePage(items=[ServiceView.model_validate(row) for row in items], next_cursor=next_cursor)


def update_service(
    conn: db.Connection, caller: Caller, service_id: UUID, patch: ServicePatch, expected_version: int | None
) -> ServiceView:
    """Change some of a service's fields. Open claims keep their slots, whatever becomes of the capacity.

    Raises:
        NotFound, Forbidden: the service is not the caller's, or the role is too low.
        StaleVersion: it has another version than expected.
        CapacityTooLow: more slots than that are taken.
    """
    db.run(conn, SQL.lock_service, id=service_id)
    service = _find_service(conn, service_id)
    require_role(conn, caller, service.organisation_id)
    check_version(service.version, expected_version)
    columns = vars(service) | patch.changes()
    _resize(conn, service, columns["capacity"])
    db.run(conn, SQL.update_service, **columns)
    service = _find_service(conn, service_id)
    _record(conn, caller, "update_service", service, changes=patch.model_dump(mode="json", exclude_unset=True))
    return ServiceView.model_validate(service)


def _resize(conn: db.Connection, service: ServiceRow, capacity: int) -> None:
    """Open or withdraw slots of a service that the transaction holds."""
    more = capacity - service.capacity
    if more > 0:
        db.run(conn, SQL.open_slots, service_id=service.id, capacity=capacity, more=more)
    elif more < 0:
        free = [row["number"] for row in db.many(conn, dict, SQL.lock_free_slots, service_id=service.id)]
        db.run(conn, SQL.withdraw_slots, service_id=service.id, numbers=list(rules.to_withdraw(free, -more)))


def get_stats(conn: db.Connection, caller: Caller, service_id: UUID) -> ServiceStatsView:
    """How full a service is, and how its day goes.

    Raises:
        NotFound: there is none, or it is another organisation's.
    """
    service = _find_service(conn, service_id)
    require_role(conn, caller, service.organisation_id)
    midnight = rules.midnight(datetime.now(UTC), service.time_zone)
    (stats,) = db.many(conn, ServiceStats, SQL.get_stats, service_id=service_id, midnight=midnight)
    return ServiceStatsView(service_id=service_id, free=stats.capacity - stats.taken, **vars(stats))


def list_slots(
    conn: db.Connection, caller: Caller, service_id: UUID, state: SlotState | None, limit: int, cursor: str | None
) -> SlotPage:
    """A service's slots by number, with who holds them.

    Raises:
        NotFound: there is no such service, or it is another organisation's.
    """
    require_role(conn, caller, _find_service(conn, service_id).organisation_id)
    states = [state] if state else list(ALL_STATES)
    after = decode_number(cursor) or 0
    rows = db.page(conn, SlotRow, SQL.list_slots, service_id=service_id, states=states, after=after, limit=limit)
    items, next_cursor = page_of(rows, limit, lambda row: (row.number,))
    return SlotPage(items=[SlotView.model_validate(row) for row in items], next_cursor=next_cursor)


def claim_slot(conn: db.Connection, caller: Caller, service_id: UUID, request: ClaimRequest, key: str) -> ClaimedSlot:
    """Check a customer in to the lowest slot that is free and that nobody else is taking.

    Runs in autocommit: two statements in the common case, with locks held during the second alone.

    Raises:
        NotFound: there is no such service, or it is another organisation's.
        AccountNotFound: the customer is no account of ours.
        ServiceFull: every slot was taken, at a moment during the call.
        KeyReused: the idempotency key belongs to another request.
    """
    service = db.get(conn, ServiceRow, SQL.get_service_of_member, id=service_id, account_id=caller.account)
    idempotent = IdempotentRequest.of("claim_slot", str(caller.account), key, request, service_id)
    return idempotency.run_once(
        conn,
        idempotent,
        lambda: _claim(conn, caller, service, request, idempotent),
        lambda stored: _first_answer(conn, service, stored),
    )


def _claim(
    conn: db.Connection, caller: Caller, service: ServiceRow, request: ClaimRequest, idempotent: IdempotentRequest
) -> ClaimedSlot:
    key_id, master = signing.current_key(settings().ticket_keys_secret)
    claim_id = new_id()
    text = qr.text_of(master, int(key_id), 0, service.organisation_id, claim_id, rules.CLAIM)
    claim = {
        "id": claim_id,
        "service_id": service.id,
        "organisation_id": service.organisation_id,
        "customer_id": new_id(),
        "note": request.note,
        "key_id": int(key_id),
        "qr_hash": qr.hash_of(text),
        "claimed_by": caller.account,
        **request.customer.model_dump(),
        **idempotency.params(idempotent, {"id": str(claim_id)}),
    }
    return _answer(_take(conn, claim), text)


def _take(conn: db.Connection, claim: dict[str, Any]) -> TakenSlot:
    """Write a claim on a free slot.

    What is free is asked anew before each further attempt, in one snapshot, so "full" is only ever said of a moment at
    which it was true. That an attempt fails although a slot was free means that somebody else got it.

    Raises:
        ServiceFull: there is no free slot.
        Busy: others were faster every time.
    """
    taken = db.one(conn, TakenSlot, SQL.take_slot, **claim)
    for _ in range(_MOST_ATTEMPTS):
        if taken is not None:
            return taken
        if not db.value(conn, SQL.has_free_slot, service_id=claim["service_id"]):
            raise ServiceFull
        with conn.transaction():
            db.run(conn, SQL.lock_free_slot, service_id=claim["service_id"])
            taken = db.one(conn, TakenSlot, SQL.take_slot, **claim)
    raise Busy


def _first_answer(conn: db.Connection, service: ServiceRow, stored: dict[str, Any]) -> ClaimedSlot:
    """What was answered when the slot was claimed."""
    claim = db.get(conn, TakenSlot, SQL.get_claimed_slot, **stored)
    master = signing.key(settings().ticket_keys_secret, str(claim.key_id))
    if master is None:
        raise ClaimKeyRetired
    return _answer(claim, qr.text_of(master, claim.key_id, 0, service.organisation_id, claim.id, rules.CLAIM))


def _answer(claim: TakenSlot, text: str) -> ClaimedSlot:
    return ClaimedSlot(**vars(claim), qr=text, qr_svg=qr.svg(text).decode())


def scan_claim(conn: db.Connection, caller: Caller, request: ClaimScanRequest) -> ClaimView:
    """Whose slot a claim's QR stands for, and whether it still does. It changes nothing.

    Raises:
        Forged: the QR is none of ours, its key has been withdrawn, or it is not this claim's.
        NotFound: there is no such claim, or it is another organisation's.
        WrongService: it is for another place.
    """
    text = request.qr.strip()
    named = qr.read(text, rules.CLAIM)
    if named is None or signing.key(settings().ticket_keys_secret, str(named[0])) is None:
        raise Forged
    claim = db.get(conn, ClaimRow, SQL.get_claim_of_member, id=named[1], account_id=caller.account)
    rules.check_scanned(claim, text, request)
    return ClaimView.model_validate(claim)


def release_claim(conn: db.Connection, caller: Caller, claim_id: UUID) -> ClaimView:
    """Give a slot back. To release a released claim changes nothing.

    Raises:
        NotFound: there is no such claim, or it is another organisation's.
    """
    db.run(conn, SQL.lock_claim, id=claim_id)
    claim = _find_claim(conn, claim_id)
    require_role(conn, caller, claim.organisation_id)
    if claim.status == "open":
        db.run(
            conn,
            SQL.release_claim,
            id=claim.id,
            service_id=claim.service_id,
            capacity=claim.capacity,
            numbers=_vacate(conn, claim),
            released_by=caller.account,
        )
        claim = _find_claim(conn, claim_id)
    return ClaimView.model_validate(claim)


def _vacate(conn: db.Connection, claim: ClaimRow) -> Sequence[int]:
    """The slots that change as a claim is released: its own, and the one that takes its place if the service has shrunk
    below it meanwhile."""
    if claim.slot <= claim.capacity:
        return [claim.slot]
    stand_in = db.value(conn, SQL.lock_stand_in, service_id=claim.service_id, capacity=claim.capacity)
    return [stand_in, claim.slot]


def _find_service(conn: db.Connection, service_id: UUID) -> ServiceRow:
    return db.get(conn, ServiceRow, SQL.get_service, id=service_id)


def _find_claim(conn: db.Connection, claim_id: UUID) -> ClaimRow:
    return db.get(conn, ClaimRow, SQL.get_claim, id=claim_id)


def _record(conn: db.Connection, caller: Caller, action: str, service: ServiceRow, **facts: Any) -> None:
    subject = f"service {service.id}"
    audit.record(conn, action, subject, actor=caller.account, organisation=service.organisation_id, **facts)
