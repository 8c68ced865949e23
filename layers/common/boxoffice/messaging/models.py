"""Messages of the outbox, and the emails and text messages made of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from boxoffice.outbox import QueuedKind


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
    """An email that is ready to be sent: its recipient, and the whole as MIME."""

    recipient: str
    raw: bytes


@dataclass(frozen=True)
class Sms:
    """A text message that is ready to be sent: its recipient's number in E.164, and its text."""

    recipient: str
    text: str
