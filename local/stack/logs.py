"""Writes to the developer's terminal, also the errors in the functions' logs."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

ERROR = re.compile(rb'"level": ?"(ERROR|CRITICAL)"')
LONGEST_LINE = 400


def say(message: str) -> None:
    """Write a line to the terminal."""
    print(f"local: {message}", file=sys.stderr, flush=True)


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
