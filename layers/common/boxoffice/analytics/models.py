"""Views as pages report them, and sales as answers show them."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from boxoffice.models import Id, MoneyView, Request, ShortText, View

MOST_DAYS = 366  # of one answer

Source = Annotated[
    ShortText,
    Field(max_length=60, description="What the link said of its campaign, such as its `utm_source`"),
]


class ViewRequest(Request):
    source: Source | None = None
    referrer: Annotated[str, Field(max_length=2000, examples=["https://example.com"])] | None = Field(
        default=None,
        description="What `document.referrer` says: the page that led here, an app, or nothing. Only the host of a "
        "page is kept, and only without a `source`",
    )


class Sales(View):
    """Sums of what was sold and given back. Amounts are in the currency's minor unit, as orders have stored them."""

    tickets: int = Field(description="Tickets sold. A group ticket counts each of its people")
    gross: int = Field(description="Prices times quantities")
    discount: int
    buyer_fee: int
    tax: int
    platform_fee: int = Field(description="What the platform keeps of what was sold. Refunds take nothing off it")
    total: int = Field(description="What buyers have paid")
    refunded_tickets: int = Field(description="Tickets that a refund or a cancellation has ended, on its own day")
    refunded: int = Field(description="What went back to buyers, on the day of the refund")


class Traffic(Sales):
    views: int
    orders: int = Field(description="Paid orders, those that were refunded later included")


class DayAnalytics(Traffic):
    day: date


class TypeAnalytics(Sales):
    ticket_type_id: Id
    name: str


class SourceAnalytics(View):
    source: str | None = Field(description="A host or a campaign, `other` for all the rest, null if none was named")
    views: int


class EventAnalyticsView(Traffic, MoneyView):
    event_id: Id
    currency: str
    since: date = Field(description="The first day, at the venue")
    until: date = Field(description="The last day, at the venue")
    as_of: datetime = Field(description="Sales and refunds count that were committed before. Views count at once")
    conversion: float | None = Field(description="Orders for each view. Null without views")
    days: list[DayAnalytics] = Field(description="The days with views, sales or refunds, in order")
    ticket_types: list[TypeAnalytics]
    sources: list[SourceAnalytics] = Field(description="Where the views came from: the fifty most frequent")


class RevenueOfDay(MoneyView):
    day: date = Field(description="At the venue")
    currency: str
    orders: int = Field(description="Paid orders. One for several events counts at each")
    tickets: int
    total: int = Field(description="What buyers have paid, in the currency's minor unit")
    platform_fee: int = Field(description="What the platform keeps of what was sold. Refunds take nothing off it")
    refunded: int


class OrganisationCounts(View):
    pending: int
    approved: int
    rejected: int
    suspended: int


class EventCounts(View):
    draft: int
    published: int = Field(description="Past ones included")
    cancelled: int


class OutboxHealth(View):
    waiting: int = Field(description="Emails and text messages that are not sent yet")
    oldest_seconds: int | None = Field(description="How long the oldest of them has waited")
    failed: int = Field(description="Messages that were given up")


class StatsView(View):
    since: date
    until: date
    as_of: datetime = Field(description="Sales and refunds count that were committed before")
    organisations: OrganisationCounts
    events: EventCounts
    accounts: int = Field(description="Accounts that are not erased")
    orders: int = Field(description="Orders paid in these days. One for several events counts at each")
    tickets: int = Field(description="Tickets sold in these days")
    revenue: list[RevenueOfDay] = Field(description="By day and currency, in order")
    outbox: OutboxHealth


@dataclass(frozen=True)
class Period:
    """Some days, the first and the last included."""

    since: date
    until: date


@dataclass(frozen=True)
class EventOnSale:
    """What analytics need to know of an event.

    Attributes:
        today: the day at its venue.
    """

    organisation_id: UUID
    currency: str
    today: date
    as_of: datetime


@dataclass(frozen=True)
class SalesSum:
    """Sales of a day, or of a ticket type; the other is None."""

    day: date | None
    ticket_type_id: UUID | None
    name: str | None
    orders: int
    tickets: int
    gross: int
    discount: int
    buyer_fee: int
    tax: int
    platform_fee: int
    total: int
    refunded_tickets: int
    refunded: int


@dataclass(frozen=True)
class ViewsSum:
    """Views of a day, or of a source; the other is None.

    Attributes:
        is_source: True if they are of a source. Its name is None if none was named.
    """

    day: date | None
    is_source: bool
    source: str | None
    views: int
