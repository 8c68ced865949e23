"""Targets, tables and the file that keeps the figures."""

import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from bench import ROOT

RESULTS = ROOT / "bench/results"


@dataclass(frozen=True)
class Target:
    """A measured figure and its limit.

    Attributes:
        enforced: False if the figure depends on how fast the machine is. It is shown, and never fails the benchmark.
    """

    name: str
    measured: float
    at_least: float | None = None
    at_most: float | None = None
    enforced: bool = True

    @property
    def met(self) -> bool:
        """Return True if the figure keeps to its limit."""
        return (self.at_least is None or self.measured >= self.at_least) and (
            self.at_most is None or self.measured <= self.at_most
        )

    def __str__(self) -> str:
        sign, limit = (">=", self.at_least) if self.at_least is not None else ("<=", self.at_most)
        assert limit is not None
        result = "met" if self.met else f"MISSED by {abs(self.measured - limit):.3g}"
        return f"{self.name}: {self.measured:,.4g} ({sign} {limit:,g}) {result}"


@dataclass
class Part:
    """The results of one part of the benchmark."""

    title: str
    targets: list[Target] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)


def progress(text: str) -> None:
    """Print what is measured now."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows in columns: text to the left, figures to the right."""
    cells = [[_cell(cell) for cell in row] for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    print()
    for number, row in enumerate(cells):
        first, *others = zip(row, widths, strict=True)
        print(f"  {first[0]:<{first[1]}}", *(f"{cell:>{width}}" for cell, width in others), sep="  ")
        if number == 0:
            print("  " + "-" * (sum(widths) + 2 * len(widths)))
    print(flush=True)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value)


def conclude(parts: Sequence[Part]) -> bool:
    """Print the targets. Return True if all enforced ones are met."""
    targets = [target for part in parts for target in part.targets]
    for target in targets:
        print(f"  {_mark(target):5}  {target}")
    return all(target.met for target in targets if target.enforced)


def _mark(target: Target) -> str:
    if not target.enforced:
        return "shown"
    return "ok" if target.met else "FAIL"


def save(parts: Sequence[Part]) -> None:
    """Write everything as JSON, into a file named after the time."""
    now = datetime.now(UTC)
    document = {
        "measured_at": now.isoformat(timespec="seconds"),
        "machine": {"system": platform.platform(), "cores": os.cpu_count(), "python": platform.python_version()},
        "parts": [
            {
                "title": part.title,
                "targets": [{**asdict(target), "met": target.met} for target in part.targets],
                **part.figures,
            }
            for part in parts
        ],
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{now:%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps(document, indent=2) + "\n")
    progress(f"kept in {path.relative_to(ROOT)}")
