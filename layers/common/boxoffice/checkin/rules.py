"""Decisions at the door: what a scan answers, when an offline scan happened, and what the manifest says."""

import base64
import hashlib
import json
import unicodedata
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from boxoffice.auth import outside
from boxoffice.checkin.errors import REFUSALS, Refusal, Transferred, UnknownGate
from boxoffice.checkin.models import (
    ConflictView,
    EventAtDoor,
    FirstScanView,
    Guest,
    GuestView,
    InvalidScan,
    ManifestCursor,
    ManifestTicket,
    OfflineScan,
    RecountedScan,
    ReportedScan,
    ScanErrorView,
    ScannedTicket,
    SentScan,
    SyncedScanView,
)
from boxoffice.credentials import DoorDevice
from boxoffice.errors import Invalid
from boxoffice.ids import shown_order_number
from boxoffice.masking import masked
from boxoffice.names import key_of
from boxoffice.tickets.errors import Forged
from boxoffice.times import zone_of

_REFUSALS: dict[str, type[Refusal]] = {error.code: error for error in REFUSALS}
_HASH_SIZE = 16  # bytes. To guess a text that matches one of 50,000 tickets takes 2¹¹² tries (decision 32).
_TRANSFERRED = -2
_WITHDRAWN = -4
_NO_TICKET = UUID(int=0)
_BEFORE_DOORS = timedelta(hours=12)  # a device whose clock is ahead opens the doors too early
_MOST_ERRORS = 20  # in one answer
_SHORTEST_SEARCH = 2  # characters: many Chinese names have no more
_NOT_STORED: dict[str, Any] = {"scan_id": None, "at": None, "time_unknown": False, "refunded_at": None, "errors": []}


def check_admitted(ticket: ScannedTicket) -> None:
    """Raise the reason if a scan did not admit.

    Raises:
        Forged: the QR is not the ticket's. The error says nothing about the ticket.
        UnknownGate: the event has other gates. The error says nothing about the ticket.
        Transferred: it is a former QR of the ticket. The error says nothing about the new holder.
        one of REFUSALS: the ticket does not admit, for the reason that the error names.
    """
    if ticket.outcome == "admitted":
        return
    if ticket.outcome == "forged":
        raise Forged
    if ticket.outcome == "transferred":
        raise Transferred(ticket_id=ticket.ticket_id, event_id=ticket.event_id)
    if ticket.outcome == "unknown_gate":
        raise UnknownGate(detail=_detail(ticket), gate=ticket.gate or "", known_gates=ticket.gates)
    refusal = _REFUSALS[ticket.outcome]
    raise refusal(detail=_detail(ticket), **{fact: getattr(ticket, fact) for fact in refusal.declared})


def _detail(ticket: ScannedTicket) -> str:
    """Return a sentence with names, or with a time on the venue's clock, or "" if the error's own one is enough."""
    if ticket.outcome == "already_scanned" and ticket.first_scan_at is not None:
        gate = f" at {ticket.first_scan_gate}" if ticket.first_scan_gate else ""
        return f"Used already: first{gate} on {_clock(ticket.first_scan_at, ticket.time_zone)}."
    if ticket.outcome == "not_yet" and ticket.doors_open_at is not None:
        return f"The doors open on {_clock(ticket.doors_open_at, ticket.time_zone)}."
    if ticket.outcome == "wrong_event":
        return f"The ticket is for {ticket.event_title}, on {_clock(ticket.starts_at, ticket.time_zone)}."
    if ticket.outcome == "wrong_gate":
        place = f"Gates for it: {', '.join(ticket.gates)}." if ticket.gates else "No gate lets it in."
        return f"The gate {ticket.gate} does not let in {ticket.ticket_type_name}. {place}"
    if ticket.outcome == "unknown_gate":
        return f"The event has no gate {ticket.gate}. Its gates: {', '.join(ticket.gates)}."
    return ""


def _clock(moment: datetime, time_zone: str) -> str:
    return f"{moment.astimezone(zone_of(time_zone)):%d %B at %H:%M}"


# ------------------------------------------------------------------------------------------------- door devices


def events_at_door(device: DoorDevice | None, event_id: UUID | None) -> list[UUID] | None:
    """Return the events whose tickets a scan may admit. None for all that the scanner's organisation has.

    Raises:
        OutsideDoorPass: the scan names an event that the device's pass is not for.
    """
    if device is not None and event_id is None:
        return device.event_ids
    if device is not None and event_id not in device.event_ids:
        raise outside(device)
    return None if event_id is None else [event_id]


def check_gate(device: DoorDevice | None, gate: str | None) -> None:
    """Let a scan pass at a gate where the scanner may stand. A pass for some gates needs one of them named.

    Raises:
        OutsideDoorPass: the device's pass is for other gates.
    """
    if device is not None and not _stands_at(device, gate):
        raise outside(device)


def device_id_of(device: DoorDevice | None, named: str | None) -> str | None:
    """Return which device has scanned: the one that the request names. One with a door pass cannot name another."""
    return str(device.id) if device else named


def may_be_paired(device_id: str | None) -> UUID | None:
    """Return the id of a device that may have a door pass, if a text is one as we make and write it. None if not."""
    try:
        id_ = UUID(device_id or "")
    except ValueError:
        return None
    return id_ if id_.version == 7 and str(id_) == device_id else None


def is_allowed(device: DoorDevice | None, scan: OfflineScan, sent_at: datetime, skew: timedelta) -> bool:
    """Return True if a device could make an offline scan: at the gates of its pass, and before that ended."""
    if device is None:
        return True
    return _stands_at(device, scan.gate) and corrected_time(scan, sent_at, skew) < device.until


def _stands_at(device: DoorDevice, gate: str | None) -> bool:
    if device.gates is None:
        return True
    return gate is not None and key_of(gate) in {key_of(allowed) for allowed in device.gates}


def gate_of(event: EventAtDoor, name: str | None) -> str | None:
    """Return the name of a gate as the event writes it, or as somebody else does if the event has no such gate."""
    key = name and key_of(name)
    return next((gate["name"] for gate in event.gates if gate["key"] == key), name)


# ------------------------------------------------------------------------------------------------ offline scans


def clock_skew(sent_at: datetime, received_at: datetime) -> timedelta:
    """Return by how much a device's clock is ahead of ours, to the millisecond."""
    return timedelta(milliseconds=(sent_at - received_at) // timedelta(milliseconds=1))


def corrected_time(scan: OfflineScan, sent_at: datetime, skew: timedelta) -> datetime:
    """Return when an offline scan happened by our clock.

    A scan later than its own report means that the device's clock was set back in between. It counts at the report.
    """
    return min(scan.at, sent_at) - skew


def earliest_entry(event: EventAtDoor) -> datetime | None:
    """Return the time before which no device can have let anybody in, whatever its clock says. None if there is none.

    Nobody is let in before a ticket is issued either.
    """
    return event.doors_open_at and event.doors_open_at - _BEFORE_DOORS


def readable(scans: Iterable[SentScan]) -> list[OfflineScan]:
    """Return the scans of a sync that can be read. If several have one sequence, return the first of them."""
    first_of: dict[int, OfflineScan] = {}
    for scan in scans:
        if isinstance(scan, OfflineScan):
            first_of.setdefault(scan.sequence, scan)
    return list(first_of.values())


def sync_results(
    scans: Sequence[SentScan],
    device_id: str | None,
    reported: Iterable[ReportedScan],
    recounted: Iterable[RecountedScan],
    outside_pass: Container[int] = (),
) -> list[SyncedScanView]:
    """Return the outcome of each scan of a sync, in the order in which the device sent them.

    Args:
        scans: the scans as the device sent them.
        device_id: the device.
        reported: those whose QR names a ticket. All others are forged.
        recounted: all scans of these tickets that let somebody in, those of other devices included.
        outside_pass: the sequences of scans that the device's door pass does not allow.
    """
    first_of = {scan.sequence: scan for scan in readable(scans)}
    reported_of = {scan.sequence: scan for scan in reported}
    stored_of = {scan.sequence: scan for scan in recounted if scan.device_id == device_id}

    told: list[ScanErrorView] = []

    def result(scan: SentScan) -> dict[str, Any]:
        if isinstance(scan, InvalidScan):
            errors = _errors_of(scan, most=_MOST_ERRORS - len(told))
            told.extend(errors)
            return {"outcome": "invalid", "errors": errors}
        if scan != first_of[scan.sequence]:
            return {"outcome": "sequence_reused"}
        if scan.sequence in outside_pass:
            return {"outcome": "outside_door_pass"}
        return _sync_result(reported_of.get(scan.sequence), stored_of.get(scan.sequence))

    return [
        SyncedScanView(**{**_NOT_STORED, **result(scan), "index": index, "sequence": scan.sequence})
        for index, scan in enumerate(scans)
    ]


def _sync_result(reported: ReportedScan | None, stored: RecountedScan | None) -> dict[str, Any]:
    if reported is None:
        return {"outcome": "forged"}
    if reported.refusal is not None:
        return {"outcome": reported.refusal}
    if stored is None or not _is_repeat(reported, stored):
        return {"outcome": "sequence_reused"}
    return vars(stored)


def _is_repeat(reported: ReportedScan, stored: RecountedScan) -> bool:
    """Return True if a device reports the scan that is stored under this sequence, and not another one."""
    content = reported.ticket_id, reported.qr_hash, reported.gate
    return content == (stored.ticket_id, stored.qr_hash, stored.gate)


def _errors_of(scan: InvalidScan, most: int) -> list[ScanErrorView]:
    """Return what is wrong with a scan, in words, and where in the scan."""
    from boxoffice.validation import first_errors, in_words

    if most == 0:
        return []
    told = in_words(first_errors(scan.error, ("body",))[:most], OfflineScan, bytes).errors
    return [ScanErrorView(loc=each["loc"][1:], msg=each["msg"], type=each["type"]) for each in told]


def find_conflicts(recounted: Sequence[RecountedScan]) -> list[ConflictView]:
    """Return the scans that let somebody in and do not count, each with its ticket's first entry that counts.

    Args:
        recounted: all scans of some tickets that let somebody in, each ticket's in order of time.
    """
    first_scans: dict[UUID, RecountedScan] = {}
    for scan in recounted:
        if scan.outcome == "admitted":
            first_scans.setdefault(scan.ticket_id, scan)
    return [
        _conflict(scan, first_scans.get(scan.ticket_id))
        for scan in recounted
        if scan.outcome not in {"admitted", "undone"}
    ]


def _conflict(scan: RecountedScan, first_scan: RecountedScan | None) -> ConflictView:
    view = FirstScanView.model_validate(first_scan) if first_scan else None
    return ConflictView(**vars(scan), first_scan=view)


# ---------------------------------------------------------------------------------------------- the guest list


def check_search(text: str) -> None:
    """Let a search of the guest list pass that says enough to look for somebody, and does not list all.

    Raises:
        Invalid: it has fewer than two letters, digits or symbols.
    """
    if sum(unicodedata.category(char)[0] in "LNS" for char in text) < _SHORTEST_SEARCH:
        because = f"must have at least {_SHORTEST_SEARCH} letters or digits of a name, a seat, an order or an address"
        raise Invalid.at("query", "q", because=because)


def guest_view(guest: Guest) -> GuestView:
    """Return a guest as people at the door see them."""
    shown = {"order_number": shown_order_number(guest.order_number), "holder_email": masked(guest.holder_email)}
    return GuestView(**vars(guest) | shown)


# ------------------------------------------------------------------------------------------------ the manifest


def start_reading(cursor: ManifestCursor | None, event: EventAtDoor, withdrawn_keys: int) -> ManifestCursor:
    """Return where a reading of the manifest starts.

    Without a cursor it starts with all tickets. A cursor beyond the newest transaction predates a restore of the
    database, so the reading starts over. It also starts over once more keys are withdrawn. An environment may not have
    read that yet, and then goes on. A cursor in the middle of a reading keeps its `oldest_open_xid`.
    """
    if cursor is None or cursor.changed_in > event.next_xid or cursor.withdrawn_keys < withdrawn_keys:
        return ManifestCursor(event.oldest_open_xid, 0, withdrawn_keys, _NO_TICKET)
    if cursor.oldest_open_xid == 0:
        return cursor._replace(oldest_open_xid=event.oldest_open_xid)
    return cursor


def next_cursor(start: ManifestCursor, page: Sequence[ManifestTicket], *, has_more: bool) -> ManifestCursor:
    """Return where to go on after a page: behind its last ticket, or with a new reading.

    The new reading starts at the oldest transaction that was open when this one began. That one may have committed
    since, with changes that this reading has missed.
    """
    if has_more:
        return start._replace(changed_in=page[-1].changed_in, ticket_id=page[-1].id)
    return start._replace(oldest_open_xid=0, changed_in=start.oldest_open_xid, ticket_id=_NO_TICKET)


def manifest_tickets(
    tickets: Iterable[ManifestTicket], withdrawn_keys: Sequence[int]
) -> dict[UUID, list[tuple[str, int, int]]]:
    """Return tickets as the manifest lists them: by ticket type, each hash with its entries left and group size."""
    items: dict[UUID, list[tuple[str, int, int]]] = defaultdict(list)
    for ticket in tickets:
        items[ticket.ticket_type_id] += _manifest_items(ticket, withdrawn_keys)
    return items


def _manifest_items(ticket: ManifestTicket, withdrawn_keys: Sequence[int]) -> Iterator[tuple[str, int, int]]:
    def left(key_id: int) -> int:
        return _WITHDRAWN if key_id in withdrawn_keys and ticket.entries_left > 0 else ticket.entries_left

    yield hash_text(ticket.qr_hash), left(ticket.key_id), ticket.group_size
    for former in ticket.former_hashes or ():
        yield hash_text(former), _TRANSFERRED, ticket.group_size
    for replaced in ticket.replaced_qrs or ():
        is_present_holders = replaced["transfer_count"] == ticket.transfer_count
        entries_left = left(replaced["key_id"]) if is_present_holders else _TRANSFERRED
        yield hash_text(bytes.fromhex(replaced["qr_hash"])), entries_left, ticket.group_size


def hash_text(qr_hash: bytes) -> str:
    """Return the hash of a QR as the manifest writes it."""
    return base64.urlsafe_b64encode(qr_hash[:_HASH_SIZE]).decode().rstrip("=")


def manifest_fingerprint(event: EventAtDoor, withdrawn_keys: Sequence[int], *, block_disputed: bool) -> str:
    """Return a hash of what a manifest says besides tickets: the event, and which tickets do not count."""
    facts = {name: value for name, value in vars(event).items() if name not in {"oldest_open_xid", "next_xid"}}
    content = json.dumps([facts, withdrawn_keys, block_disputed], default=str, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def manifest_version(start: ManifestCursor, fingerprint: str) -> str:
    """Return a name for what a manifest says: all changes before a transaction, and the fingerprint of the rest."""
    return f"{start.oldest_open_xid}.{fingerprint}"


def first_unknown_xid(version: str | None, fingerprint: str) -> int | None:
    """Return the transaction from which on changes are new to a device that has this version of the manifest.

    Returns:
        None if the version is none of ours, or if its fingerprint is another one.
    """
    xid, _, known_fingerprint = (version or "").partition(".")
    if known_fingerprint != fingerprint or not xid.isdecimal() or len(xid) >= 19:  # more does not fit `bigint`
        return None
    return int(xid)
