"""Balance reports, their entries, and what we know of the money that an entry is about."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from boxoffice.errors import DomainError
from boxoffice.ledger.models import Transfer
from boxoffice.payments.models import PLATFORM_MERCHANT, EntryKind, ReportPage

type Difference = Literal["missing_here", "missing_there", "other_amount", "other_currency", "not_understood"]
"""What can be wrong: an entry about money that we do not know, money that is in no entry, or an entry that says another
amount or currency than we have booked."""


@dataclass(frozen=True)
class DueReport:
    """A balance report of which the next page is to be read.

    Attributes:
        read_until: all entries that the provider made before are stored.
        reading_until: how far this reading will come.
        next_page: the page to read. None for the first one.
    """

    provider: str
    read_until: datetime
    reading_until: datetime
    next_page: str | None

    @property
    def id(self) -> str:
        """Return the provider, which names this unit of the job."""
        return self.provider

    @property
    def merchant_id(self) -> UUID:
        """Return whose account at the provider it is: the platform's."""
        return PLATFORM_MERCHANT


@dataclass(frozen=True)
class ReadPage:
    """A page that we asked a provider for.

    Attributes:
        answer: the page, None if the provider has no report, or the error instead of an answer.
        balances: what the provider holds in each currency, with the last page, if it says so.
    """

    report: DueReport
    answer: ReportPage | DomainError | None
    balances: dict[str, int] | None = None

    @property
    def id(self) -> str:
        """Return the provider, which names this unit of the job."""
        return self.report.provider


@dataclass(frozen=True)
class ReportToCompare:
    """A balance report whose entries can be compared with what we have booked until then."""

    provider: str
    compared_until: datetime
    until: datetime

    @property
    def id(self) -> str:
        """Return the provider, which names this unit of the job."""
        return self.provider


@dataclass(frozen=True)
class EntryRow:
    """An entry as the database stores it. See `boxoffice.payments.models.ReportedEntry`."""

    id: UUID
    provider: str
    reference: str
    kind: EntryKind
    type: str
    amount: int
    fee: int
    currency: str
    charged_amount: int | None
    charged_currency: str | None
    subject: str | None
    money_reference: str | None
    payment_id: UUID | None
    made_at: datetime
    difference: Difference | None

    @property
    def net(self) -> int:
        """Return how the entry changed the balance."""
        return self.amount - self.fee

    @property
    def paid_amount(self) -> int:
        """Return the amount as the buyer paid it."""
        return self.amount if self.charged_amount is None else self.charged_amount

    @property
    def paid_currency(self) -> str:
        """Return the currency in which the buyer paid."""
        return self.charged_currency or self.currency


@dataclass(frozen=True)
class Money:
    """The incoming payment that an entry is about, and its order.

    Attributes:
        event_ids, event_totals: what the order's items cost, by event.
    """

    id: UUID
    payment_id: UUID
    order_id: UUID
    organisation_id: UUID
    amount: int
    currency: str
    event_ids: list[UUID]
    event_totals: list[int]

    @property
    def totals(self) -> dict[UUID, int]:
        """Return what the order's items cost, by event."""
        return dict(zip(self.event_ids, self.event_totals, strict=True))


@dataclass(frozen=True)
class Booked:
    """What we have booked of the subject of an entry, with the sign that its entries have."""

    id: UUID
    amount: int
    currency: str


@dataclass(frozen=True)
class MissingEntry:
    """What we have booked and the provider has not reported."""

    id: UUID
    kind: EntryKind
    organisation_id: UUID
    order_id: UUID
    payment_id: UUID
    refund_id: UUID | None
    reference: str
    amount: int
    currency: str


@dataclass(frozen=True)
class Posting:
    """What an entry posts to the books of an organisation, or of the platform, in a currency."""

    organisation_id: UUID
    currency: str
    transfers: Sequence[Transfer]
