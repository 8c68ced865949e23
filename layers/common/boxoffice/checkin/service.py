"""Use cases at the door: scans online and offline, the manifest, and attendance."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.errors import UniqueViolation

from boxoffice import audit, db, outbox, platform_settings, signing, sql
from boxoffice.auth import Caller, require_event, require_role
from boxoffice.checkin import rules
from boxoffice.checkin.errors import NotAdmitted
from boxoffice.checkin.models import (
    Attendance,
    AttendanceView,
    EventAtDoor,
    GateAttendance,
    Guest,
    GuestPage,
    LockedScan,
    ManifestCursor,
    ManifestTicket,
    ManifestTypeView,
    ManifestView,
    MinuteAttendance,
    OfflineScan,
    RecountedScan,
    ReportedScan,
    ScanFilters,
    ScannedTicket,
    ScanPage,
    ScanRecord,
    ScanRecordView,
    ScanRequest,
    ScanView,
    SyncRequest,
    SyncView,
    TicketScanRequest,
    TypeAttendance,
)
from boxoffice.config import settings
from boxoffice.errors import Invalid, NotModified
from boxoffice.events.models import GateView
from boxoffice.ids import find_order_number, new_id
from boxoffice.names import key_of
from boxoffice.observability import security_event
from boxoffice.pagination import FIRST_ID, decode_id, decode_moment_and_id, decode_numbers_and_id, encode
from boxoffice.tickets import qr
from boxoffice.tickets.errors import Forged

SQL = sql.queries("checkin")

_AFTER_ALL_SCANS = datetime(2201, 1, 1, tzinfo=UTC), UUID(int=2**128 - 1)


def scan_ticket(conn: db.Connection, caller: Caller, request: ScanRequest) -> ScanView:
    """Admit whoever shows a QR. Runs in autocommit, as one statement that also stores refusals.

    Raises:
        Forged: the QR is none of ours.
        Invalid: the request names a device that has a door pass.
        NotFound: there is no such ticket, or it is another organisation's.
        OutsideDoorPass: the caller is a device, and its pass is for other events or gates.
        others: the ticket or this QR does not admit; see `rules.check_admitted`.
    """
    text = qr.as_printed(request.qr)
    claimed = qr.read(text)
    if claimed is None:
        raise Forged
    shown = {
        "qr_hash": qr.hash_of(text),
        "qr_transfer_count": claimed.transfer_count,
        "is_withdrawn": signing.is_withdrawn(settings().ticket_keys_secret, claimed.key_id),
    }
    return _scan(conn, caller, claimed.subject_id, shown, request)


def scan_ticket_by_id(conn: db.Connection, caller: Caller, ticket_id: UUID, request: TicketScanRequest) -> ScanView:
    """Admit somebody from the guest list. Like `scan_ticket`, but without a QR."""
    return _scan(conn, caller, ticket_id, _NO_QR, request)


_NO_QR = {"qr_hash": None, "qr_transfer_count": None, "is_withdrawn": False}


def _scan(
    conn: db.Connection, caller: Caller, ticket_id: UUID, shown: dict[str, Any], request: TicketScanRequest
) -> ScanView:
    """Scan a ticket.

    Args:
        shown: the facts of the QR that was shown; `_NO_QR` for the guest list.
    """
    rules.check_gate(caller.device, request.gate)
    _check_device(conn, caller, request.device_id)
    try:
        ticket = _scan_once(conn, caller, ticket_id, shown, request)
    except UniqueViolation:
        # Another request used the same sequence at the same time. It is committed now: this one finds its outcome.
        ticket = _scan_once(conn, caller, ticket_id, shown, request)
    rules.check_admitted(ticket)
    return ScanView.model_validate(ticket)


def _scan_once(
    conn: db.Connection, caller: Caller, ticket_id: UUID, shown: dict[str, Any], request: TicketScanRequest
) -> ScannedTicket:
    return db.get(
        conn,
        ScannedTicket,
        SQL.lock_and_scan_ticket,
        scan_id=new_id(),
        ticket_id=ticket_id,
        **shown,
        **caller.entrance,
        actor_id=caller.actor,
        event_ids=rules.events_at_door(caller.device, request.event_id),
        gate=request.gate,
        gate_key=request.gate and key_of(request.gate),
        device_id=rules.device_id_of(caller.device, request.device_id),
        sequence=request.sequence,
        block_disputed=platform_settings.current(conn).block_disputed_tickets,
    )


def _check_device(conn: db.Connection, caller: Caller, device_id: str | None) -> None:
    """Let nobody scan in the name of a device with a door pass but that device, or its next scans could not count.

    Raises:
        Invalid: the request names such a device.
    """
    paired = None if caller.device else rules.may_be_paired(device_id)
    if paired and db.value(conn, SQL.is_paired, device_id=paired):
        because = "must not be a device with a door pass, which sends its scans itself"
        raise Invalid.at("body", "device_id", because=because)


def undo_scan(conn: db.Connection, caller: Caller, scan_id: UUID) -> ScanRecordView:
    """Undo any entry of a ticket, and recount the others: a conflict may count now.

    A scan that was undone before stays as it is.

    Raises:
        NotFound, Forbidden: the scan is not the caller's, or the role is too low.
        NotAdmitted: the scan let nobody in.
    """
    scan = db.get(conn, LockedScan, SQL.lock_scan, id=scan_id)
    require_role(conn, caller, scan.organisation_id)
    if not scan.let_in:
        raise NotAdmitted
    undone = db.run(conn, SQL.undo_scan, id=scan_id, actor_id=caller.actor)
    _recount(conn, [scan.ticket_id])
    record = db.exactly_one(conn, ScanRecord, SQL.get_scan, id=scan_id)
    if undone:
        data = {"scan_id": scan_id, "ticket_id": scan.ticket_id, "event_id": record.event_id}
        outbox.owe_webhook(conn, scan.organisation_id, "ticket.scan_undone", data)
        audit.record(
            conn,
            caller,
            "undo_scan",
            f"scan {scan_id}",
            organisation=scan.organisation_id,
            ticket_id=str(scan.ticket_id),
        )
    return ScanRecordView.model_validate(record)


def _recount(conn: db.Connection, ticket_ids: Sequence[UUID]) -> list[RecountedScan]:
    return db.many(conn, RecountedScan, SQL.recount_scans, ticket_ids=list(ticket_ids))


def list_scans(
    conn: db.Connection, caller: Caller, event_id: UUID, filters: ScanFilters, limit: int, cursor: str | None
) -> ScanPage:
    """List the scans of an event, latest first: entries, refusals and conflicts.

    Raises:
        NotFound, Forbidden: the event is not the caller's, or the role is too low.
        Invalid: the cursor is not ours.
    """
    event = _get_event(conn, caller, event_id)
    before, before_id = decode_moment_and_id(cursor) or _AFTER_ALL_SCANS
    rows = db.search(
        conn,
        ScanRecord,
        SQL.list_scans,
        event_id=event_id,
        only_conflicts=filters.only_conflicts,
        gate=rules.gate_of(event, filters.gate),
        ticket_id=filters.ticket_id,
        before=before,
        before_id=before_id,
        limit=limit,
    )
    return ScanPage.of(rows, limit, lambda scan: (scan.at, scan.id))


def get_scan_manifest(
    conn: db.Connection, caller: Caller, event_id: UUID, cursor: str | None, limit: int, known_version: str | None
) -> tuple[ManifestView, str]:
    """Return what a device needs to scan offline: all tickets of an event, or those that changed since a cursor.

    Each ticket carries the transaction that wrote it last. Transactions do not commit in the order of their numbers.
    So the next reading begins at the oldest transaction that was open before this one. It may repeat some tickets,
    and misses none (decision 30).

    Args:
        known_version: the version that this same request answered before, if the caller has it.

    Returns:
        The manifest, and its version.

    Raises:
        NotFound: there is no such event, or it is another organisation's.
        NotModified: the caller's version is the current one.
        Invalid: the cursor is not ours.
    """
    event = _get_event(conn, caller, event_id)
    position = decode_numbers_and_id(cursor)
    withdrawn_keys = signing.withdrawn_keys(settings().ticket_keys_secret)
    start = rules.start_reading(ManifestCursor(*position) if position else None, event, len(withdrawn_keys))
    block_disputed = platform_settings.current(conn).block_disputed_tickets
    fingerprint = rules.manifest_fingerprint(event, withdrawn_keys, block_disputed=block_disputed)
    since = rules.first_unknown_xid(known_version, fingerprint)
    if known_version and since is not None and not db.value(conn, SQL.has_changed, event_id=event_id, since=since):
        raise NotModified(known_version)
    rows = db.many(
        conn,
        ManifestTicket,
        SQL.list_changed_tickets,
        event_id=event_id,
        after=start.changed_in,
        after_id=start.ticket_id,
        block_disputed=block_disputed,
        limit=limit,
    )
    manifest = _manifest(event, start, rows[:limit], withdrawn_keys, has_more=len(rows) > limit)
    return manifest, rules.manifest_version(start, fingerprint)


def _manifest(
    event: EventAtDoor,
    start: ManifestCursor,
    page: Sequence[ManifestTicket],
    withdrawn_keys: Sequence[int],
    *,
    has_more: bool,
) -> ManifestView:
    return ManifestView(
        event_id=event.event_id,
        title=event.title,
        time_zone=event.time_zone,
        status=event.status,
        doors_open_at=event.doors_open_at,
        starts_at=event.starts_at,
        ends_at=event.ends_at,
        gates=[GateView(**gate) for gate in event.gates],
        ticket_types=[ManifestTypeView(**ticket_type) for ticket_type in event.ticket_types],
        starts_over=start.changed_in == 0,
        tickets=rules.manifest_tickets(page, withdrawn_keys),
        next_cursor=encode(*rules.next_cursor(start, page, has_more=has_more)),
        has_more=has_more,
    )


def sync_scans(conn: db.Connection, caller: Caller, event_id: UUID, request: SyncRequest) -> SyncView:
    """Store what a device has scanned offline. The earliest entries of each ticket count; the others are conflicts.

    Device and sequence identify a scan, so a repeat changes nothing. The order in which devices report does not
    matter either. A scan that cannot be read gets a result of its own, and keeps no other one back.

    Raises:
        NotFound: there is no such event, or it is another organisation's.
        Invalid: the request names a device that has a door pass.
    """
    event = _get_event(conn, caller, event_id)
    _check_device(conn, caller, request.device_id)
    device_id = rules.device_id_of(caller.device, request.device_id)
    received_at = datetime.now(UTC)
    skew = rules.clock_skew(request.sent_at, received_at)
    scans = rules.readable(request.scans)
    allowed = [scan for scan in scans if rules.is_allowed(caller.device, scan, request.sent_at, skew)]
    outside_pass = {scan.sequence for scan in scans} - {scan.sequence for scan in allowed}
    reported = _insert_scans(conn, caller, event, request, allowed, skew, received_at)
    webhooks = [(event.organisation_id, scan.webhook) for scan in reported if scan.webhook is not None]
    outbox.owe_webhooks(conn, "ticket.scanned", webhooks)
    recounted = _recount(conn, sorted({scan.ticket_id for scan in reported if scan.refusal is None}))
    results = rules.sync_results(request.scans, device_id, reported, recounted, outside_pass)
    if forged := sum(each.outcome == "forged" for each in results):
        security_event("qr", {"code": Forged.code, **caller.for_log}, forged)
    return SyncView(
        skew_ms=skew // timedelta(milliseconds=1),
        results=results,
        conflicts=rules.find_conflicts(recounted),
    )


def _insert_scans(
    conn: db.Connection,
    caller: Caller,
    event: EventAtDoor,
    request: SyncRequest,
    scans: Sequence[OfflineScan],
    skew: timedelta,
    received_at: datetime,
) -> list[ReportedScan]:
    """Store those of some scans whose QRs name a ticket. All others are forged, and not stored.

    A device that knew of no withdrawal has let people in by QRs of withdrawn keys. They have entered, so that counts.
    """
    named: list[tuple[OfflineScan, str, UUID]] = []
    for scan in scans:
        text = qr.as_printed(scan.qr)
        claimed = qr.read(text)
        if claimed is not None:
            named.append((scan, text, claimed.subject_id))
    return db.many(
        conn,
        ReportedScan,
        SQL.lock_and_insert_scans,
        organisation_id=event.organisation_id,
        event_id=event.event_id,
        actor_id=caller.actor,
        device_id=rules.device_id_of(caller.device, request.device_id),
        skew_ms=skew // timedelta(milliseconds=1),
        ids=[new_id() for _ in named],
        ticket_ids=[ticket_id for _, _, ticket_id in named],
        qr_hashes=[qr.hash_of(text) for _, text, _ in named],
        sequences=[scan.sequence for scan, _, _ in named],
        gates=[rules.gate_of(event, scan.gate) for scan, _, _ in named],
        device_times=[scan.at for scan, _, _ in named],
        times=[rules.corrected_time(scan, request.sent_at, skew) for scan, _, _ in named],
        earliest=rules.earliest_entry(event),
        received_at=received_at,
    )


def search_guests(
    conn: db.Connection, caller: Caller, event_id: UUID, text: str, limit: int, cursor: str | None
) -> GuestPage:
    """Return a page of the tickets of an event that a text finds: by name, order number, seat or email address.

    Raises:
        NotFound: there is no such event, or it is another organisation's.
        Invalid: the text is too short, or the cursor is not ours.
    """
    rules.check_search(text)
    _get_event(conn, caller, event_id)
    rows = db.search(
        conn,
        Guest,
        SQL.search_guests,
        event_id=event_id,
        wanted=text,
        order_number=find_order_number(text),
        after=decode_id(cursor) or FIRST_ID,
        block_disputed=platform_settings.current(conn).block_disputed_tickets,
        limit=limit,
    )
    return GuestPage.of(rows, limit, lambda guest: (guest.ticket_id,), show=rules.guest_view)


def get_attendance(conn: db.Connection, caller: Caller, event_id: UUID) -> AttendanceView:
    """Return how many tickets and people have entered an event, by ticket type, by gate and by minute.

    Raises:
        NotFound: there is no such event, or it is another organisation's.
    """
    attendance = db.get(conn, Attendance, SQL.get_attendance, event_id=event_id)
    require_role(conn, caller, attendance.organisation_id)
    require_event(caller, event_id)
    ticket_types = [TypeAttendance(**row) for row in attendance.ticket_types]
    return AttendanceView(
        event_id=event_id,
        valid_tickets=sum(row.valid_tickets for row in ticket_types),
        used_tickets=sum(row.used_tickets for row in ticket_types),
        entries=sum(row.entries for row in ticket_types),
        people=sum(row.people for row in ticket_types),
        conflicts=attendance.conflicts,
        ticket_types=ticket_types,
        gates=[GateAttendance(**row) for row in attendance.gates],
        minutes=[MinuteAttendance(**row) for row in attendance.minutes],
    )


def _get_event(conn: db.Connection, caller: Caller, event_id: UUID) -> EventAtDoor:
    """Return an event that the caller may work at. Read it before its tickets, since it says where to read on.

    Raises:
        NotFound, Forbidden: the event is not of the caller's organisation, or their role is lower than the route asks.
    """
    event = db.get(conn, EventAtDoor, SQL.get_event_at_door, event_id=event_id)
    require_role(conn, caller, event.organisation_id)
    require_event(caller, event_id)
    return event
