"""Tickets as stored and as shown."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from boxoffice.models import Id, Page, View

type TicketStatus = Literal["valid", "refunded"]


class TicketView(View):
    id: Id
    order_id: Id
    event_id: Id
    ticket_type_id: Id
    event_title: str
    venue_name: str
    city: str
    time_zone: str
    starts_at: datetime
    ticket_type_name: str
    holder_name: str
    status: TicketStatus
    max_entries: int
    entries: int = Field(description="How often it has admitted its holder so far")
    first_scan_at: datetime | None
    created_at: datetime


class TicketPage(Page[TicketView]):
    """A page of tickets, newest first."""


@dataclass(frozen=True)
class Unit:
    """A ticket to be: for one of what an order has bought, or for all of an item that is issued to a group."""

    order_id: UUID
    line: int
    position: int
    organisation_id: UUID
    event_id: UUID
    ticket_type_id: UUID
    account_id: UUID | None
    holder_name: str
    max_entries: int
    admits: int


@dataclass(frozen=True)
class TicketRow:
    """A ticket as its holder sees it."""

    id: UUID
    order_id: UUID
    organisation_id: UUID
    event_id: UUID
    ticket_type_id: UUID
    account_id: UUID | None
    event_title: str
    venue_name: str
    city: str
    time_zone: str
    starts_at: datetime
    ticket_type_name: str
    holder_name: str
    status: TicketStatus
    max_entries: int
    entries: int
    first_scan_at: datetime | None
    created_at: datetime


@dataclass(frozen=True)
class SignedTicket:
    """A ticket and what its QR is rebuilt from."""

    id: UUID
    order_id: UUID
    organisation_id: UUID
    event_id: UUID
    ticket_type_id: UUID
    account_id: UUID | None
    holder_name: str
    status: TicketStatus
    key_id: int
    epoch: int


@dataclass(frozen=True)
class PrintedTicket(SignedTicket):
    """A ticket with the text of its QR."""

    qr: str
