"""What the outcome of a scan means."""

from boxoffice.checkin.errors import AlreadyScanned, Forged, Refunded, Transferred, WrongEvent
from boxoffice.checkin.models import Scanned
from boxoffice.errors import DomainError

_REFUSALS: dict[str, type[DomainError]] = {
    "already_scanned": AlreadyScanned,
    "wrong_event": WrongEvent,
    "refunded": Refunded,
    "forged": Forged,
}


def check_admitted(scanned: Scanned) -> None:
    """Let an admission pass.

    Raises:
        Forged: the QR is not the ticket's. Nothing of the ticket is told.
        Transferred: the QR was, before the ticket passed to somebody else, of whom nothing is told either.
        AlreadyScanned, WrongEvent, Refunded: why it does not admit, with when and where it was first used.
    """
    if scanned.outcome == "admitted":
        return
    if scanned.outcome == "forged":
        raise Forged
    if scanned.outcome == "transferred":
        raise Transferred(ticket_id=scanned.ticket_id, event_id=scanned.event_id)
    raise _REFUSALS[scanned.outcome](
        ticket_id=scanned.ticket_id,
        event_id=scanned.event_id,
        ticket_type_name=scanned.ticket_type_name,
        holder_name=scanned.holder_name,
        entries=scanned.entries,
        max_entries=scanned.max_entries,
        first_scan_at=scanned.first_scan_at.isoformat() if scanned.first_scan_at else None,
        first_scan_gate=scanned.first_scan_gate,
    )
