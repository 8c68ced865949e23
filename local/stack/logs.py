"""Writes to the developer's terminal: requests, captured messages, and the errors in the functions' logs."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from urllib.parse import quote

from flask import Flask, Response, g, request

ERROR = re.compile(rb'"level": ?"(ERROR|CRITICAL)"')
LONGEST_LINE = 400
LONGEST_SUBJECT = 60


def say(message: str) -> None:
    """Write a line to the terminal."""
    print(f"local: {message}", file=sys.stderr, flush=True)


def show_requests(app: Flask) -> None:
    """Write a line for each request to an application, but for those of the local pages.

    A line leaves the query out, since that can have a token.
    """

    @app.before_request
    def start() -> None:
        g.started = time.perf_counter()

    @app.after_request
    def show(response: Response) -> Response:
        if not request.path.startswith("/_local"):
            milliseconds = (time.perf_counter() - g.get("started", time.perf_counter())) * 1000
            say(f"{request.method} {quote(request.path)} {response.status_code} {milliseconds:.0f} ms")
        return response


class GrowingFile:
    """A file that another process appends lines to."""

    def __init__(self, path: Path, *, skip: bool = False) -> None:
        """
        Args:
            path: the file, which need not exist yet.
            skip: leave out the lines that are already there.
        """
        self.path = path
        self._read = self._size() if skip else 0

    def new_lines(self) -> list[bytes]:
        """Return the whole lines that were appended since the last call."""
        if self._size() == self._read:
            return []
        with self.path.open("rb") as file:
            file.seek(self._read)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._read += len(whole)
        return whole.splitlines()

    def _size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0


class MessageWatch:
    """Reports messages that the inbox has captured: to whom, the subject, and the page that shows it."""

    def __init__(self, folder: Path, page: str) -> None:
        """
        Args:
            folder: the inbox's.
            page: the address of the page that shows the messages.
        """
        self._index = GrowingFile(folder / "index.jsonl", skip=True)
        self._page = page

    def report(self) -> None:
        """Print the messages that are new since the last report."""
        for line in self._index.new_lines():
            entry = json.loads(line)
            subject = " ".join(entry["subject"].split())[:LONGEST_SUBJECT]
            say(f"{entry['kind']} to {', '.join(entry['to'])}: {subject}  ({self._page}/{entry['id']})")


class ErrorWatch:
    """Reports new lines in the functions' logs that Powertools' Logger wrote at ERROR or above."""

    def __init__(self, folder: Path, functions: list[str]) -> None:
        self._logs = {name: GrowingFile(folder / f"{name}.log", skip=True) for name in functions}

    def report(self) -> None:
        """Print the errors that are new since the last report."""
        for name, log in self._logs.items():
            for line in log.new_lines():
                if ERROR.search(line) and (text := _error_of(line)):
                    say(f"{name}: {text}  (logs/{name}.log)")


def _error_of(line: bytes) -> str | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    if not isinstance(entry, dict) or "level" not in entry:
        return None
    return f"{entry['level']} {entry.get('message')} {entry.get('exception_name', '')}"[:LONGEST_LINE].rstrip()
