"""What an administrator is shown."""

from typing import Any

from pydantic import Field

from boxoffice.models import View


class InvariantCheck(View):
    invariant: int = Field(description="Its number in the documentation")
    name: str
    holds: bool
    violations: list[dict[str, Any]] = Field(description="Up to ten rows that contradict it")


class InvariantReport(View):
    hold: bool = Field(description="Whether every invariant holds")
    checks: list[InvariantCheck]
