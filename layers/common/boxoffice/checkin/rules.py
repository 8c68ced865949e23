"""What the outcome of a scan means, when an offline one happened, and what a device is told of a ticket."""

import base64
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from boxoffice.checkin.errors import REFUSALS, Refusal, Transferred
from boxoffice.checkin.models import (
    ConflictView,
    Door,
    FirstScanView,
    ManifestTicket,
    OfflineScan,
    Position,
    Scanned,
    Settled,
    SyncedScanView,
    Verdict,
)
from boxoffice.tickets.errors import Forged

_REFUSALS: dict[str, type[Refusal]] = {error.code: error for error in REFUSALS}
_HASH_SIZE = 16  # bytes: to meet one of 50,000 tickets by chance takes 2¹¹² tries (decision 32)
_TRANSFERRED = -2


def check_admitted(scanned: Scanned) -> None:
    """Let an admission pass.

    Raises:
        Forged: the QR is not the ticket's. Nothing of the ticket is told.
        Transferred: the QR was, before the ticket passed to somebody else, of whom nothing is told either.
        one of REFUSALS: why it does not admit, with when and where it was first used.
    """
    if scanned.outcome == "admitted":
        return
    if scanned.outcome == "forged":
        raise Forged
    if scanned.outcome == "transferred":
        raise Transferred(ticket_id=scanned.ticket_id, event_id=scanned.event_id)
    raise _REFUSALS[scanned.outcome](
        detail=_detail(scanned),
        ticket_id=scanned.ticket_id,
        event_id=scanned.event_id,
        ticket_type_name=scanned.ticket_type_name,
        holder_name=scanned.holder_name,
        entries=scanned.entries,
        max_entries=scanned.max_entries,
        first_scan_at=scanned.first_scan_at,
        first_scan_gate=scanned.first_scan_gate,
        doors_open_at=scanned.doors_open_at,
    )


def _detail(scanned: Scanned) -> str:
    """What the person at the door reads first, on the clock of the venue; empty if the refusal itself says it."""
    if scanned.outcome == "already_scanned" and scanned.first_scan_at is not None:
        gate = f" at {scanned.first_scan_gate}" if scanned.first_scan_gate else ""
        return f"Used already: first{gate} on {_clock(scanned.first_scan_at, scanned.time_zone)}."
    if scanned.outcome == "not_yet" and scanned.doors_open_at is not None:
        return f"The doors open on {_clock(scanned.doors_open_at, scanned.time_zone)}."
    return ""


def _clock(moment: datetime, time_zone: str) -> str:
    from zoneinfo import ZoneInfo

    return f"{moment.astimezone(ZoneInfo(time_zone)):%d %B at %H:%M}"


def skew_of(sent_at: datetime, received_at: datetime) -> timedelta:
    """By how much a device's clock is ahead of ours, to the millisecond."""
    return timedelta(milliseconds=(sent_at - received_at) // timedelta(milliseconds=1))


def moment_of(scan: OfflineScan, sent_at: datetime, skew: timedelta) -> datetime:
    """When an offline scan happened by our clock. A clock that was set back meanwhile puts it at the sync."""
    return min(scan.at, sent_at) - skew


def results_of(
    scans: Iterable[OfflineScan], device_id: str, verdicts: Iterable[Verdict], settled: Iterable[Settled]
) -> list[SyncedScanView]:
    """What is made of each scan of a sync, in the order in which they were sent. A QR without a verdict is forged."""
    verdict_of = {verdict.sequence: verdict for verdict in verdicts}
    kept = {scan.sequence: scan for scan in settled if scan.device_id == device_id and scan.sequence is not None}
    return [_result(scan.sequence, verdict_of.get(scan.sequence), kept.get(scan.sequence)) for scan in scans]


def _result(sequence: int, verdict: Verdict | None, kept: Settled | None) -> SyncedScanView:
    if verdict and verdict.refusal is None and kept and kept.ticket_id == verdict.ticket_id:
        return SyncedScanView.model_validate(kept)
    refusal = "forged" if verdict is None else verdict.refusal or "sequence_reused"
    return SyncedScanView(sequence=sequence, outcome=refusal, scan_id=None, at=None, refunded_at=None)


def conflicts_of(settled: Sequence[Settled]) -> list[ConflictView]:
    """Those that were let in and do not count, each with the entry that does. ``settled`` is in order of time."""
    first: dict[UUID, Settled] = {}
    for scan in settled:
        if scan.outcome == "admitted":
            first.setdefault(scan.ticket_id, scan)
    return [
        ConflictView(**vars(scan), first=_first(first.get(scan.ticket_id)))
        for scan in settled
        if scan.outcome not in {"admitted", "undone"}
    ]


def _first(scan: Settled | None) -> FirstScanView | None:
    return FirstScanView.model_validate(scan) if scan else None


def start_of(position: Position | None, door: Door) -> Position:
    """Where a reading of the manifest goes on. One that is not under way will be followed by what changes from now on;
    one that lies in the future is of another database, before this one was restored, and begins anew."""
    if position is None or position.changed_in > door.ceiling:
        return Position(door.floor, 0, UUID(int=0))
    return position if position.floor else position._replace(floor=door.floor)


def end_of(start: Position, read: Sequence[ManifestTicket], *, more: bool) -> Position:
    """Where the next reading goes on: behind the last ticket, or where this one's changes began to be uncertain."""
    if more:
        return Position(start.floor, read[-1].changed_in, read[-1].id)
    return Position(0, start.floor, UUID(int=0))


def entries_of(tickets: Iterable[ManifestTicket]) -> dict[UUID, list[tuple[str, int, int]]]:
    """What a device is told of these tickets: by type, hashes with the entries that they have left."""
    found: dict[UUID, list[tuple[str, int, int]]] = defaultdict(list)
    for ticket in tickets:
        found[ticket.ticket_type_id] += _entries(ticket)
    return found


def _entries(ticket: ManifestTicket) -> Iterator[tuple[str, int, int]]:
    yield hash_text(ticket.qr_hash), ticket.entries_left, ticket.admits
    for former in ticket.former_hashes or ():
        yield hash_text(former), _TRANSFERRED, ticket.admits


def hash_text(qr_hash: bytes) -> str:
    """The hash of a QR as a manifest has it."""
    return base64.urlsafe_b64encode(qr_hash[:_HASH_SIZE]).decode().rstrip("=")


def terms_of(door: Door, withdrawn_keys: Sequence[int]) -> str:
    """Names what a manifest says beside the tickets: the event's own terms, and the keys whose QRs it leaves out."""
    terms = {name: value for name, value in vars(door).items() if name not in {"floor", "ceiling"}}
    content = json.dumps([terms, withdrawn_keys], default=str, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def version_of(start: Position, terms: str) -> str:
    """Names what a manifest says: the changes up to a point, and the terms."""
    return f"{start.floor}.{terms}"


def floor_of(version: str | None, terms: str) -> int | None:
    """From where on changes matter to a device that has this version, if the terms are still the same."""
    floor, _, known = (version or "").partition(".")
    return int(floor) if floor.isdecimal() and len(floor) < 19 and known == terms else None
