"""Announcements as managers request them, as the database stores them, and as answers show them.

The API calls them messages. In code, a message is one of the outbox.
"""

from dataclasses import dataclass
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from boxoffice.emails import Occasion
from boxoffice.mailings import MailingPreview, MailingRow, MailingView, SendToMe
from boxoffice.models import Id, Page, Request, ShortText, VisibleText

type Audience = Literal["buyers", "holders"]
type TicketStatus = Literal["valid", "refunded"]
type Attendance = Literal["admitted", "not_admitted"]

Body = Annotated[
    VisibleText, Field(description="Plain text. An empty line begins a paragraph. Web addresses become links")
]


class MessageRequest(Request):
    subject: ShortText
    body: Body
    to: Audience = Field(
        default="holders",
        description="Whoever holds a ticket by now, or only those who have bought one. One email each",
    )
    tickets: TicketStatus = Field(default="valid", description="Whose tickets are valid, or were refunded")
    ticket_type_ids: Annotated[list[Id], Field(min_length=1, max_length=50)] | None = Field(
        default=None, description="Whose tickets are of these types. Null for all types of the event"
    )
    attendance: Attendance | None = Field(
        default=None, description="Who has entered with a ticket, or has not. Null for all"
    )

    @property
    def admitted(self) -> bool | None:
        """Return True for who has entered, False for who has not, and None for all."""
        return None if self.attendance is None else self.attendance == "admitted"


class MessagePreviewRequest(MessageRequest):
    send_to_me: SendToMe = False


class MessagePreview(MailingPreview):
    pass


class MessageView(MailingView):
    event_id: Id
    to: Audience
    tickets: TicketStatus
    ticket_type_ids: list[Id] | None
    attendance: Attendance | None


class MessagePage(Page[MessageView]):
    """A page of messages to buyers or holders, newest first."""


@dataclass(frozen=True)
class AnnouncedEvent(Occasion):
    """What an announcement says of its event, and whether its seller may write."""

    organisation_id: UUID
    seller_sells: bool


@dataclass(frozen=True, kw_only=True)
class AnnouncementRow(MailingRow):
    """An announcement as the database stores it."""

    organisation_id: UUID
    event_id: UUID
    audience: Audience
    ticket_status: TicketStatus
    ticket_type_ids: list[UUID] | None
    admitted: bool | None
    last_order_id: UUID

    @property
    def to(self) -> Audience:
        """Return the audience as answers call it."""
        return self.audience

    @property
    def tickets(self) -> TicketStatus:
        """Return the status of the tickets as answers call it."""
        return self.ticket_status

    @property
    def attendance(self) -> Attendance | None:
        """Return who counts by attendance, as answers show it."""
        if self.admitted is None:
            return None
        return "admitted" if self.admitted else "not_admitted"


@dataclass(frozen=True)
class Recipient:
    """Somebody who is to get an announcement: the buyer of an order, or the holder of a ticket that passed to them."""

    order_id: UUID
    ticket_id: UUID | None
    email: str

    @property
    def payload(self) -> dict[str, str]:
        """Return what the email is about, beside the announcement."""
        return {"ticket_id": str(self.ticket_id)} if self.ticket_id else {"order_id": str(self.order_id)}
