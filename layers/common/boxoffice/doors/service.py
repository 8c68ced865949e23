"""Use cases of door passes and their devices.

Whoever pairs a device or revokes a pass locks the pass first, so that one waits for the other. A device is live while
neither it nor its pass is revoked. So a pass that is revoked ends a device that is paired at the same moment, too.
"""

from datetime import UTC, datetime
from uuid import UUID

from boxoffice import audit, bearer_secrets, credentials, db, one_time, sql
from boxoffice.auth import Caller, require_role
from boxoffice.doors import rules
from boxoffice.doors.errors import PairingCodeInvalid
from boxoffice.doors.models import (
    DoorPassPage,
    DoorPassRequest,
    DoorPassRow,
    EventAtPass,
    ListedDoorPass,
    LockedDevice,
    NewDoorPassView,
    PairedDeviceView,
    PairingCodeView,
    PairingRequest,
)
from boxoffice.ids import new_id
from boxoffice.one_time import Purpose
from boxoffice.pagination import LAST_ID, decode_id

SQL = sql.queries("doors")


def create_pass(
    conn: db.Connection, caller: Caller, organisation_id: UUID, request: DoorPassRequest
) -> NewDoorPassView:
    """Make a door pass, with a code for its first device.

    Raises:
        NotFound, Forbidden: the organisation is not the caller's, or the role is too low.
        EndOutOfRange, DoorEventsNotFound, UnknownGates: the pass cannot be like this.
    """
    require_role(conn, caller, organisation_id)
    now = datetime.now(UTC)
    named = {"organisation_id": organisation_id, "event_ids": request.event_ids}
    events = db.many(conn, EventAtPass, SQL.lock_events, **named)
    rules.check_request(request, events, now)
    door_pass = DoorPassRow(
        id=new_id(),
        organisation_id=organisation_id,
        created_by=caller.account,
        created_at=now,
        revoked_at=None,
        **request.model_dump(exclude={"gates"}),
        gates=rules.gates_of(request, events),
    )
    columns = {name: value for name, value in vars(door_pass).items() if name != "revoked_at"}
    db.run(conn, SQL.insert_pass, **columns)
    code = _issue_code(conn, door_pass, now)
    facts = request.model_dump(mode="json", exclude_none=True)
    _record(conn, caller, "create_door_pass", f"door pass {door_pass.id}", organisation_id, **facts)
    return NewDoorPassView(**vars(door_pass), devices=[], pairing_code=code)


def list_passes(
    conn: db.Connection, caller: Caller, organisation_id: UUID, limit: int, cursor: str | None
) -> DoorPassPage:
    """Return a page of an organisation's door passes with their devices, latest first.

    Raises:
        NotFound, Forbidden: the organisation is not the caller's, or the role is too low.
    """
    require_role(conn, caller, organisation_id)
    before = decode_id(cursor) or LAST_ID
    rows = db.page(conn, ListedDoorPass, SQL.list_passes, organisation_id=organisation_id, before=before, limit=limit)
    return DoorPassPage.of(rows, limit)


def create_code(conn: db.Connection, caller: Caller, organisation_id: UUID, pass_id: UUID) -> PairingCodeView:
    """Return a new code, with which one device can be paired. Former codes stay as they are.

    Raises:
        NotFound, Forbidden: the pass is not of the caller's organisation, or the role is too low.
        DoorPassEnded: the pass is over or revoked.
        DoorPassFull: it allows no more devices.
    """
    door_pass = _lock(conn, caller, organisation_id, pass_id)
    now = datetime.now(UTC)
    _check_room(conn, door_pass, now)
    code = _issue_code(conn, door_pass, now)
    _record(conn, caller, "create_pairing_code", f"door pass {pass_id}", organisation_id)
    return code


def revoke_pass(conn: db.Connection, caller: Caller, organisation_id: UUID, pass_id: UUID) -> None:
    """End a door pass with all its devices, within half a minute. To revoke it again changes nothing.

    Raises:
        NotFound, Forbidden: the pass is not of the caller's organisation, or the role is too low.
    """
    door_pass = _lock(conn, caller, organisation_id, pass_id)
    if door_pass.revoked_at is None:
        db.run(conn, SQL.revoke_pass, id=pass_id)
        credentials.forget()
        facts = {"name": door_pass.name}
        _record(conn, caller, "revoke_door_pass", f"door pass {pass_id}", organisation_id, **facts)


def revoke_device(conn: db.Connection, caller: Caller, organisation_id: UUID, pass_id: UUID, device_id: UUID) -> None:
    """End one device of a door pass, within half a minute. To revoke it again changes nothing.

    Raises:
        NotFound, Forbidden: the device is not of the caller's organisation, or the role is too low.
    """
    _lock(conn, caller, organisation_id, pass_id)
    device = db.get(conn, LockedDevice, SQL.lock_device, id=device_id, pass_id=pass_id)
    if device.revoked_at is None:
        db.run(conn, SQL.revoke_device, id=device_id)
        credentials.forget()
        facts = {"door_pass": str(pass_id), "name": device.name}
        _record(conn, caller, "revoke_door_device", f"door device {device_id}", organisation_id, **facts)


def pair(conn: db.Connection, caller: Caller, request: PairingRequest) -> PairedDeviceView:
    """Pair a device with the pass whose code it has. The code works once; a refusal leaves it as it was.

    Raises:
        PairingCodeInvalid: it was used, has expired, or is none of ours.
        DoorPassEnded: the pass is over or revoked.
        DoorPassFull: it allows no more devices.
    """
    redeemed = one_time.redeem(conn, Purpose.PAIR_DOOR_DEVICE, request.code)
    if redeemed is None:
        raise PairingCodeInvalid
    door_pass = db.exactly_one(conn, DoorPassRow, SQL.lock_pass, id=UUID(redeemed["pass_id"]))
    _check_room(conn, door_pass, datetime.now(UTC))
    device_id, token = new_id(), bearer_secrets.new_secret(bearer_secrets.DEVICE_TOKEN)
    token_hash = bearer_secrets.hash_of(token)
    db.run(conn, SQL.insert_device, id=device_id, pass_id=door_pass.id, name=request.name, token_hash=token_hash)
    facts = {"door_pass": str(door_pass.id), "name": request.name}
    _record(conn, caller, "pair_door_device", f"door device {device_id}", door_pass.organisation_id, **facts)
    shown = {name: getattr(door_pass, name) for name in ("organisation_id", "event_ids", "gates", "until")}
    return PairedDeviceView(device_id=device_id, token=token, name=request.name, **shown)


def _lock(conn: db.Connection, caller: Caller, organisation_id: UUID, pass_id: UUID) -> DoorPassRow:
    """Lock a pass that the caller may change, and return it.

    Raises:
        NotFound, Forbidden: the pass is not of the caller's organisation, or the role is too low.
    """
    require_role(conn, caller, organisation_id)
    return db.get(conn, DoorPassRow, SQL.lock_pass_of_organisation, id=pass_id, organisation_id=organisation_id)


def _check_room(conn: db.Connection, door_pass: DoorPassRow, now: datetime) -> None:
    """Let a device be paired with a pass that the transaction has locked.

    Raises:
        DoorPassEnded, DoorPassFull: the pass is over or revoked, or allows no more devices.
    """
    rules.check_open(door_pass, now)
    rules.check_room(door_pass, db.value(conn, SQL.count_devices, pass_id=door_pass.id))


def _issue_code(conn: db.Connection, door_pass: DoorPassRow, now: datetime) -> PairingCodeView:
    code_id = one_time.issue(conn, Purpose.PAIR_DOOR_DEVICE, rules.CODE_LIFETIME, pass_id=str(door_pass.id))
    code = one_time.token_of(Purpose.PAIR_DOOR_DEVICE, code_id)
    return PairingCodeView(code=code, expires_at=now + rules.CODE_LIFETIME)


def _record(
    conn: db.Connection, caller: Caller, action: str, subject: str, organisation_id: UUID, **facts: object
) -> None:
    audit.record(conn, caller, action, subject, organisation=organisation_id, **facts)
