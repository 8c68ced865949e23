"""Tickets and transfers as requested, stored, shown and printed."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from boxoffice.models import Email, Id, Locale, Name, Page, PastedText, Request, View
from boxoffice.questions.answers import Answers, AnswerView

type TicketStatus = Literal["valid", "refunded"]
type TransferStatus = Literal["pending", "accepted", "replaced"]


class Viewer(StrEnum):
    """As whom a caller sees a ticket. A former holder has bought it and transferred it, and sees less."""

    HOLDER = "holder"
    FORMER_HOLDER = "former_holder"
    MANAGER = "manager"


class TransferRequest(Request):
    email: Email
    name: Name | None = None
    locale: Locale | None = None


class AcceptTransferRequest(Request):
    token: Annotated[PastedText, Field(description="From the link in the email")]
    name: Annotated[Name, Field(description="The name of the new holder")]
    answers: Annotated[
        Answers | None,
        Field(description="The new holder's, to what the event asks of each ticket. Those of the former holder go"),
    ] = None


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
    group_size: int = Field(description="How many people an entry lets in")
    holder_name: str | None = Field(description="Null for the buyer of a ticket that was transferred")
    holder_contact: str | None = Field(
        description="The holder's email address, as the buyer named it. Nothing is sent to it"
    )
    answers: list[AnswerView] = Field(
        description="To what the event asked of the ticket. Empty for the buyer of a ticket that was transferred"
    )
    status: TicketStatus
    transferred: bool = Field(description="True if the ticket now belongs to somebody else than its buyer")
    transfer: PendingTransferView | None = Field(description="The transfer that can be accepted now, if there is one")
    max_entries: int
    entries: int = Field(description="How many entries the ticket has used so far")
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
    access_token: str = Field(description="Send it as X-Order-Token to read this ticket and its QR as a guest")


class TicketPage(Page[TicketView]):
    """A page of tickets, newest first."""


@dataclass(frozen=True)
class TicketToIssue:
    """A ticket that a paid order is about to get. An order item for a group gets a single one.

    Attributes:
        answers: as JSON.
        is_named: True if the order has named whom the ticket is for, or has answers for it.
    """

    order_id: UUID
    item_no: int
    position: int
    organisation_id: UUID
    event_id: UUID
    ticket_type_id: UUID
    account_id: UUID | None
    holder_name: str
    holder_contact: str | None
    answers: str | None
    is_named: bool
    max_entries: int
    group_size: int
    seat: str | None


@dataclass(frozen=True)
class TicketRow:
    """A ticket as its holder sees it.

    Attributes:
        buyer_id: the account that bought the ticket.
        account_id: the holder's account.
        transferred: True if the ticket now belongs to somebody else than its buyer.
        transfer: the transfer that can be accepted now, if there is one.
    """

    id: UUID
    order_id: UUID
    organisation_id: UUID
    event_id: UUID
    ticket_type_id: UUID
    buyer_id: UUID | None
    account_id: UUID | None
    transfer_count: int
    transferred: bool
    email_changes: int
    event_title: str
    venue_name: str
    city: str
    time_zone: str
    starts_at: datetime
    ticket_type_name: str
    seat: str | None
    group_size: int
    holder_name: str | None
    holder_contact: str | None
    answers: list[dict[str, Any]]
    status: TicketStatus
    transfer: dict[str, object] | None
    max_entries: int
    entries: int
    first_scan_at: datetime | None
    created_at: datetime


@dataclass(frozen=True)
class LockedTicket:
    """A ticket that the transaction has locked, with the facts that decide if it can be transferred."""

    id: UUID
    order_id: UUID
    organisation_id: UUID
    event_id: UUID
    ticket_type_id: UUID
    form: dict[str, Any] | None
    buyer_id: UUID | None
    account_id: UUID | None
    holder_name: str
    holder_email: str
    status: TicketStatus
    transfer_count: int
    transferred: bool
    email_changes: int
    entries: int
    starts_at: datetime
    ends_at: datetime
    event_is_on: bool


@dataclass(frozen=True)
class NameableTicket:
    """A ticket that the transaction has locked, with the facts that decide if its holder can be named."""

    id: UUID
    event_id: UUID
    ticket_type_id: UUID
    holder_name: str
    holder_contact: str | None
    answers: list[dict[str, Any]] | None
    status: TicketStatus
    transferred: bool
    doors_are_open: bool

    @property
    def holder(self) -> dict[str, Any]:
        """Return whom the ticket is for, as an order stores it."""
        given = {"name": self.holder_name, "email": self.holder_contact, "answers": self.answers}
        return {part: value for part, value in given.items() if value}


@dataclass(frozen=True)
class MovedTicket:
    """A ticket that goes with its order to another address. The transaction has locked it."""

    id: UUID
    organisation_id: UUID
    transfer_count: int


@dataclass(frozen=True)
class TransferRow:
    """A transfer as stored."""

    id: UUID
    ticket_id: UUID
    to_email: str
    to_name: str | None
    status: TransferStatus
    expires_at: datetime
    created_at: datetime


@dataclass(frozen=True)
class ReissuedTicket:
    """A ticket that gets another QR."""

    id: UUID
    order_id: UUID
    organisation_id: UUID
    transfer_count: int
    transferred: bool


@dataclass(frozen=True)
class SignedTicket:
    """A ticket with the facts that its QR is made of, and the facts that are printed beside it."""

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
    transferred: bool
    email_changes: int
    order_number: str
    seller: str
    seller_contact: str | None
    event_title: str
    category: str
    venue_name: str
    venue_address: str
    city: str
    time_zone: str
    starts_at: datetime
    ends_at: datetime
    doors_open_at: datetime | None
    ticket_type_name: str


@dataclass(frozen=True)
class PrintedTicket(SignedTicket):
    """A ticket with the text of its QR."""

    qr: str


@dataclass(frozen=True)
class OrderToPrint:
    """An order, and how many of its tickets can be printed."""

    id: UUID
    number: str
    organisation_id: UUID
    account_id: UUID | None
    status: str
    email_changes: int
    tickets: int
    locale: str | None


@dataclass(frozen=True)
class Printout:
    """A document of tickets.

    Attributes:
        name: the order's number, which is part of the file's name.
        offset: how many of the order's tickets come before this document's.
        total: how many of the order's tickets can be printed.
        tickets: this document's.
        locale: the language that it is written in. None for English.
    """

    name: str
    offset: int
    total: int
    tickets: list[PrintedTicket]
    locale: str | None = None


@dataclass(frozen=True)
class EndedTicket:
    """A ticket that is no longer valid. `holder_email` is None if it was never transferred."""

    id: UUID
    holder_email: str | None
