"""What is posted to the ledger."""

from dataclasses import dataclass
from uuid import UUID

from boxoffice.ledger.kinds import KINDS, Holder


@dataclass(frozen=True)
class Transfer:
    """An amount that goes from one account to another.

    Attributes:
        kind: one of `KINDS`.
        amount: in the currency's minor unit. A negative one takes back some of what went before.
        provider: whose account at a provider money comes to or goes from, if it does.
    """

    kind: str
    amount: int
    holder: Holder = "platform"
    order_id: UUID | None = None
    event_id: UUID | None = None
    ticket_type_id: UUID | None = None
    provider: str | None = None

    def __post_init__(self) -> None:
        """Check that the kind is declared, and that an event is named if and only if it has to be."""
        assert KINDS[self.kind].of_event == (self.event_id is not None), f"the event of a {self.kind}"


@dataclass(frozen=True)
class Balance:
    """What an account holds, in the minor unit: what went to it less what went from it."""

    currency: str
    holder: Holder
    account: str
    amount: int


@dataclass(frozen=True)
class EventFunds:
    """What an event has earned that is not released, and what was released of its earnings before.

    Attributes:
        is_due: True if its earnings are to be released.
        keeps_reserve: True if a reserve for refunds is kept of them.
    """

    organisation_id: UUID
    event_id: UUID
    currency: str
    pending: int
    tax: int
    released: int
    tax_released: int
    is_due: bool
    keeps_reserve: bool
