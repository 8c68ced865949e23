"""Messages of the outbox, what they say, and the rows that is made of."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True)
class Message:
    """A message that a worker has claimed; ``attempts`` counts this one in."""

    id: UUID
    template: str
    recipient: str
    payload: dict[str, Any]
    attempts: int


@dataclass(frozen=True)
class Relayed:
    """A message that the sweep puts on the queue, and until when it has it to itself."""

    id: UUID
    leased_until: datetime


@dataclass(frozen=True)
class Backlog:
    """What the outbox still owes."""

    waiting: int
    oldest_seconds: float
    failed: int


@dataclass(frozen=True)
class Image:
    """A picture in an email's HTML, which refers to it as ``cid:<content_id>``."""

    content_id: str
    name: str
    png: bytes


@dataclass(frozen=True)
class Attachment:
    """A file that comes with an email; the name is plain ASCII."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True)
class Content:
    """What an email says."""

    subject: str
    text: str
    html: str
    images: list[Image] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)


@dataclass(frozen=True)
class Email:
    """A message ready to be sent: to whom, and as MIME."""

    recipient: str
    raw: bytes


@dataclass(frozen=True)
class Order:
    id: UUID
    number: str
    currency: str
    discount: int
    total: int
    seller: str
    voucher: str | None


@dataclass(frozen=True)
class Occasion:
    """When and where an event is."""

    event_id: UUID
    event_version: int
    event_title: str
    venue_name: str
    venue_address: str
    city: str
    time_zone: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class Line(Occasion):
    """An order's item with the event it is for."""

    ticket_type_id: UUID
    ticket_type_name: str
    quantity: int
    unit_price: int


@dataclass(frozen=True)
class Transfer(Occasion):
    """A ticket that was sent, or that has passed to somebody and so has an epoch."""

    id: UUID
    ticket_id: UUID
    ticket_type_name: str
    from_name: str
    to_name: str | None
    expires_at: datetime
    epoch: int | None
    seller: str


@dataclass(frozen=True)
class Entry(Occasion):
    """Somebody on the waitlist, and the seats that are held for them if the ticket type has any."""

    id: UUID
    ticket_type_name: str
    name: str
    quantity: int
    status: str
    expires_at: datetime | None
    is_cancelled: bool
    seats: list[str]
    seller: str


@dataclass(frozen=True)
class Returned:
    """Money that came and went back."""

    amount: int
    currency: str


@dataclass(frozen=True)
class Refund:
    """What was given back of an order.

    Attributes:
        by_hand: whether the organisation took the money itself, and so gives it back itself.
        whole: whether every ticket of the order ended with it.
        tickets: how many of which ticket type, and of which event, ended.
    """

    order_id: UUID
    amount: int
    currency: str
    by_hand: bool
    whole: bool
    tickets: list[dict[str, Any]]


@dataclass(frozen=True)
class Cancellation(Occasion):
    """An event that does not take place, and why."""

    reason: str
    seller: str


@dataclass(frozen=True)
class Ticket:
    """A ticket as an email shows it; the first ones have their QR as a picture."""

    id: UUID
    event_id: UUID
    position: int
    type_name: str
    holder_name: str
    seat: str | None
    admits: int
    image: Image | None
