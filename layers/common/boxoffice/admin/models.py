"""What the API shows to admins."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from boxoffice.auth import ActorKind
from boxoffice.models import Id, Page, View
from boxoffice.platform_settings import PlatformSettings

type Part = Literal["orders", "events", "pools", "places", "days", "organisations", "rest"]
"""A part of the data that is checked at once. The rest is small, or found by an index."""

type Actor = ActorKind | Literal["platform"]


class InvariantCheck(View):
    invariant: int = Field(description="The number of the invariant in the documentation")
    name: str
    holds: bool
    violations: list[dict[str, Any]] = Field(description="Up to ten rows that contradict the invariant")


class InvariantRunView(View):
    started_at: datetime
    finished_at: datetime | None
    percent_done: int
    broken: list[InvariantCheck] = Field(description="The checks that have found rows so far")


class InvariantReport(View):
    hold: bool = Field(description="True if neither this check nor the last run has found rows")
    since: datetime | None = Field(
        description="What has changed since then was looked at. Null if it was everything, before the first run"
    )
    orders: int = Field(description="How many orders were looked at")
    is_complete: bool = Field(description="False if there was too much for an answer: the next run looks at the rest")
    checks: list[InvariantCheck]
    last_run: InvariantRunView | None = Field(description="The last run over all data that has ended")
    current_run: InvariantRunView | None = Field(description="The run that is under way")


@dataclass(frozen=True)
class InvariantRun:
    """A run over all data.

    Attributes:
        part: what it looks at next, after an id.
        after_history: changes of orders with a greater id are newer than the run.
        checked: how many rows it has looked at, of about `expected`.
        breaches: rows that contradict an invariant, by the name of the check.
    """

    id: UUID
    started_at: datetime
    finished_at: datetime | None
    part: Part
    after: UUID
    after_history: int
    checked: int
    expected: int
    breaches: dict[str, list[dict[str, Any]]]


class AuditEntryView(View):
    chain: Id = Field(description="The organisation or account to whose chain it belongs; the nil UUID for neither")
    entry: int = Field(description="Its number in the chain")
    at: datetime
    actor_kind: Actor
    actor_id: Id | None = Field(description="Who acted; null for the platform and for guests")
    actor_name: str | None = Field(description="The name of the account or the device, as it is now")
    as_admin: bool = Field(description="True if an admin acted in what is not theirs")
    action: str = Field(description="The name of the operation, such as `publish_event`")
    subject: str = Field(description="What it was about, such as `event 0192f0c1-…`")
    address: str | dict[str, str] | None = Field(description="The IP address that the request came from")
    details: dict[str, Any] = Field(
        description="Facts; of a change, the fields `before` and `after` it. In place of a personal value that was "
        'erased stands `{"sha256": …}`'
    )
    hash: str = Field(description="Of the entry and the hash before it, in hexadecimal digits")


class AuditPage(Page[AuditEntryView]):
    pass


class PersonalValue(View):
    sha256: str = Field(description="Of the salt and the value, as it stands in the entry")
    salt: str
    value: str


class ExportedEntry(View):
    chain: Id
    entry: int
    at: datetime
    actor_kind: Actor
    actor_id: Id | None
    as_admin: bool
    action: str
    subject: str
    details: dict[str, Any] = Field(description='With `{"sha256": …}` in place of each personal value')
    previous_hash: str = Field(description="The hash of the entry before; empty for the first")
    hash: str
    values: list[PersonalValue] = Field(description="The personal values that are not erased")


class Head(View):
    entry: int = Field(description="The number of the chain's last entry; 0 if it has none")
    hash: str


class AuditExport(View):
    chain: Id
    head: Head
    entries: list[ExportedEntry]
    next_after: int | None = Field(description="Send it as `after` to get the next page; null on the last page")


@dataclass(frozen=True)
class AuditFilters:
    """What is wanted of the audit log; None for all."""

    action: str | None
    actor_id: UUID | None
    subject: str | None
    since: datetime | None
    until: datetime | None


class SettingsView(View):
    version: int
    values: PlatformSettings
    defaults: PlatformSettings = Field(description="What a setting is while no admin has changed it")
