"""The report of the demo: counts, measurements and checks."""

from __future__ import annotations

from dataclasses import dataclass, field

LONGEST_FINDING = 500  # characters


@dataclass(frozen=True)
class Check:
    """Something that must hold. ``finding`` is what contradicts it, if it does not hold."""

    what: str
    holds: bool
    finding: str = ""


@dataclass
class Report:
    """The report. The demo fills it in while it runs, and prints it at its end."""

    figures: dict[str, str] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)

    def figure(self, what: str, value: object) -> None:
        """Add a figure. A float is shown with one decimal."""
        self.figures[what] = f"{value:,.1f}" if isinstance(value, float) else str(value)

    def check(self, what: str, *, holds: bool, finding: object = "") -> None:
        """Add a check."""
        self.checks.append(Check(what, holds, str(finding)[:LONGEST_FINDING]))

    def compare(self, what: str, found: object, expected: object) -> None:
        """Add a check that two values are equal."""
        self.check(what, holds=found == expected, finding=f"{found}, not {expected}")

    @property
    def holds(self) -> bool:
        return all(check.holds for check in self.checks)

    def __str__(self) -> str:
        width = max(map(len, self.figures), default=0)
        figures = [f"  {what:<{width}}  {value:>9}" for what, value in self.figures.items()]
        checks = [
            f"  ok      {check.what}" if check.holds else f"  FAILED  {check.what}: {check.finding}"
            for check in self.checks
        ]
        return "\n".join(["", *figures, "", *checks, ""])
