"""Waitlist entries as requested and as shown. `rows` has them as stored, and is all that a purchase needs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from boxoffice.models import Email, Id, Locale, MoneyView, Name, Page, PastedText, Request, View
from boxoffice.waitlist.rows import EntryStatus, WaitlistEntry


class WaitlistRequest(Request):
    quantity: Annotated[int, Field(strict=True, ge=1, le=1000)]
    name: Name
    email: Email
    locale: Locale | None = None


class WaitlistConfirmation(Request):
    token: Annotated[PastedText, Field(description="From the link in the email")]


class WaitlistEntryView(View):
    id: Id
    ticket_type_id: Id
    name: str
    email: str
    quantity: int
    status: EntryStatus
    expires_at: datetime | None = Field(description="Until when an offer holds its stock")
    in_line_since: datetime = Field(description="The place in the line. To wait for more tickets moves it to the end")
    created_at: datetime


class WaitlistPage(Page[WaitlistEntryView]):
    """A page of the waitlist, in order of joining."""


class JoinedWaitlistView(View):
    """What the link that confirms an address leads to."""

    entry_id: Id
    access_token: str = Field(description="Send it as `X-Order-Token` to read the entry, buy its offer or leave")


class MyWaitlistEntryView(WaitlistEntryView, MoneyView):
    """A waitlist entry as its holder sees it."""

    event_id: Id
    event_title: str
    starts_at: datetime
    time_zone: str
    ticket_type_name: str
    ahead: int | None = Field(
        description="How many entries of this ticket type are in front; 1000 stands for more. Null if it does not wait"
    )
    seats: list[str] = Field(description="The seats that an offer holds")
    currency: str
    unit_price: int = Field(description="What a ticket costs now")
    total: int = Field(description="What an order of the whole quantity would be charged now, fees included")


@dataclass(frozen=True)
class PlacedEntry:
    """A waitlist entry in the line, and if it is new or has another quantity than before."""

    id: UUID
    is_changed: bool


@dataclass(frozen=True)
class EntryDetails(WaitlistEntry):
    """A waitlist entry with what its holder wants to know of the event."""

    currency: str
    unit_price: int
    event_title: str
    starts_at: datetime
    time_zone: str
    ticket_type_name: str
    ahead: int | None
    seats: list[str]
