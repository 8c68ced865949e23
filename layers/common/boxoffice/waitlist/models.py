"""Entries of the waitlist as requested, as stored and as shown."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from boxoffice.models import Email, Id, Page, Request, ShortText, View

type EntryStatus = Literal["waiting", "offered", "accepted", "lapsed", "left", "closed"]
ALL_STATUSES = ("waiting", "offered", "accepted", "lapsed", "left", "closed")


class WaitlistRequest(Request):
    quantity: Annotated[int, Field(strict=True, ge=1, le=1000)]
    name: ShortText
    email: Email


class WaitlistEntryView(View):
    id: Id
    ticket_type_id: Id
    name: str
    email: str
    quantity: int
    status: EntryStatus
    expires_at: datetime | None = Field(description="Until when an offer holds its stock")
    created_at: datetime


class WaitlistPage(Page[WaitlistEntryView]):
    """A page of the waitlist, in order of joining."""


@dataclass(frozen=True)
class Sale:
    """A ticket type as somebody who wants to wait for it needs to know it."""

    ticket_type_id: UUID
    organisation_id: UUID
    event_id: UUID
    on_sale_from: datetime | None
    on_sale_until: datetime
    min_per_order: int
    max_per_order: int
    pool_ids: list[UUID]


@dataclass(frozen=True)
class EntryRow:
    """An entry of the waitlist; ``draws`` is the stock that an offer holds, as PostgreSQL writes it."""

    id: UUID
    organisation_id: UUID
    event_id: UUID
    ticket_type_id: UUID
    account_id: UUID | None
    name: str
    email: str
    quantity: int
    status: EntryStatus
    draws: str | None
    expires_at: datetime | None
    created_at: datetime


@dataclass(frozen=True)
class NextEntry:
    """Who is next to be offered something, and what the offer draws from."""

    id: UUID
    ticket_type_id: UUID
    email: str
    quantity: int
    pool_ids: list[UUID]
    seated: bool
    on_sale_until: datetime
