"""Use cases of places, slots and claims."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from boxoffice import audit, db, erased, idempotency, rate_limit, signing, sql
from boxoffice.accounts.rules import PHONE_LIFETIME
from boxoffice.auth import Caller, Who, covers, require_role
from boxoffice.config import settings
from boxoffice.errors import Busy
from boxoffice.idempotency import IdempotentRequest
from boxoffice.ids import new_id
from boxoffice.pagination import FIRST_ID, LAST_ID, decode_id, decode_number
from boxoffice.slots import rules
from boxoffice.slots.errors import ClaimKeyRetired, PlaceEventNotFound, PlaceFull
from boxoffice.slots.models import (
    ALL_STATES,
    ClaimRequest,
    ClaimRow,
    ClaimScanRequest,
    ClaimView,
    MyClaimPage,
    MyClaimRow,
    MyClaimView,
    NewClaimRow,
    NewClaimView,
    PlacePage,
    PlacePatch,
    PlaceRequest,
    PlaceRow,
    PlaceStats,
    PlaceStatsView,
    PlaceView,
    SlotPage,
    SlotRow,
    SlotState,
)
from boxoffice.tickets import qr
from boxoffice.tickets.errors import Forged
from boxoffice.versions import check_version

SQL = sql.queries("slots")

_MOST_ATTEMPTS = 50


def create_place(conn: db.Connection, caller: Caller, request: PlaceRequest) -> PlaceView:
    """Make a place and its slots.

    Raises:
        NotFound, Forbidden: the organisation is not the caller's, or the role is too low.
        PlaceEventNotFound: the event is not the organisation's.
        UnknownTimeZone: the database does not know it.
        TooManyRequests: a hundred were made in an hour before.
    """
    require_role(conn, caller, request.organisation_id)
    place_id = new_id()
    if not db.run(conn, SQL.insert_place, id=place_id, **request.model_dump()):
        raise PlaceEventNotFound
    db.run(conn, SQL.add_slots, place_id=place_id, capacity=request.capacity, count=request.capacity)
    place = _find_place(conn, place_id)
    _audit(conn, caller, "create_service", place, name=place.name, capacity=place.capacity)
    rate_limit.limit_making(conn, caller, place.organisation_id, "places")
    return PlaceView.model_validate(place)


def get_place(conn: db.Connection, caller: Caller, place_id: UUID) -> PlaceView:
    """Return a place to a member of its organisation.

    Raises:
        NotFound: there is none, or it is another organisation's.
    """
    place = _find_place(conn, place_id)
    require_role(conn, caller, place.organisation_id)
    return PlaceView.model_validate(place)


def list_places(
    conn: db.Connection, caller: Caller, organisation_id: UUID, event_id: UUID | None, limit: int, cursor: str | None
) -> PlacePage:
    """Return an organisation's places, or those for one of its events, oldest first."""
    require_role(conn, caller, organisation_id)
    params: dict[str, Any] = {
        "organisation_id": organisation_id,
        "after": decode_id(cursor) or FIRST_ID,
        "limit": limit,
    }
    if event_id:
        rows = db.page(conn, PlaceRow, SQL.list_places_of_event, event_id=event_id, **params)
    else:
        rows = db.page(conn, PlaceRow, SQL.list_places, **params)
    return PlacePage.of(rows, limit)


def update_place(
    conn: db.Connection, caller: Caller, place_id: UUID, patch: PlacePatch, expected_version: int | None
) -> PlaceView:
    """Change some of a place's fields. Open claims keep their slots, whatever the capacity becomes.

    Raises:
        NotFound, Forbidden: the place is not the caller's, or the role is too low.
        StaleVersion: the place has another version than expected.
        CapacityTooLow: more slots than that are taken.
        UnknownTimeZone: the database does not know it.
    """
    db.run(conn, SQL.lock_place, id=place_id)
    place = _find_place(conn, place_id)
    require_role(conn, caller, place.organisation_id)
    check_version(place.version, expected_version)
    new = replace(place, **patch.changes())
    _resize(conn, place, new.capacity)
    db.run(conn, SQL.update_place, id=place.id, name=new.name, capacity=new.capacity, time_zone=new.time_zone)
    updated = _find_place(conn, place_id)
    _audit(conn, caller, "update_service", updated, **audit.changes(place, updated, only=patch.changes()))
    return PlaceView.model_validate(updated)


def _resize(conn: db.Connection, place: PlaceRow, capacity: int) -> None:
    """Add or withdraw slots of a place that the transaction has locked."""
    growth = capacity - place.capacity
    if growth > 0:
        db.run(conn, SQL.add_slots, place_id=place.id, capacity=capacity, count=growth)
    elif growth < 0:
        free = db.values(conn, SQL.lock_free_slots, place_id=place.id)
        numbers = rules.slots_to_withdraw(free, -growth)
        db.run(conn, SQL.withdraw_slots, place_id=place.id, numbers=list(numbers))


def get_stats(conn: db.Connection, caller: Caller, place_id: UUID) -> PlaceStatsView:
    """Return how many slots of a place are taken now, and its claims and releases of today.

    Raises:
        NotFound: there is no such place, or it is another organisation's.
    """
    place = _find_place(conn, place_id)
    require_role(conn, caller, place.organisation_id)
    midnight = rules.midnight(datetime.now(UTC), place.time_zone)
    stats = db.exactly_one(conn, PlaceStats, SQL.get_stats, place_id=place_id, midnight=midnight)
    return PlaceStatsView(
        service_id=place_id,
        capacity=stats.capacity,
        taken=stats.taken,
        free=stats.capacity - stats.taken,
        claims_today=stats.claims_today,
        released_today=stats.released_today,
        average_stay_seconds=stats.average_stay_seconds,
    )


def list_slots(
    conn: db.Connection, caller: Caller, place_id: UUID, state: SlotState | None, limit: int, cursor: str | None
) -> SlotPage:
    """Return a place's slots by number, each with its open claim. Managers see how to reach the customers.

    Raises:
        NotFound: there is no such place, or it is another organisation's.
    """
    role = require_role(conn, caller, _find_place(conn, place_id).organisation_id)
    states = [state] if state else list(ALL_STATES)
    after = decode_number(cursor) or 0
    rows = db.page(conn, SlotRow, SQL.list_slots, place_id=place_id, states=states, after=after, limit=limit)
    sees_customers = covers(role, Who.MANAGER)
    return SlotPage.of(
        rows, limit, lambda row: (row.number,), show=lambda row: row if sees_customers else rules.masked_slot(row)
    )


def claim_slot(conn: db.Connection, caller: Caller, place_id: UUID, request: ClaimRequest, key: str) -> NewClaimView:
    """Check a customer in: to the lowest free slot that nobody else is taking at this moment.

    Runs in autocommit. It usually takes two statements, and holds locks during the second alone.

    Raises:
        NotFound: there is no such place, or it is another organisation's.
        AccountNotFound: there is no account with the customer's `account_id`.
        PlaceFull: at a moment during the call every slot was taken.
        KeyReused: the idempotency key belongs to another request.
    """
    place = db.get(conn, PlaceRow, SQL.get_place_of_member, id=place_id, **caller.entrance)
    scope = idempotency.scope_of(caller, place.organisation_id)
    idempotent = IdempotentRequest.of("claim_slot", scope, key, request, place_id)
    return idempotency.run_once(
        conn,
        idempotent,
        lambda: _claim(conn, caller, place, request, idempotent),
        lambda stored: _first_answer(conn, place, stored),
    )


def _claim(
    conn: db.Connection, caller: Caller, place: PlaceRow, request: ClaimRequest, idempotent: IdempotentRequest
) -> NewClaimView:
    key_id, master = signing.current_key(settings().ticket_keys_secret)
    claim_id = new_id()
    text = qr.text_of(master, int(key_id), 0, place.organisation_id, claim_id, rules.CLAIM)
    claim = {
        "id": claim_id,
        "place_id": place.id,
        "organisation_id": place.organisation_id,
        "customer_id": new_id(),
        "note": request.note,
        "key_id": int(key_id),
        "qr_hash": qr.hash_of(text),
        "claimed_by": caller.actor,
        **request.customer.model_dump(),
        **idempotency.params(idempotent, {"id": str(claim_id)}),
    }
    return _answer(_take_slot(conn, place, claim), text)


def _take_slot(conn: db.Connection, place: PlaceRow, claim: dict[str, Any]) -> NewClaimRow:
    """Take a free slot for a claim and store both.

    An attempt that fails while a slot is free has lost it to somebody else, so it is repeated. Each time, one snapshot
    shows if any slot is free. So "full" is the truth of a moment during the call.

    Raises:
        PlaceFull: no slot is free.
        Busy: somebody else was faster at every attempt.
    """
    new_claim = db.one(conn, NewClaimRow, SQL.take_slot, **claim)
    for _ in range(_MOST_ATTEMPTS):
        if new_claim is not None:
            return new_claim
        if not db.value(conn, SQL.has_free_slot, place_id=place.id):
            raise PlaceFull(service_name=place.name, capacity=place.capacity)
        with conn.transaction():
            db.run(conn, SQL.lock_free_slot, place_id=place.id)
            new_claim = db.one(conn, NewClaimRow, SQL.take_slot, **claim)
    raise Busy


def _first_answer(conn: db.Connection, place: PlaceRow, stored: dict[str, Any]) -> NewClaimView:
    """Return the answer that was given when the slot was claimed.

    Raises:
        ClaimKeyRetired: the key that signed the QR has been withdrawn.
    """
    claim = db.get(conn, NewClaimRow, SQL.get_new_claim, **stored)
    master = signing.key(settings().ticket_keys_secret, str(claim.key_id))
    if master is None:
        raise ClaimKeyRetired
    return _answer(claim, qr.text_of(master, claim.key_id, 0, place.organisation_id, claim.id, rules.CLAIM))


def _answer(claim: NewClaimRow, text: str) -> NewClaimView:
    shown = vars(claim) | {"customer": rules.masked_customer(claim.customer)}
    return NewClaimView(**shown, qr=text, qr_svg=qr.svg(text).decode())


def scan_claim(conn: db.Connection, caller: Caller, request: ClaimScanRequest) -> ClaimView:
    """Verify a claim's QR and return the claim. It changes nothing.

    Raises:
        Forged: the QR is none of ours, or it is not this claim's.
        ClaimKeyRetired: the key that signed the QR has been withdrawn.
        NotFound: there is no such claim, or it is another organisation's.
        WrongPlace: the claim is on a slot of another place.
    """
    text = qr.as_printed(request.qr)
    claimed = qr.read(text, rules.CLAIM)
    if claimed is None:
        raise Forged
    claim = db.get(conn, ClaimRow, SQL.get_claim_of_member, id=claimed.subject_id, **caller.entrance)
    rules.check_scanned(claim, text, request)
    if signing.is_withdrawn(settings().ticket_keys_secret, claimed.key_id):
        raise ClaimKeyRetired
    return _view(claim)


def release_claim(conn: db.Connection, caller: Caller, claim_id: UUID) -> ClaimView:
    """Give a slot back. To release a claim again changes nothing.

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
            place_id=claim.place_id,
            capacity=claim.capacity,
            numbers=_slots_to_change(conn, claim),
            released_by=caller.actor,
        )
        claim = _find_claim(conn, claim_id)
    return _view(claim)


def _view(claim: ClaimRow) -> ClaimView:
    return ClaimView.model_validate(replace(claim, customer=rules.masked_customer(claim.customer)))


def _slots_to_change(conn: db.Connection, claim: ClaimRow) -> Sequence[int]:
    """Return the slots that change when a claim is released.

    These are its own slot and, if that is above the capacity by now, the withdrawn slot that replaces it.
    """
    if claim.slot <= claim.capacity:
        return [claim.slot]
    replacement = db.value(conn, SQL.lock_replacement_slot, place_id=claim.place_id, capacity=claim.capacity)
    return [replacement, claim.slot]


def list_my_claims(conn: db.Connection, caller: Caller, limit: int, cursor: str | None) -> MyClaimPage:
    """Return a page of the claims that are proved to be the caller's, newest first."""
    rows = db.page(
        conn,
        MyClaimRow,
        SQL.list_claims_of_account,
        account_id=caller.account,
        phone_verified_after=datetime.now(UTC) - PHONE_LIFETIME,
        before=decode_id(cursor) or LAST_ID,
        limit=limit,
    )
    return MyClaimPage.of(rows, limit, show=lambda row: MyClaimView(**vars(row), status=row.status, qr=_qr_of(row)))


def _qr_of(claim: MyClaimRow) -> str | None:
    """Return the text of an open claim's QR, or None if the key that signed it has been withdrawn."""
    master = signing.key(settings().ticket_keys_secret, str(claim.key_id)) if claim.status == "open" else None
    if master is None:
        return None
    return qr.text_of(master, claim.key_id, 0, claim.organisation_id, claim.id, rules.CLAIM)


def _find_place(conn: db.Connection, place_id: UUID) -> PlaceRow:
    return db.get(conn, PlaceRow, SQL.get_place, id=place_id)


def _find_claim(conn: db.Connection, claim_id: UUID) -> ClaimRow:
    return db.get(conn, ClaimRow, SQL.get_claim, id=claim_id)


def _audit(conn: db.Connection, caller: Caller, action: str, place: PlaceRow, **facts: Any) -> None:
    subject = f"service {place.id}"
    audit.record(conn, caller, action, subject, organisation=place.organisation_id, **facts)


def erase_customers(conn: db.Connection, customer_ids: Sequence[UUID]) -> int:
    """Erase who some customers are, and what was noted on their claims. Return their number."""
    db.run(conn, SQL.lock_and_erase_notes, customer_ids=list(customer_ids))
    return db.run(conn, SQL.lock_and_erase_customers, ids=list(customer_ids), at_erased=erased.AT_DOMAIN)
