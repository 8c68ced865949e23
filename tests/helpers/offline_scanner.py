"""A door device without a network. It decides by the manifest alone, as docs/scanning.md describes.

It is the reference for real devices.
"""

import base64
import hashlib
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass
class OfflineScanner:
    """A device. The caller passes the time on its clock in."""

    device_id: str
    gate: str | None = None
    cursor: str | None = None
    unsent: list[dict[str, Any]] = field(default_factory=list)
    _terms: dict[str, Any] = field(default_factory=dict)
    _tickets: dict[str, tuple[str, int, int]] = field(default_factory=dict)  # hash → type, entries left, people
    _admitted: Counter[str] = field(default_factory=Counter)  # by this device, and not yet sent
    _sequence: int = 0

    def read(self, manifest: dict[str, Any]) -> None:
        """Read a manifest: a whole one, or what has changed.

        Do not call it while a sync is unanswered, since the manifest may count the scans of that sync.
        """
        if manifest["starts_over"]:
            self._tickets.clear()
        for ticket_type, entries in manifest["tickets"].items():
            for hashed, left, people in entries:
                self._tickets[hashed] = ticket_type, left, people
        self._terms = manifest
        self.cursor = manifest["next_cursor"]

    def scan(self, text: str, now: datetime) -> str:
        """Scan a QR. Return `admitted`, or the reason to refuse. ``now`` is the time on the device's clock."""
        hashed = _hash(text)
        if hashed not in self._tickets:
            return "forged"
        ticket_type, left, _ = self._tickets[hashed]
        refusal = self._refusal(hashed, ticket_type, left, now)
        if refusal:
            return refusal
        self._admitted[hashed] += 1
        self._sequence += 1
        self.unsent.append({"sequence": self._sequence, "qr": text, "at": now.isoformat(), "gate": self.gate})
        return "admitted"

    def _refusal(self, hashed: str, ticket_type: str, left: int, now: datetime) -> str | None:
        if left == -1:
            return "refunded"
        if left == -2:
            return "transferred"
        if left == -4:
            return "withdrawn"
        if left - self._admitted[hashed] <= 0:
            return "already_scanned"
        opens = self._terms["doors_open_at"]
        if opens and now < datetime.fromisoformat(opens):
            return "not_yet"
        return self._gate_refusal(ticket_type)

    def _gate_refusal(self, ticket_type: str) -> str | None:
        """Return why the device's gate does not let a ticket type in. Whoever sets the gate chooses a listed one."""
        gates = {gate["name"]: gate["ticket_type_ids"] for gate in self._terms["gates"]}
        if not gates or self.gate is None:
            return None
        if self.gate not in gates:
            return "unknown_gate"
        return None if gates[self.gate] is None or ticket_type in gates[self.gate] else "wrong_gate"

    def sent(self, scans: list[dict[str, Any]]) -> None:
        """Delete scans whose sync was answered. From now on the manifest counts them."""
        numbers = {scan["sequence"] for scan in scans}
        self.unsent = [scan for scan in self.unsent if scan["sequence"] not in numbers]
        for scan in scans:
            hashed = _hash(scan["qr"])
            ticket_type, left, people = self._tickets[hashed]
            self._admitted[hashed] -= 1
            self._tickets[hashed] = ticket_type, max(left - 1, 0), people


def _hash(text: str) -> str:
    visible = "".join(
        char
        for char in unicodedata.normalize("NFKC", text)
        if not char.isspace() and unicodedata.category(char)[0] != "C"
    )
    digest = hashlib.sha256(visible.upper().encode()).digest()
    return base64.urlsafe_b64encode(digest[:16]).decode().rstrip("=")
