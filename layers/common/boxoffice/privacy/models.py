"""Personal data: as requested, as stored and as shown."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True)
class Person:
    """Whom data is about. Guests have no account.

    Attributes:
        email: the address of the account, or of the guest.
        is_proven: True if the address is known to be theirs. Only then is what guests with this address did, too.
        phone: a number that is known to be theirs.
    """

    account_id: UUID | None
    email: str | None
    is_proven: bool
    phone: str | None

    @property
    def params(self) -> dict[str, Any]:
        """Return the parameters of the statements that look for a person."""
        return {**vars(self), "proven_email": self.email if self.is_proven else None}


@dataclass(frozen=True)
class ErasureRow(Person):
    """A request to erase what is held about a person."""

    id: UUID
    asked_at: datetime
