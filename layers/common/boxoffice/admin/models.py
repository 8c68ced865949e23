"""What the API shows to admins."""

from typing import Any

from pydantic import Field

from boxoffice.models import View


class InvariantCheck(View):
    invariant: int = Field(description="The number of the invariant in the documentation")
    name: str
    holds: bool
    violations: list[dict[str, Any]] = Field(description="Up to ten rows that contradict the invariant")


class InvariantReport(View):
    hold: bool = Field(description="True if every invariant holds")
    checks: list[InvariantCheck]
