"""Waitlist entries as requested, as stored and as shown."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from boxoffice.models import Email, Id, Name, Page, Request, View

type EntryStatus = Literal["waiting", "offered", "accepted", "lapsed", "left", "closed"]
ALL_STATUSES = ("waiting", "offered", "accepted", "lapsed", "left", "closed")


class WaitlistRequest(Request):
    quantity: Annotated[int, Field(strict=True, ge=1, le=1000)]
    name: Name
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
class WaitlistTerms:
    """What a request to join the waitlist needs to know of a ticket type: sale window, limits and pools."""

    ticket_type_id: UUID
    ticket_type_name: str
    organisation_id: UUID
    event_id: UUID
    on_sale_from: datetime | None
    on_sale_until: datetime
    min_per_order: int
    max_per_order: int
    pool_ids: list[UUID]
    seller_sells: bool


@dataclass(frozen=True)
class WaitlistEntry:
    """A person's place in the line for a quantity of a ticket type.

    Attributes:
        draws: the stock that an offer holds, as PostgreSQL writes it.
        expires_at: when the offer lapses.
    """

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
    """One of the entries that may get the next offers of a ticket type, and the pools that an offer draws from.

    Attributes:
        available: how much of the ticket type is available to all these entries together.
    """

    id: UUID
    ticket_type_id: UUID
    email: str
    quantity: int
    pool_ids: list[UUID]
    seated: bool
    on_sale_until: datetime
    available: int
