"""Reads all logs of handlers and jobs while tests run, and finds the data of people in them.

The patterns are those of the tests' own people: what they are called, and where they can be reached or paid.
"""

import logging
import re
from typing import override

PEOPLE = {
    "a name": r"\b(?:Ada|Bola|Person \d+)\b",
    "an email address": r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+",
    "a phone number": r"\+[1-9]\d{6,14}",
    "an account number": r"DE89 ?3704 ?0044|NL91ABNA0417|0000014579|0000000220",
    "an IP address": r"\b(?:203\.0\.113|198\.51\.100|192\.0\.2)\.\d+\b(?!/24)|\b2001:db8:(?!:/48|\w+::/48)",
}


class LogWatch(logging.Handler):
    """Keeps each line that a test logs, as it would reach CloudWatch."""

    def __init__(self) -> None:
        from boxoffice import telemetry  # it keeps its own logs from handlers that were there before

        super().__init__(logging.INFO)
        self._ours = logging.getLogger(telemetry.logger.name)
        (stream,) = self._ours.handlers
        self._formatter = stream.formatter
        stream.setLevel(self._ours.level)
        self._ours.setLevel(logging.INFO)
        self.lines: list[str] = []

    @override
    def format(self, record: logging.LogRecord) -> str:
        is_ours = record.name.split(".")[0] == self._ours.name and self._formatter is not None
        return self._formatter.format(record) if is_ours and self._formatter else super().format(record)

    @override
    def emit(self, record: logging.LogRecord) -> None:
        if record.name != "werkzeug":  # the servers that stand for AWS
            self.lines.append(self.format(record))

    def take(self) -> list[str]:
        """Return the lines since the last call, and forget them."""
        taken = [*self.lines]
        self.lines.clear()
        return taken


def people_in(lines: list[str]) -> list[str]:
    """Return what the lines say of people: each time what it is, and the line."""
    return [f"{what}: {line}" for line in lines for what, pattern in PEOPLE.items() if re.search(pattern, line)]
