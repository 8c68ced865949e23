"""Tickets as stored and as shown."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from boxoffice.models import Email, Id, Page, Request, ShortText, View

type TicketStatus = Literal["valid", "refunded"]
type TransferStatus = Literal["pending", "accepted", "replaced"]


class Standing(StrEnum):
    """As what somebody sees a ticket: the buyer of one that passed to somebody else sees less of it."""

    HOLDER = "holder"
    FORMER = "former"
    MANAGER = "manager"


class TransferRequest(Request):
    email: Email
    name: ShortText | None = None


class AcceptTransferRequest(Request):
    token: Annotated[str, Field(max_length=200, pattern=r"^[\x21-\x7e]+$", description="From the link in the email")]
    name: Annotated[ShortText, Field(description="Of the ticket's new holder")]


class PendingTransferView(View):
    to_email: str
    to_name: str | None
    expires_at: datetime


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
    seat: str | None
    group_size: int = Field(description="How many people it admits at an entry")
    holder_name: str | None = Field(description="Not told to the buyer of a ticket that passed to somebody else")
    status: TicketStatus
    transferred: bool = Field(description="Whether it has passed from its buyer to somebody else")
    transfer: PendingTransferView | None = Field(description="To whom it was sent, until they accept it or it lapses")
    max_entries: int
    entries: int = Field(description="How often it has admitted its holder so far")
    first_scan_at: datetime | None
    created_at: datetime


class TransferView(View):
    id: Id
    ticket_id: Id
    to_email: str
    to_name: str | None
    status: TransferStatus
    expires_at: datetime
    created_at: datetime


class AcceptedTransferView(View):
    ticket: TicketView
    access_token: str = Field(description="Reads this ticket and its QR as a guest, sent as X-Order-Token")


class TicketPage(Page[TicketView]):
    """A page of tickets, newest first."""


@dataclass(frozen=True)
class Unit:
    """A ticket to be: one of what an order has bought, or one for all of an item that is issued to a group."""

    order_id: UUID
    item_no: int
    position: int
    organisation_id: UUID
    event_id: UUID
    ticket_type_id: UUID
    account_id: UUID | None
    holder_name: str
    max_entries: int
    group_size: int
    seat: str | None


@dataclass(frozen=True)
class TicketRow:
    """A ticket as its holder sees it. ``buyer_id`` is the account that bought it, ``account_id`` its holder's."""

    id: UUID
    order_id: UUID
    organisation_id: UUID
    event_id: UUID
    ticket_type_id: UUID
    buyer_id: UUID | None
    account_id: UUID | None
    transfer_count: int
    event_title: str
    venue_name: str
    city: str
    time_zone: str
    starts_at: datetime
    ticket_type_name: str
    seat: str | None
    group_size: int
    holder_name: str | None
    status: TicketStatus
    transfer: dict[str, object] | None
    max_entries: int
    entries: int
    first_scan_at: datetime | None
    created_at: datetime

    @property
    def transferred(self) -> bool:
        """Whether it has passed from its buyer to somebody else."""
        return self.transfer_count > 0


@dataclass(frozen=True)
class HeldTicket:
    """A ticket that the transaction has locked, with what decides whether it may change hands."""

    id: UUID
    order_id: UUID
    organisation_id: UUID
    buyer_id: UUID | None
    account_id: UUID | None
    holder_name: str
    holder_email: str
    status: TicketStatus
    transfer_count: int
    entries: int
    starts_at: datetime
    ends_at: datetime
    event_is_on: bool


@dataclass(frozen=True)
class TransferRow:
    id: UUID
    ticket_id: UUID
    to_email: str
    to_name: str | None
    status: TransferStatus
    expires_at: datetime
    created_at: datetime


@dataclass(frozen=True)
class SignedTicket:
    """A ticket, what its QR is rebuilt from, and what is printed beside it."""

    id: UUID
    order_id: UUID
    organisation_id: UUID
    event_id: UUID
    ticket_type_id: UUID
    buyer_id: UUID | None
    account_id: UUID | None
    holder_name: str
    seat: str | None
    group_size: int
    status: TicketStatus
    key_id: int
    transfer_count: int
    order_number: str
    seller: str
    event_title: str
    category: str
    venue_name: str
    venue_address: str
    city: str
    time_zone: str
    starts_at: datetime
    ticket_type_name: str


@dataclass(frozen=True)
class PrintedTicket(SignedTicket):
    """A ticket with the text of its QR."""

    qr: str


@dataclass(frozen=True)
class OrderToPrint:
    """An order whose tickets are asked for, and how many of them there are to print."""

    id: UUID
    number: str
    organisation_id: UUID
    account_id: UUID | None
    status: str
    tickets: int


@dataclass(frozen=True)
class Printout:
    """Tickets to be printed: ``total`` in all, of which these are a part that begins after ``first``."""

    name: str
    first: int
    total: int
    tickets: list[PrintedTicket]


@dataclass(frozen=True)
class EndedTicket:
    """A ticket that admits nobody any more; somebody has it from the buyer if there is an address."""

    id: UUID
    holder_email: str | None
