"""What the demo found: counts, measurements, and what must hold."""

from __future__ import annotations

from dataclasses import dataclass, field

LONGEST_FINDING = 500  # characters


@dataclass(frozen=True)
class Check:
    """Something that must hold, and what contradicts it if it does not."""

    what: str
    holds: bool
    finding: str = ""


@dataclass
class Report:
    """Filled in while the demo runs, printed at its end."""

    figures: dict[str, str] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)

    def figure(self, what: str, value: object) -> None:
        """Note a figure; a float is shown to one digit."""
        self.figures[what] = f"{value:,.1f}" if isinstance(value, float) else str(value)

    def check(self, what: str, *, holds: bool, finding: object = "") -> None:
        """Note whether something holds that must."""
        self.checks.append(Check(what, holds, str(finding)[:LONGEST_FINDING]))

    def compare(self, what: str, found: object, expected: object) -> None:
        """Note whether something is as it must be."""
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
