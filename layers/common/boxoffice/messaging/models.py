"""Messages of the outbox."""

from dataclasses import dataclass
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
    """A message that the sweep puts on the queue, until when it is the sweep's alone, and if the queue refused it."""

    id: UUID
    leased_until: datetime
    is_refused: bool = False


@dataclass(frozen=True)
class Backlog:
    """What the outbox still owes."""

    waiting: int
    oldest_seconds: float
    failed: int


@dataclass(frozen=True)
class Email:
    """A message ready to be sent: to whom, and as MIME."""

    recipient: str
    raw: bytes
