"""Use cases at the door."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from psycopg.errors import UniqueViolation

from boxoffice import audit, db, outbox, signing, sql
from boxoffice.auth import Caller, require_role
from boxoffice.checkin import rules
from boxoffice.checkin.errors import NotAdmitted
from boxoffice.checkin.models import (
    Attendance,
    AttendanceView,
    Door,
    GateAttendance,
    HeldScan,
    ManifestTicket,
    ManifestView,
    MinuteAttendance,
    OfflineScan,
    Position,
    ScanFilters,
    Scanned,
    ScanPage,
    ScanRecord,
    ScanRecordView,
    ScanRequest,
    ScanView,
    Settled,
    SyncRequest,
    SyncView,
    TicketScanRequest,
    TypeAttendance,
    Verdict,
)
from boxoffice.config import settings
from boxoffice.errors import NotFound, NotModified
from boxoffice.ids import new_id
from boxoffice.pagination import decode_moment_and_id, decode_numbers_and_id, encode, page_of
from boxoffice.tickets import qr
from boxoffice.tickets.errors import Forged

SQL = sql.queries("checkin")

_LATEST = datetime(2201, 1, 1, tzinfo=UTC), UUID(int=2**128 - 1)


def scan_ticket(conn: db.Connection, caller: Caller, request: ScanRequest) -> ScanView:
    """Admit whoever shows a QR, or say why not. One statement, so refusals are recorded too. Runs in autocommit.

    Raises:
        Forged: the QR is none of ours, its key has been withdrawn, or it is not this ticket's.
        NotFound: there is no such ticket, or it is another organisation's.
        others: the ticket does not admit, or not by this QR; see `rules.check_admitted`.
    """
    text = request.qr.strip()
    ticket_id = _read(text)
    if ticket_id is None:
        raise Forged
    return _scan(conn, caller, ticket_id, qr.hash_of(text), request)


def scan_ticket_by_id(conn: db.Connection, caller: Caller, ticket_id: UUID, request: TicketScanRequest) -> ScanView:
    """Admit somebody who is on the guest list, or say why not. Like `scan_ticket`, without a QR to prove it."""
    return _scan(conn, caller, ticket_id, None, request)


def _scan(
    conn: db.Connection, caller: Caller, ticket_id: UUID, qr_hash: bytes | None, request: TicketScanRequest
) -> ScanView:
    params = {**request.model_dump(exclude={"qr"}), "account_id": caller.account, "scan_id": new_id()}
    params |= {"ticket_id": ticket_id, "qr_hash": qr_hash}
    try:
        scanned = db.one(conn, Scanned, SQL.lock_and_scan_ticket, **params)
    except UniqueViolation:
        # The same number in the same moment: by now what the other one answered can be read.
        scanned = db.one(conn, Scanned, SQL.lock_and_scan_ticket, **params)
    if scanned is None:
        raise NotFound
    rules.check_admitted(scanned)
    return ScanView.model_validate(scanned)


def _read(text: str) -> UUID | None:
    """The ticket that a QR names, if it names one and a key that we still have. This proves nothing yet."""
    named = qr.read(text)
    if named is None or signing.key(settings().ticket_keys_secret, str(named[0])) is None:
        return None
    return named[1]


def undo_scan(conn: db.Connection, caller: Caller, scan_id: UUID) -> ScanRecordView:
    """Take an entry back, whichever of the ticket's it is. What was a conflict because of it may count then. To undo
    what is undone changes nothing.

    Raises:
        NotFound, Forbidden: the scan is not the caller's, or the role is too low.
        NotAdmitted: it let nobody in.
    """
    held = db.get(conn, HeldScan, SQL.lock_scan, id=scan_id)
    require_role(conn, caller, held.organisation_id)
    if not held.let_in:
        raise NotAdmitted
    undone = db.run(conn, SQL.undo_scan, id=scan_id, account_id=caller.account)
    db.many(conn, Settled, SQL.settle_tickets, ticket_ids=[held.ticket_id])
    record = db.one(conn, ScanRecord, SQL.get_scan, id=scan_id)
    if undone:
        subject = f"scan {scan_id}"
        facts = {"ticket_id": str(held.ticket_id)}
        audit.record(conn, "undo_scan", subject, actor=caller.account, organisation=held.organisation_id, **facts)
    return ScanRecordView.model_validate(record)


def list_scans(
    conn: db.Connection, caller: Caller, event_id: UUID, filters: ScanFilters, limit: int, cursor: str | None
) -> ScanPage:
    """The scans of an event, latest first: who was let in, who was refused, and the conflicts.

    Raises:
        NotFound, Forbidden: the event is not the caller's, or the role is too low.
        Invalid: the cursor is not ours.
    """
    _find_door(conn, caller, event_id)
    before, before_id = decode_moment_and_id(cursor) or _LATEST
    rows = db.search(
        conn,
        ScanRecord,
        SQL.list_scans,
        event_id=event_id,
        before=before,
        before_id=before_id,
        limit=limit,
        **vars(filters),
    )
    page, next_cursor = page_of(rows, limit, lambda scan: (scan.at, scan.id))
    return ScanPage(items=[ScanRecordView.model_validate(scan) for scan in page], next_cursor=next_cursor)


def get_scan_manifest(
    conn: db.Connection, caller: Caller, event_id: UUID, cursor: str | None, limit: int, known: str | None
) -> tuple[ManifestView, str]:
    """What a device needs to scan offline: all tickets of an event, or those that have changed since a cursor.

    Each ticket carries the transaction that changed it. Transactions are not committed in the order of their numbers,
    so the next reading begins at the oldest one that was open before this: it may tell some tickets twice, and misses
    none.

    Args:
        known: the version that the caller has of what this same request answered before.

    Returns:
        The manifest, and its version.

    Raises:
        NotFound: there is no such event, or it is another organisation's.
        NotModified: the caller's version is what there is.
        Invalid: the cursor is not ours.
    """
    door = _find_door(conn, caller, event_id)
    position = decode_numbers_and_id(cursor)
    start = rules.start_of(Position(*position) if position else None, door)
    withdrawn = signing.withdrawn_keys(settings().ticket_keys_secret)
    terms = rules.terms_of(door, withdrawn)
    floor = rules.floor_of(known, terms)
    if known and floor is not None and not db.value(conn, SQL.has_changed, event_id=event_id, since=floor):
        raise NotModified(known)
    read = db.many(
        conn,
        ManifestTicket,
        SQL.list_changed_tickets,
        event_id=event_id,
        after=start.changed_in,
        after_id=start.ticket_id,
        withdrawn_keys=withdrawn,
        limit=limit,
    )
    more = len(read) > limit
    tickets = read[:limit]
    manifest = ManifestView(
        **vars(door),
        whole=start.changed_in == 0,
        tickets=rules.entries_of(tickets),
        next_cursor=encode(*rules.end_of(start, tickets, more=more)),
        more=more,
    )
    return manifest, rules.version_of(start, terms)


def sync_scans(conn: db.Connection, caller: Caller, event_id: UUID, request: SyncRequest) -> SyncView:
    """Take in what a device has scanned offline. Of each ticket the earliest entries count; the others are conflicts.

    A scan is known by its device and sequence, so that a repeat changes nothing. Whatever the order in which devices
    report, the outcome is the same.

    Raises:
        NotFound: there is no such event, or it is another organisation's.
    """
    door = _find_door(conn, caller, event_id)
    skew = rules.skew_of(request.sent_at, datetime.now(UTC))
    named = [(scan, ticket_id) for scan in request.scans if (ticket_id := _read(scan.qr.strip()))]
    verdicts = _keep(conn, caller, door, request, named, skew)
    told = [(door.organisation_id, verdict.told) for verdict in verdicts if verdict.told is not None]
    outbox.owe_webhooks(conn, "ticket.scanned", told)
    kept = sorted({verdict.ticket_id for verdict in verdicts if verdict.refusal is None})
    settled = db.many(conn, Settled, SQL.settle_tickets, ticket_ids=kept)
    return SyncView(
        skew_ms=skew // timedelta(milliseconds=1),
        results=rules.results_of(request.scans, request.device_id, verdicts, settled),
        conflicts=rules.conflicts_of(settled),
    )


def _keep(
    conn: db.Connection,
    caller: Caller,
    door: Door,
    request: SyncRequest,
    named: Sequence[tuple[OfflineScan, UUID]],
    skew: timedelta,
) -> list[Verdict]:
    scans = [scan for scan, _ in named]
    return db.many(
        conn,
        Verdict,
        SQL.lock_and_insert_scans,
        organisation_id=door.organisation_id,
        event_id=door.event_id,
        account_id=caller.account,
        device_id=request.device_id,
        skew_ms=skew // timedelta(milliseconds=1),
        ids=[new_id() for _ in named],
        ticket_ids=[ticket_id for _, ticket_id in named],
        qr_hashes=[qr.hash_of(scan.qr.strip()) for scan in scans],
        sequences=[scan.sequence for scan in scans],
        gates=[scan.gate for scan in scans],
        device_times=[scan.at for scan in scans],
        moments=[rules.moment_of(scan, request.sent_at, skew) for scan in scans],
    )


def get_attendance(conn: db.Connection, caller: Caller, event_id: UUID) -> AttendanceView:
    """How many have come, by ticket type, by gate and by minute, and how many are inside.

    Raises:
        NotFound: there is no such event, or it is another organisation's.
    """
    found = db.get(conn, Attendance, SQL.get_attendance, event_id=event_id)
    require_role(conn, caller, found.organisation_id)
    ticket_types = [TypeAttendance(**row) for row in found.ticket_types]
    return AttendanceView(
        event_id=event_id,
        issued=sum(row.issued for row in ticket_types),
        admitted=sum(row.admitted for row in ticket_types),
        entries=sum(row.entries for row in ticket_types),
        inside=sum(row.inside for row in ticket_types),
        conflicts=found.conflicts,
        ticket_types=ticket_types,
        gates=[GateAttendance(**row) for row in found.gates],
        minutes=[MinuteAttendance(**row) for row in found.minutes],
    )


def _find_door(conn: db.Connection, caller: Caller, event_id: UUID) -> Door:
    door = db.get(conn, Door, SQL.get_door, event_id=event_id)
    require_role(conn, caller, door.organisation_id)
    return door
