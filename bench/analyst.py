"""Somebody who looks at figures and asks for files: calls the functions as Lambda does, and reports what it took.

`analytics.py` starts it, with the settings of the functions in its environment.
"""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from bench import processes
from boxoffice import db, storage
from boxoffice.access_tokens import issue_access_token
from boxoffice.exports import sources
from boxoffice.exports.models import Export
from tests.helpers import factories
from tests.helpers.support import context, event_for, function

_WARM_UP = 20  # calls; psycopg prepares a statement after five, PostgreSQL keeps one plan after five more


class Nowhere:
    """Counts the bytes of a file, and keeps the greatest memory that the process has had meanwhile."""

    def __init__(self) -> None:
        self.size = 0
        self.peak = _resident()

    def write(self, content: bytes) -> None:
        self.size += len(content)
        self.peak = max(self.peak, _resident())


class Analyst:
    """Calls the loaded functions with the ids of one database."""

    def __init__(self, organisation_id: str, event_id: str, manager: str, admin: str, rows: str) -> None:
        self._organisation_id, self._event_id, self._rows = UUID(organisation_id), UUID(event_id), int(rows)
        paths = {
            "get_event_analytics": (f"/v1/events/{event_id}/analytics", manager),
            "list_attendees": (f"/v1/events/{event_id}/attendees", manager),
            "get_stats": ("/v1/admin/stats", admin),
        }
        period = {"since": "2025-01-01", "until": "2025-12-31"}
        self._events = {}
        for name, (path, account) in paths.items():
            headers = {"authorization": f"Bearer {issue_access_token(UUID(account), UUID(account))}"}
            query = {} if name == "list_attendees" else period
            self._events[name] = event_for("GET", path, None, query, headers, "203.0.113.7")

    def count(self) -> float:
        """Count all sales, which lie in one transaction. Return the seconds."""
        conn = db.connect()
        conn.execute("SET statement_timeout = '10min'")
        start = time.perf_counter()
        function("count_sales").handler({}, context())
        seconds = time.perf_counter() - start
        conn.execute("RESET statement_timeout")
        return seconds

    def answer(self, name: str, calls: int) -> list[float]:
        """Call a function so many times. Return the seconds of each call."""
        for _ in range(_WARM_UP):
            self._answer(name)
        return [self._answer(name) for _ in range(calls)]

    def _answer(self, name: str) -> float:
        handler = function(name).handler
        start = time.perf_counter()
        answer = handler(self._events[name], context(name))
        seconds = time.perf_counter() - start
        if answer["statusCode"] != 200:
            raise RuntimeError(answer["body"])
        return seconds

    def export(self, kind: str) -> dict[str, float]:
        """Let the worker write a file of the first attendees. Return how fast it was, and what it needed."""
        sink = Nowhere()
        before = sink.peak
        with _written_to(sink), _first(self._rows):
            export = factories.export(db.connect(), self._organisation_id, event_id=self._event_id, format=kind)
            record = {"messageId": "1", "body": json.dumps({"export_id": str(export)})}
            late = context()
            late.get_remaining_time_in_millis = lambda: 600_000
            start = time.perf_counter()
            report = function("write_export").handler({"Records": [record]}, late)
            seconds = time.perf_counter() - start
        done = db.exactly_one(db.connect(), dict, "SELECT status, rows_done FROM exports WHERE id = %(id)s", id=export)
        if report["batchItemFailures"] or done != {"status": "ready", "rows_done": self._rows}:
            raise RuntimeError(f"{report} {done}")
        mb = 1 << 20
        return {
            "rows_per_second": self._rows / seconds,
            "peak_mb": (sink.peak - before) / mb,
            "size_mb": sink.size / mb,
        }


def _resident() -> int:
    """Return the memory that this process has now, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@contextmanager
def _written_to(sink: Nowhere) -> Iterator[None]:
    """Let files be written, in parts as to S3, to a sink."""

    class Writer(storage.Writer):
        def _send(self, content: bytes) -> None:
            sink.write(content)

        def complete(self) -> None:
            self._send(bytes(self._pending))

    @contextmanager
    def writing(bucket: str, key: str, content_type: str) -> Iterator[Writer]:  # noqa: ARG001
        writer = Writer("", "", "")
        yield writer
        writer.complete()

    original, storage.writing = storage.writing, writing  # type: ignore[assignment]
    yield
    storage.writing = original


@contextmanager
def _first(rows: int) -> Iterator[None]:
    """Let an export have so many rows."""
    pages_of, count_rows = sources.pages_of, sources.count_rows

    def some(conn: db.Connection, export: Export) -> Iterator[Any]:
        left = rows
        for page in pages_of(conn, export):
            yield page[:left]
            left -= len(page[:left])
            if not left:
                return

    sources.pages_of, sources.count_rows = some, lambda *_: rows
    yield
    sources.pages_of, sources.count_rows = pages_of, count_rows


if __name__ == "__main__":
    processes.serve(lambda: Analyst(*sys.argv[1:]))
