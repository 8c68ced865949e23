"""What the API shows to those who operate the deployment, and rows of withdrawals."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from boxoffice.models import View

type HealthState = Literal["up", "down", "delayed"]


class DatabaseHealth(View):
    state: HealthState
    latency_ms: float | None


class EmailHealth(View):
    state: HealthState = Field(description="delayed: a message has waited for more than five minutes")
    waiting: int | None = Field(description="Messages that are due, counted up to 1,000")


class StorageHealth(View):
    state: HealthState = Field(description="up if the buckets of exports and pictures answer")


class Health(View):
    status: HealthState = Field(description="down if the database is, up if all parts are, else delayed")
    version: str
    database: DatabaseHealth
    email: EmailHealth
    storage: StorageHealth


@dataclass(frozen=True)
class Withdrawal:
    """The withdrawal of the keys of a ring, up to an id."""

    id: UUID
    ring: str
    up_to: int
    signs_at: datetime | None = None
    withdrawn_at: datetime | None = None


@dataclass(frozen=True)
class ListedWithdrawal:
    """A withdrawal that the transaction has locked, and the last order that was looked at."""

    id: UUID
    ring: str
    up_to: int
    listed_starts_at: datetime
    listed_event_id: UUID
    listed_order_id: UUID


@dataclass(frozen=True)
class ListedUpTo:
    """The last order that was looked at, and if one of those looked at must be renewed."""

    starts_at: datetime
    event_id: UUID
    order_id: UUID
    found: bool


@dataclass(frozen=True)
class Renewal:
    """An order that a withdrawal must renew."""

    id: UUID
    withdrawal_id: UUID
    ring: str
    up_to: int


@dataclass(frozen=True)
class Recipient:
    """Whom an email about something goes to."""

    id: UUID
    email: str


@dataclass(frozen=True)
class Holder(Recipient):
    """Whom a ticket was sent to, by the transfer's id."""

    ticket_id: UUID
    is_accepted: bool


@dataclass(frozen=True)
class WithdrawalBacklog:
    """What withdrawals have yet to do."""

    renewals_left: int
    oldest_withdrawal_seconds: float
