"""What the developer sees on the terminal, and errors in the functions' logs, which go there too."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

LOUD = re.compile(rb'"level": ?"(ERROR|CRITICAL)"')
LONGEST_LINE = 400


def say(message: str) -> None:
    """Writes a line to the terminal."""
    print(f"boxoffice: {message}", file=sys.stderr, flush=True)


class ErrorWatch:
    """Reads on in the functions' logs and reports lines that Powertools' Logger wrote at ERROR or above."""

    def __init__(self, folder: Path, functions: list[str]) -> None:
        self._logs = {name: folder / f"{name}.log" for name in functions}
        self._read = {name: path.stat().st_size if path.exists() else 0 for name, path in self._logs.items()}

    def report(self) -> None:
        """Says what is new."""
        for name, path in self._logs.items():
            size = path.stat().st_size if path.exists() else 0
            if size == self._read[name]:
                continue
            with path.open("rb") as log:
                log.seek(self._read[name])
                new = log.read()
            whole = new[: new.rfind(b"\n") + 1]
            self._read[name] += len(whole)
            for line in whole.splitlines():
                if LOUD.search(line) and (text := _loud(line)):
                    say(f"{name}: {text}  (logs/{name}.log)")


def _loud(line: bytes) -> str | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    if not isinstance(entry, dict) or "level" not in entry:
        return None
    return f"{entry['level']} {entry.get('message')} {entry.get('exception_name', '')}"[:LONGEST_LINE].rstrip()
