"""Exports and attendees as clients request them, as the database stores them, and as answers show them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from boxoffice.models import Day, Id, Page, Request, View
from boxoffice.questions.answers import AnswerView
from boxoffice.tickets.models import TicketStatus

type ExportKind = Literal["attendees", "orders", "scans", "revenue", "subscriptions", "ledger", "accounting"]
type ExportFormat = Literal["csv", "xlsx"]
type ExportStatus = Literal["waiting", "running", "ready", "failed"]
type ExportFailure = Literal["too_many_rows", "gave_up"]

MOST_ROWS = 1_000_000  # of a file; Excel opens 1,048,576


class ExportRequest(Request):
    kind: ExportKind
    format: ExportFormat = "csv"
    event_id: Id | None = Field(default=None, description="Attendees and scans need it. Others may be of all events")
    since: Day | None = Field(
        default=None,
        description="The first day: at the venue if it is of an event, else in UTC. Attendees and orders by the day on "
        "which they bought, scans by their own, revenue by that of the sale or the refund, subscriptions by that "
        "of the confirmation, the ledger and its accounting by that of the booking",
    )
    until: Day | None = Field(default=None, description="The last day")

    @model_validator(mode="after")
    def _check_what_is_exported(self) -> Self:
        if self.kind in ("attendees", "scans") and self.event_id is None:
            raise ValueError("must have an `event_id` for attendees and for scans")
        if self.kind in ("subscriptions", "ledger", "accounting") and self.event_id is not None:
            raise ValueError(f"must not have an `event_id`, since the {self.kind} is of the whole organisation")
        if self.since and self.until and self.until < self.since:
            raise ValueError("must have an `until` that is not before `since`")
        return self


class ExportView(View):
    id: Id
    organisation_id: Id
    event_id: Id | None
    kind: ExportKind
    format: ExportFormat
    since: date | None
    until: date | None
    status: ExportStatus = Field(description="`ready` once the file can be downloaded")
    rows_done: int = Field(description="How many rows are written so far")
    rows_about: int | None = Field(description="About how many there will be. Null until a worker has begun")
    failure: ExportFailure | None = Field(
        description="Why it has failed. `too_many_rows`: choose fewer days. `gave_up`: workers have tried three times"
    )
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime | None = Field(description="When the file is deleted")
    download_url: str | None = Field(description="Works for ten minutes. Call again for another one")


class AttendeeView(View):
    ticket_id: Id
    order_id: Id
    order_number: str = Field(description="As people read it, such as K7QW-3MPX")
    ticket_type_id: Id
    ticket_type_name: str
    holder_name: str
    holder_email: str | None = Field(description="Null while the ticket is still its buyer's")
    holder_contact: str | None = Field(description="The address that the buyer has named for the holder")
    buyer_name: str
    buyer_email: str
    buyer_phone: str | None
    seat: str | None
    group_size: int = Field(description="How many people an entry lets in")
    status: TicketStatus
    disputed: bool = Field(description="True while the payer disputes the payment")
    entries: int = Field(description="How many entries the ticket has used")
    max_entries: int
    first_scan_at: datetime | None = Field(description="When its first entry was; null if nobody has come with it")
    first_scan_gate: str | None
    issued_at: datetime
    order_answers: list[AnswerView] = Field(description="To what its event asked once the order")
    answers: list[AnswerView] = Field(description="To what its event asked of each ticket")


class AttendeePage(Page[AttendeeView]):
    """A page of an event's attendees, in the order of purchase."""


@dataclass(frozen=True)
class AttendeeFilters:
    """Which tickets of an event are wanted; None for all."""

    ticket_type_id: UUID | None = None
    status: TicketStatus | None = None
    checked_in: bool | None = None
    text: str | None = None


@dataclass(frozen=True)
class Export:
    """An export as it is stored, with the names of what it is of.

    Attributes:
        attempts: how often a worker has begun it.
        title: of its event, or else the name of the organisation.
    """

    id: UUID
    organisation_id: UUID
    event_id: UUID | None
    kind: ExportKind
    format: ExportFormat
    since: date | None
    until: date | None
    status: ExportStatus
    attempts: int
    rows_done: int
    rows_about: int | None
    failure: ExportFailure | None
    created_at: datetime
    finished_at: datetime | None
    title: str
    time_zone: str

    @property
    def key(self) -> str:
        """Return the key of its file. Each attempt has its own, so that a late worker overwrites none."""
        return f"exports/{self.id}/{self.attempts}.{self.format}"


type Row = Mapping[str, Any]
"""A row of a source, by the names of its columns."""
