"""A door: calls the check-in functions as Lambda does, one call at a time, and reports how long each took.

`scan.py` starts it, with the settings of the functions in its environment.
"""

import base64
import gzip
import json
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from bench import processes
from boxoffice import db
from boxoffice.access_tokens import issue_access_token
from tests.helpers.support import context, event_for, function

_WARM_UP = 100  # calls; psycopg prepares a statement after five, PostgreSQL keeps one plan after five more


class Door:
    """Calls the loaded functions with the tickets that people show at this door."""

    def __init__(self, account_id: str, event_id: str, qrs: Path, first: int, step: int) -> None:
        self._token = issue_access_token(UUID(account_id), UUID(account_id))
        self._event_id = event_id
        self._qrs = qrs.read_text().split()[first::step]
        self._unused = iter(self._qrs)
        self._handlers = {
            name: function(name).handler
            for name in ("scan_ticket", "get_scan_manifest", "sync_scans", "get_attendance")
        }
        self._device = f"door {first}"
        self._round_trips = 0
        self._count_round_trips(db.connect())

    def _count_round_trips(self, conn: psycopg.Connection[Any]) -> None:
        wait = conn.wait

        def counted(*args: Any, **kwargs: Any) -> Any:
            self._round_trips += 1
            return wait(*args, **kwargs)

        conn.wait = counted  # type: ignore[method-assign]

    def _call(
        self, name: str, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[float, dict[str, Any]]:
        sent = {"authorization": f"Bearer {self._token}", "content-type": "application/json"}
        sent |= {key.replace("_", "-"): value for key, value in headers.items()}
        event = event_for(method, path, body, {}, sent, "203.0.113.7")
        start = time.perf_counter()
        answer = self._handlers[name](event, context(name))
        seconds = time.perf_counter() - start
        if answer["statusCode"] not in {200, 304}:
            raise RuntimeError(answer["body"])
        return seconds, answer

    def _scan(self, text: str) -> float:
        body = {"qr": text, "event_id": self._event_id, "gate": "North", "device_id": self._device}
        return self._call("scan_ticket", "POST", "/v1/scans", body)[0]

    def warm_up(self) -> dict[str, Any]:
        """Scan some tickets, so that statements are planned. Return the round trips of one more scan."""
        for _ in range(_WARM_UP):
            self._scan(next(self._unused))
        before = self._round_trips
        self._scan(next(self._unused))
        return {"round_trips": self._round_trips - before}

    def scan(self, start: float, seconds: float) -> dict[str, Any]:
        """Scan one ticket after the other, from the moment `start` on, for so many seconds or until none is left."""
        time.sleep(max(0.0, start - time.time()))
        latencies = []
        for text in self._unused:
            if time.time() >= start + seconds:
                break
            latencies.append(self._scan(text))
        return {"latencies": latencies, "seconds": time.time() - start}

    def manifest(self) -> dict[str, Any]:
        """Read the whole manifest, then ask again for what has changed: nothing."""
        path = f"/v1/events/{self._event_id}/scan-manifest"
        name = "get_scan_manifest"
        seconds, whole = self._call(name, "GET", path, accept_encoding="gzip")
        packed = base64.b64decode(whole["body"])
        raw = gzip.decompress(packed)
        unchanged, _ = self._call(name, "GET", path, if_none_match=whole["headers"]["ETag"])
        return {
            "whole_s": seconds,
            "unchanged_ms": unchanged * 1000,
            "tickets": sum(map(len, json.loads(raw)["tickets"].values())),
            "bytes": len(raw),
            "bytes_packed": len(packed),
        }

    def sync(self, batch: int) -> dict[str, Any]:
        """Report a scan of every ticket, in batches, and then repeat all reports."""
        now = datetime.now(UTC)
        scans = [
            {"sequence": number, "qr": text, "at": (now - timedelta(seconds=number)).isoformat(), "gate": "North"}
            for number, text in enumerate(self._qrs, 1)
        ]
        times = [[self._sync(scans[start : start + batch]) for start in range(0, len(scans), batch)] for _ in range(2)]
        return {"first": times[0], "again": times[1], "scans": len(scans)}

    def _sync(self, scans: list[dict[str, Any]]) -> float:
        body = {"device_id": self._device, "sent_at": datetime.now(UTC).isoformat(), "scans": scans}
        return self._call("sync_scans", "POST", f"/v1/events/{self._event_id}/scan-sync", body)[0]

    def attendance(self, calls: int) -> dict[str, Any]:
        """Return the seconds of calls that count the attendance."""
        path = f"/v1/events/{self._event_id}/attendance"
        return {"seconds": [self._call("get_attendance", "GET", path)[0] for _ in range(calls)]}


def main() -> None:
    """Open a door, and serve requests."""
    account_id, event_id, qrs, first, step = sys.argv[1:]
    processes.serve(lambda: Door(account_id, event_id, Path(qrs), int(first), int(step)))


if __name__ == "__main__":
    main()
