"""Use cases at the door."""

from uuid import UUID

from boxoffice import db, signing, sql
from boxoffice.auth import Caller, require_role
from boxoffice.checkin import rules
from boxoffice.checkin.errors import Forged
from boxoffice.checkin.models import (
    Attendance,
    AttendanceView,
    GateAttendance,
    Scanned,
    ScanRequest,
    ScanView,
    TypeAttendance,
)
from boxoffice.config import settings
from boxoffice.errors import NotFound
from boxoffice.ids import new_id
from boxoffice.tickets import qr

SQL = sql.queries("checkin")


def scan_ticket(conn: db.Connection, caller: Caller, request: ScanRequest) -> ScanView:
    """Admit a ticket's holder, or say why not. One statement, so refusals are recorded too. Runs in autocommit.

    Raises:
        Forged: the QR is none of ours, its key has been withdrawn, or it is not this ticket's.
        NotFound: there is no such ticket, or it is another organisation's.
        AlreadyScanned, WrongEvent, Refunded, Transferred: the ticket does not admit, or not by this QR.
    """
    text = request.qr.strip()
    named = qr.read(text)
    if named is None or signing.key(settings().ticket_keys_secret, str(named[0])) is None:
        raise Forged
    scanned = db.one(
        conn,
        Scanned,
        SQL.lock_and_scan_ticket,
        ticket_id=named[1],
        qr_hash=qr.hash_of(text),
        account_id=caller.account,
        scan_id=new_id(),
        **request.model_dump(exclude={"qr"}),
    )
    if scanned is None:
        raise NotFound
    rules.check_admitted(scanned)
    return ScanView.model_validate(scanned)


def get_attendance(conn: db.Connection, caller: Caller, event_id: UUID) -> AttendanceView:
    """How many have come, by ticket type and by gate.

    Raises:
        NotFound: there is no such event, or it is another organisation's.
    """
    found = db.one(conn, Attendance, SQL.get_attendance, event_id=event_id)
    if found is None:
        raise NotFound
    require_role(conn, caller, found.organisation_id)
    ticket_types = [TypeAttendance(**row) for row in found.ticket_types]
    return AttendanceView(
        event_id=event_id,
        issued=sum(row.issued for row in ticket_types),
        admitted=sum(row.admitted for row in ticket_types),
        entries=sum(row.entries for row in ticket_types),
        ticket_types=ticket_types,
        gates=[GateAttendance(**row) for row in found.gates],
    )
