"""Messages of the outbox, the emails and text messages made of them, and what SES tells of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from boxoffice.models import Id, Page, View
from boxoffice.outbox import QueuedKind

type MessageKind = Literal["email", "sms"]
type MessageStatus = Literal["pending", "sending", "sent", "failed", "dropped"]
type Feedback = Literal["bounced", "complained", "suppressed"]
type SuppressionReason = Literal["bounced", "complained"]


@dataclass(frozen=True)
class Message:
    """A message that a worker has taken for one attempt. ``attempts`` includes that attempt."""

    id: UUID
    template: str
    recipient: str
    payload: dict[str, Any]
    attempts: int

    @property
    def facts(self) -> dict[str, Any]:
        """What its writer needs: the payload without the language, in which all that it calls writes anyway."""
        return {name: value for name, value in self.payload.items() if name != "locale"}


@dataclass(frozen=True)
class Recipient:
    """To whom a message goes, and why nobody writes to that address any more, if so."""

    recipient: str
    suppressed: SuppressionReason | None


@dataclass(frozen=True)
class RelayedMessage:
    """A message that the job puts on the queue.

    Attributes:
        kind: says which queue.
        leased_until: until then no other run of the job takes the message.
        is_refused: the queue did not take it.
    """

    id: UUID
    kind: QueuedKind
    leased_until: datetime
    is_refused: bool = False


@dataclass(frozen=True)
class Backlog:
    """What the outbox still owes, in messages and in seconds since the oldest of them was written."""

    waiting: int
    oldest_seconds: float
    failed: int


@dataclass(frozen=True)
class Email:
    """An email that is ready to be sent: the message that it is of, its recipient, and the whole as MIME."""

    message_id: UUID
    recipient: str
    raw: bytes


@dataclass(frozen=True)
class Sms:
    """A text message that is ready to be sent: its recipient's number in E.164, and its text."""

    recipient: str
    text: str


@dataclass(frozen=True)
class FeedbackOnEmail:
    """What SES tells of an email.

    Attributes:
        message_id: the message of the outbox. None if the email is not one of ours.
        addresses: that the email went to.
        is_for_good: True if nobody should write to them any more.
        detail: what the mail server, or the reader's provider, has said.
    """

    message_id: UUID | None
    addresses: list[str]
    outcome: SuppressionReason
    is_for_good: bool
    detail: str
    at: datetime


@dataclass(frozen=True)
class OutboxRow:
    """A message as an admin sees it, but for its recipient."""

    id: UUID
    kind: MessageKind
    template: str
    recipient: str
    status: MessageStatus
    feedback: Feedback | None
    attempts: int
    last_error: str | None
    due_at: datetime | None
    created_at: datetime
    sent_at: datetime | None


@dataclass(frozen=True)
class OutboxFilters:
    """Which messages to list. A message must match every filter that is not None."""

    status: MessageStatus | None
    kind: MessageKind | None
    template: str | None
    recipient: str | None


class OutboxMessageView(View):
    id: Id
    kind: MessageKind
    template: str = Field(description="What it says, such as `order_confirmation`")
    recipient: str = Field(description="Masked. Empty if it was erased")
    status: MessageStatus = Field(description="`dropped`: nobody needed it any more, or its address is suppressed")
    feedback: Feedback | None = Field(
        description="What became of an email: it came back, its reader complained, or its address is suppressed"
    )
    attempts: int
    last_error: str | None
    due_at: datetime | None = Field(description="Before then nobody tries to send it; null if nobody will")
    created_at: datetime
    sent_at: datetime | None


class OutboxPage(Page[OutboxMessageView]):
    """A page of messages, newest first."""


@dataclass(frozen=True)
class SuppressedAddress:
    """An address that nobody writes to any more."""

    id: UUID
    address: str
    reason: SuppressionReason
    detail: str
    suppressed_at: datetime


class SuppressedAddressView(View):
    id: Id
    address: str
    reason: SuppressionReason = Field(
        description="`bounced`: an email came back for good. `complained`: a reader has called one spam"
    )
    detail: str = Field(description="What the mail server, or the reader's provider, has said")
    suppressed_at: datetime


class SuppressedAddressPage(Page[SuppressedAddressView]):
    """A page of suppressed addresses, newest first."""
