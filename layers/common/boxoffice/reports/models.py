"""Reports and statements, as the ledger has them and as answers show them."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from boxoffice.ledger.kinds import Holder
from boxoffice.models import Id, MoneyView, View
from boxoffice.reports.figures import Figure

type Interval = Literal["day", "week", "month"]
type Grouping = Literal["nothing", "event", "ticket_type"]
type ReportFormat = Literal["json", "csv", "xlsx"]


class RevenueFigures(View):
    """Sums of what was posted, in the currency's minor unit. Each counts on the day on which it was posted."""

    gross: int = Field(description="What buyers have paid for tickets")
    refunds: int = Field(description="What goes back to buyers, from the moment when it is owed")
    disputes: int = Field(description="What payers dispute. A dispute that is won counts as less of it")
    platform_fees: int = Field(description="What the platform keeps, less what it returned")
    provider_fees: int = Field(description="What providers keep of payments")
    corrections: int = Field(description="What an admin of the platform has added or, if negative, taken off")
    net: int = Field(
        description="`gross` and `corrections`, less `refunds`, `disputes`, `platform_fees` and `provider_fees`"
    )
    taxes: int = Field(description="The part of `net` that is tax")
    payouts: int = Field(
        description="What the platform has sent to the organisation, less what came back. `net` leaves it out"
    )


class _OfHolder(RevenueFigures, MoneyView):
    currency: str
    holder: Holder = Field(
        description="Who has the money: the platform, or the organisation, which took it by its own account at a "
        "provider or by hand. The platform's fees are always in the rows of the platform"
    )


class RevenueRow(_OfHolder):
    since: date = Field(description="The first day of the row")
    until: date = Field(description="The last day of the row")
    event_id: Id | None = Field(description="Null without `group_by`, and for what belongs to no event")
    event_title: str | None
    ticket_type_id: Id | None = Field(description="Null unless grouped by ticket type, and for fees of no ticket type")
    ticket_type_name: str | None


class RevenueTotal(_OfHolder):
    pass


class RevenueReportView(View):
    organisation_id: Id
    since: date = Field(description="The first day, in UTC")
    until: date = Field(description="The last day, in UTC")
    interval: Interval
    group_by: Grouping
    totals: list[RevenueTotal] = Field(description="The sums of all rows, by currency and holder")
    rows: list[RevenueRow] = Field(description="In the order of time, currency, holder, event and ticket type")


@dataclass(frozen=True)
class Period:
    """Some days in UTC, the first and the last included."""

    since: date
    until: date


@dataclass(frozen=True)
class RevenueSum:
    """Figures of a day, week or month, or of the part of it that is asked for. Those that are 0 are not there."""

    since: date
    currency: str
    holder: Holder
    event_id: UUID | None
    event_title: str | None
    ticket_type_id: UUID | None
    ticket_type_name: str | None
    figures: dict[Figure, int]


@dataclass(frozen=True)
class Turnover:
    """What one kind of transfer moved in a month, or before it.

    Attributes:
        event_id, event_title: of its event, if it has one and is not from before.
        event_day: the day on which the event starts, at its venue.
    """

    is_before: bool
    currency: str
    holder: Holder
    kind: str
    event_id: UUID | None
    event_title: str | None
    event_day: date | None
    amount: int


@dataclass(frozen=True)
class Posting:
    """A payout that was sent or came back, or a correction.

    Attributes:
        amount: what the organisation's balance gained.
        reference: the bank's, or the reason of a correction.
    """

    day: date
    currency: str
    kind: str
    amount: int
    reference: str | None


@dataclass(frozen=True)
class Party:
    """Who a statement is from or for.

    Attributes:
        locale: the language that they read, if it is known.
    """

    name: str
    postal_address: str | None
    locale: str | None = None


@dataclass(frozen=True)
class EventLine:
    """What an event has come to in a month.

    Attributes:
        day: on which it starts, at its venue.
    """

    title: str
    day: date
    figures: dict[Figure, int]
    net: int


@dataclass(frozen=True)
class Section:
    """A month in one currency.

    Attributes:
        figures: of the money that the platform holds.
        held: the closing balance by account.
        own: the figures of what the organisation took itself; None if that is nothing.
    """

    currency: str
    opening: int
    figures: dict[Figure, int]
    closing: int
    held: dict[str, int]
    events: list[EventLine]
    payouts: list[Posting]
    corrections: list[Posting]
    own: dict[Figure, int] | None


@dataclass(frozen=True)
class Statement:
    """What a statement says.

    Attributes:
        as_of: when it was made, if the month is not closed yet.
    """

    number: str
    platform: Party
    organisation: Party
    month: Period
    as_of: datetime | None
    sections: list[Section]


type Facts = dict[str, Any]
"""What the template of a statement shows, as JSON can say it."""
