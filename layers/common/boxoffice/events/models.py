"""Events as requested, as stored and as shown."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from boxoffice.models import (
    COUNTRY_CODE,
    ChallengeView,
    Id,
    ImageUrl,
    Moment,
    MoneyView,
    Name,
    Page,
    Patch,
    Request,
    ShortText,
    Text,
    View,
    pattern,
    unchanged,
)
from boxoffice.money import is_currency
from boxoffice.names import key_of
from boxoffice.ticket_types.models import MOST_TICKET_TYPES, EventStatus, TicketTypeRequest, TicketTypeView

_MOST_GATES = 50
# Codes of two letters that CLDR knows, but that are no countries in ISO 3166. XK is not there either, but Kosovo has no
# other code.
_NO_COUNTRIES = frozenset(("AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"))


def _country(code: str) -> str:
    from babel import Locale

    if code in _NO_COUNTRIES or code not in Locale("en").territories:
        raise ValueError("must be a country of ISO 3166-1, such as NG")
    return code


def _time_zone(name: str) -> str:
    from boxoffice.times import zones

    if name not in zones():
        raise ValueError("must be a time zone of the IANA database, such as Africa/Lagos")
    return name


def _currency(code: str) -> str:
    if not is_currency(code):
        raise ValueError("must be a currency of ISO 4217 that people pay with today, such as NGN")
    return code


_CURRENCY_CODE = pattern(r"^[A-Z]{3}$", "must be three capital letters of ISO 4217, such as NGN")
Category = Annotated[ShortText, AfterValidator(str.lower), Field(max_length=50, examples=["concert", "sport", "hotel"])]
Rating = Annotated[ShortText, Field(max_length=50, examples=["18+", "PG-13"])]
Country = Annotated[
    str,
    StringConstraints(pattern=COUNTRY_CODE),
    AfterValidator(_country),
    Field(description="ISO 3166-1 alpha-2", examples=["NG"]),
]
TimeZone = Annotated[
    str,
    StringConstraints(max_length=64),
    AfterValidator(_time_zone),
    Field(description="Of the IANA time zone database", examples=["Africa/Lagos"]),
]
Currency = Annotated[
    str,
    StringConstraints(pattern=_CURRENCY_CODE),
    AfterValidator(_currency),
    Field(description="ISO 4217", examples=["NGN"]),
]
Capacity = Annotated[
    int,
    Field(
        strict=True,
        ge=0,
        le=10_000_000,
        description="How many tickets all ticket types sell together, beside their own quantities",
    ),
]


class VenueRequest(Request):
    name: ShortText
    address: ShortText
    city: ShortText
    country: Country
    time_zone: TimeZone


class GateRequest(Request):
    name: ShortText
    ticket_type_ids: Annotated[list[Id], Field(min_length=1, max_length=MOST_TICKET_TYPES)] | None = Field(
        description="The ticket types that it lets in; null for any"
    )


def _with_unique_names(gates: list[GateRequest]) -> list[GateRequest]:
    if len({key_of(gate.name) for gate in gates}) < len(gates):
        raise ValueError("must not have two gates of one name, in whatever way it is written")
    return gates


Gates = Annotated[
    list[GateRequest],
    AfterValidator(_with_unique_names),
    Field(
        max_length=_MOST_GATES,
        description="The entrances that a scan may name. If there are none, it may name any text",
    ),
]
DoorsOpen = Annotated[Moment, Field(description="Nobody is admitted before this time")]


class LatePaymentsRequest(Request):
    until: Annotated[Moment, Field(description="No such payment starts after this time. At the latest `starts_at`")]
    share_percent: Annotated[
        int,
        Field(
            strict=True,
            ge=1,
            le=100,
            description="How much of each ticket type may be held by orders with such payments, in percent",
        ),
    ]


LatePayments = Annotated[
    LatePaymentsRequest,
    Field(
        description="Allows ways to pay that take days, such as bank debits. Until the money comes, tickets are held"
    ),
]


AsksChallenge = Annotated[
    bool,
    Field(strict=True, description="Sells to guests only if they solve a challenge, which tells them from programs"),
]
ConfirmFreeOrders = Annotated[
    bool, Field(strict=True, description="Gives guests free tickets only once they open the link of an email")
]
RemindsHolders = Annotated[
    bool, Field(strict=True, description="Emails the tickets again the day before, unless the platform emails none so")
]
OfferMinutes = Annotated[
    int,
    Field(
        strict=True,
        ge=10,
        le=2880,
        description="How long an offer of the waitlist holds its tickets. Nights from 22 to 8 o'clock at the venue do "
        "not count",
    ),
]


class EventRequest(Request):
    organisation_id: Id
    title: Name
    description: Text = ""
    category: Category
    rating: Rating | None = None
    venue: VenueRequest
    starts_at: Moment
    ends_at: Moment
    doors_open_at: DoorsOpen | None = None
    gates: Gates = Field(default_factory=list)
    image_url: ImageUrl | None = None
    currency: Currency
    capacity: Capacity | None = None
    late_payments: LatePayments | None = None
    asks_challenge: AsksChallenge = False
    confirm_free_orders: ConfirmFreeOrders = False
    waitlist_offer_minutes: OfferMinutes = 60
    reminds_holders: RemindsHolders = True
    ticket_types: list[TicketTypeRequest] = Field(default_factory=list, max_length=MOST_TICKET_TYPES)


class VenuePatch(Patch):
    name: ShortText = unchanged()
    address: ShortText = unchanged()
    city: ShortText = unchanged()
    country: Country = unchanged()
    time_zone: TimeZone = unchanged()


class EventPatch(Patch):
    title: Name = unchanged()
    description: Text = unchanged()
    category: Category = unchanged()
    rating: Rating | None = unchanged()
    venue: VenuePatch = unchanged()
    starts_at: Moment = unchanged()
    ends_at: Moment = unchanged()
    doors_open_at: DoorsOpen | None = unchanged()
    gates: Gates = unchanged()
    image_url: ImageUrl | None = unchanged()
    currency: Currency = unchanged()
    capacity: Capacity | None = unchanged()
    late_payments: LatePayments | None = unchanged()
    asks_challenge: AsksChallenge = unchanged()
    confirm_free_orders: ConfirmFreeOrders = unchanged()
    waitlist_offer_minutes: OfferMinutes = unchanged()
    reminds_holders: RemindsHolders = unchanged()
    tell_holders: Annotated[
        bool,
        Field(
            strict=True,
            description="False if nobody need know of another time or place, such as for a mistyped street. Otherwise"
            " everybody with a ticket gets an email within minutes",
        ),
    ] = True


class VenueView(View):
    name: str
    address: str
    city: str
    country: str
    time_zone: str


class GateView(View):
    name: str
    ticket_type_ids: list[Id] | None = Field(description="The ticket types that it lets in; null for any")


class LatePaymentsView(View):
    until: datetime
    share_percent: int


class EventSummary(MoneyView):
    id: Id
    organisation_id: Id
    status: EventStatus
    title: str
    category: str
    rating: str | None
    venue: VenueView
    starts_at: datetime
    ends_at: datetime
    image_url: str | None
    currency: str
    version: int


class CancelEventRequest(Request):
    reason: Annotated[ShortText, Field(description="An email tells it to everybody who has a ticket")]


class EventView(EventSummary):
    description: str
    doors_open_at: datetime | None
    gates: list[GateView]
    capacity: int | None = Field(description="How many tickets its ticket types can sell together; null for no limit")
    late_payments: LatePaymentsView | None = Field(
        description="Until when payments that take days may start, and how much of each ticket type they may hold"
    )
    asks_challenge: bool
    challenge: ChallengeView | None = Field(
        description="What guests solve before they buy. Null if the event or the deployment asks for none"
    )
    confirm_free_orders: bool = Field(description="True if guests confirm free orders by the link of an email")
    reminds_holders: bool = Field(description="True if holders get their tickets again the day before")
    waitlist_offer_minutes: int = Field(
        description="How long an offer of the waitlist holds its tickets, without nights at the venue"
    )
    ticket_types: list[TicketTypeView]


class EventPage(Page[EventSummary]):
    """A page of events, earliest first."""


class TicketTypeAvailability(View):
    ticket_type_id: Id
    available: int = Field(description="How many can be bought, within the event's capacity too")
    held: int
    sold: int


class CapacityAvailability(View):
    quantity: int
    available: int
    held: int
    sold: int


class AvailabilityView(View):
    event_id: Id
    capacity: CapacityAvailability | None = Field(description="The event's own capacity, which its ticket types share")
    ticket_types: list[TicketTypeAvailability]


@dataclass(frozen=True)
class EventFilters:
    """Which events to list. A filter that is None does not apply.

    Attributes:
        search: words to find, as `search_query` of the schema reads them.
        since: the listed events end after this time.
        until: the listed events begin before this time.
    """

    search: str | None
    category: str | None
    city: str | None
    organisation_id: UUID | None
    since: datetime | None
    until: datetime | None


@dataclass(frozen=True)
class ListedEvent:
    """An event as a list shows it."""

    id: UUID
    organisation_id: UUID
    status: EventStatus
    title: str
    category: str
    rating: str | None
    venue_name: str
    venue_address: str
    city: str
    country: str
    time_zone: str
    starts_at: datetime
    ends_at: datetime
    image_url: str | None
    currency: str
    version: int

    @property
    def venue(self) -> VenueView:
        """Return where the event takes place, as shown."""
        return VenueView(
            name=self.venue_name,
            address=self.venue_address,
            city=self.city,
            country=self.country,
            time_zone=self.time_zone,
        )


@dataclass(frozen=True)
class EventRow(ListedEvent):
    """An event, with the counts of its own capacity if it has one."""

    description: str
    doors_open_at: datetime | None
    gates: list[dict[str, Any]]
    organisation_status: str
    capacity_pool_id: UUID | None
    capacity: int | None
    capacity_available: int | None
    capacity_held: int | None
    capacity_sold: int | None
    late_payments_until: datetime | None
    late_payments_share: int | None
    asks_challenge: bool
    confirm_free_orders: bool
    reminds_holders: bool
    waitlist_offer_minutes: int

    @property
    def late_payments(self) -> LatePaymentsView | None:
        """Return if, and how far, payments that take days are allowed, as shown."""
        if self.late_payments_until is None or self.late_payments_share is None:
            return None
        return LatePaymentsView(until=self.late_payments_until, share_percent=self.late_payments_share)
