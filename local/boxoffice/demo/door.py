"""The door: staff with phones, who scan the visitors' tickets at several gates."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable

from local.boxoffice.demo.client import Client, Refused

GATES = ("North", "East", "South", "West")


class Door:
    """The gates of an event."""

    def __init__(self, staff: Client, event_id: str) -> None:
        self._staff = staff
        self._event_id = event_id

    async def admit(self, codes: Iterable[str]) -> Counter[str]:
        """Scan each code once, at all gates side by side. Return how often each outcome occurred."""
        line = iter(codes)
        counts = await asyncio.gather(*(self._work(gate, line) for gate in GATES * 2))
        return sum(counts, Counter())

    async def admit_copies(self, codes: Iterable[str]) -> list[Counter[str]]:
        """Scan each code at two gates in the same moment, as if a ticket had been copied."""
        return [Counter(await asyncio.gather(self.scan(code, "North"), self.scan(code, "South"))) for code in codes]

    async def _work(self, gate: str, line: Iterable[str]) -> Counter[str]:
        return Counter([await self.scan(code, gate) for code in line])

    async def scan(self, code: str, gate: str) -> str:
        """Scan a code. Return `admitted`, or the code of the error."""
        try:
            scan = await self._staff.post("/v1/scans", {"qr": code, "event_id": self._event_id, "gate": gate})
        except Refused as refusal:
            return refusal.code
        return str(scan["outcome"])
