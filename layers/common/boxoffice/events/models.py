"""Events as requested, as stored and as shown."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from boxoffice import countries, slugs
from boxoffice.markdown import DescribedView, Markdown
from boxoffice.media.models import Alt, PictureId, PictureView
from boxoffice.media.rules import picture_view
from boxoffice.models import (
    COUNTRY_CODE,
    ChallengeView,
    Currency,
    Id,
    ImageUrl,
    Moment,
    MoneyView,
    Name,
    Page,
    Patch,
    Request,
    ShortText,
    View,
    unchanged,
)
from boxoffice.names import key_of
from boxoffice.questions.answers import MOST_QUESTIONS
from boxoffice.questions.models import (
    HoldersPatch,
    HoldersRequest,
    HoldersView,
    QuestionRequest,
    QuestionView,
)
from boxoffice.ticket_types.models import MOST_TICKET_TYPES, EventStatus, TicketTypeRequest, TicketTypeView

_MOST_GATES = 50


def _time_zone(name: str) -> str:
    from boxoffice.times import zones

    if name not in zones():
        raise ValueError("must be a time zone of the IANA database, such as Africa/Lagos")
    return name


Category = Annotated[ShortText, AfterValidator(str.lower), Field(max_length=50, examples=["concert", "sport", "hotel"])]
Rating = Annotated[ShortText, Field(max_length=50, examples=["18+", "PG-13"])]
Country = Annotated[
    str,
    StringConstraints(pattern=COUNTRY_CODE),
    AfterValidator(countries.check),
    Field(description="ISO 3166-1 alpha-2", examples=["NG"]),
]
TimeZone = Annotated[
    str,
    StringConstraints(max_length=64),
    AfterValidator(_time_zone),
    Field(description="Of the IANA time zone database", examples=["Africa/Lagos"]),
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


EventSlug = Annotated[
    str,
    StringConstraints(min_length=slugs.LEAST, max_length=slugs.MOST, pattern=slugs.PATTERN),
    Field(
        description="The event's name in URLs: small letters, digits and single hyphens. No other event of the "
        "organisation has it, or had it",
        examples=["jazz-by-the-sea"],
    ),
]
Questions = Annotated[
    list[QuestionRequest],
    Field(
        max_length=MOST_QUESTIONS,
        description="What the event asks its buyers, in this order. At most 64,000 bytes together, as JSON",
    ),
]


class EventRequest(Request):
    organisation_id: Id
    title: Name
    slug: Annotated[EventSlug | None, Field(description="Its name in URLs. Made from the title if left out")] = None
    description: Markdown = ""
    category: Category
    rating: Rating | None = None
    venue: VenueRequest
    starts_at: Moment
    ends_at: Moment
    doors_open_at: DoorsOpen | None = None
    gates: Gates = Field(default_factory=list)
    image_url: ImageUrl | None = None
    image_id: PictureId | None = None
    image_alt: Alt = ""
    currency: Currency
    capacity: Capacity | None = None
    late_payments: LatePayments | None = None
    asks_challenge: AsksChallenge = False
    confirm_free_orders: ConfirmFreeOrders = False
    waitlist_offer_minutes: OfferMinutes = 60
    reminds_holders: RemindsHolders = True
    holders: HoldersRequest = Field(default_factory=HoldersRequest)
    questions: Questions = Field(default_factory=list)
    ticket_types: list[TicketTypeRequest] = Field(default_factory=list, max_length=MOST_TICKET_TYPES)


class VenuePatch(Patch):
    name: ShortText = unchanged()
    address: ShortText = unchanged()
    city: ShortText = unchanged()
    country: Country = unchanged()
    time_zone: TimeZone = unchanged()


class EventPatch(Patch):
    title: Name = unchanged()
    slug: EventSlug = unchanged()
    description: Markdown = unchanged()
    category: Category = unchanged()
    rating: Rating | None = unchanged()
    venue: VenuePatch = unchanged()
    starts_at: Moment = unchanged()
    ends_at: Moment = unchanged()
    doors_open_at: DoorsOpen | None = unchanged()
    gates: Gates = unchanged()
    image_url: ImageUrl | None = unchanged()
    image_id: PictureId | None = unchanged()
    image_alt: Alt = unchanged()
    currency: Currency = unchanged()
    capacity: Capacity | None = unchanged()
    late_payments: LatePayments | None = unchanged()
    asks_challenge: AsksChallenge = unchanged()
    confirm_free_orders: ConfirmFreeOrders = unchanged()
    waitlist_offer_minutes: OfferMinutes = unchanged()
    reminds_holders: RemindsHolders = unchanged()
    holders: HoldersPatch = unchanged()
    questions: Questions = unchanged()
    tell_holders: Annotated[
        bool,
        Field(
            strict=True,
            description="False if nobody need know of another time or place, such as for a mistyped street. Otherwise"
            " everybody with a ticket gets an email within minutes",
        ),
    ] = True


type SaleState = Literal["on_sale", "not_yet", "sold_out", "closed"]
"""Tickets can be bought now; or will be, once a sale begins; or are gone; or are sold no more, or not at all."""


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


class _EventFields(MoneyView):
    """What lists of events show, and what an event shows by itself."""

    id: Id
    organisation_id: Id
    series_id: Id | None = Field(description="What an event and its copies at other times have in common")
    slug: str = Field(description="Its name in URLs. A former one leads to the event, too")
    status: EventStatus
    title: str
    category: str
    rating: str | None
    venue: VenueView
    starts_at: datetime
    ends_at: datetime
    image_url: str | None = Field(description="A picture that lies elsewhere")
    image: PictureView | None = Field(description="An uploaded picture")
    currency: str
    version: int


class EventSummary(_EventFields):
    sale_state: SaleState
    from_price: int | None = Field(
        description="The lowest price for which anybody can buy a ticket now, in the currency's minor unit. Null if "
        "nobody can"
    )


class CancelEventRequest(Request):
    reason: Annotated[ShortText, Field(description="An email tells it to everybody who has a ticket")]


class SellerView(View):
    """The organisation that sells the tickets of an event."""

    id: Id
    name: str
    slug: str = Field(description="Its name in URLs")
    logo_url: str | None = Field(description="A logo that lies elsewhere")
    logo: PictureView | None = Field(description="An uploaded logo")
    website: str | None
    contact_email: str | None
    contact_phone: str | None


class EventView(_EventFields, DescribedView):
    seller: SellerView
    payment_providers: list[str] = Field(
        description="With which buyers can pay what is not free: the `provider` of a payment"
    )
    description: str = Field(description="Markdown (CommonMark)")
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
    seated: bool = Field(description="True if some of its ticket types have numbered seats")
    holders: HoldersView = Field(description="What is asked of each ticket's holder")
    questions: list[QuestionView] = Field(description="What buyers are asked, of the order or of each ticket")
    ticket_types: list[TicketTypeView]


def _without_repeats(moments: list[datetime]) -> list[datetime]:
    if len({*moments}) < len(moments):
        raise ValueError("must not name a time twice")
    return moments


class DuplicateRequest(Request):
    starts_at: Annotated[
        list[Moment],
        AfterValidator(_without_repeats),
        Field(
            min_length=1,
            max_length=100,
            description="When the copies start, one copy each. All other times move along on the clock of the venue",
        ),
    ]
    title: Annotated[Name | None, Field(description="What the copies are called; as the event if left out")] = None


class EventCopyView(View):
    id: Id
    slug: str = Field(description="Its name in URLs: made from the title and the day")
    starts_at: datetime
    ends_at: datetime


class DuplicatesView(View):
    series_id: Id = Field(description="What the event and its copies have in common")
    items: list[EventCopyView] = Field(description="The drafts, in the order of their starts")


class EventPage(Page[EventSummary]):
    """A page of events, earliest first."""


class FacetView(View):
    value: str = Field(description="What to filter by")
    events: int = Field(description="How many events it finds")


class FacetsView(View):
    categories: list[FacetView] = Field(description="The most frequent first, 100 at the most")
    cities: list[FacetView] = Field(description="The most frequent first, 100 at the most")


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
    series_id: UUID | None
    since: datetime | None
    until: datetime | None


@dataclass(frozen=True)
class ListedEvent:
    """An event as a list shows it."""

    id: UUID
    organisation_id: UUID
    series_id: UUID | None
    slug: str
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
    image_id: UUID | None
    image_alt: str
    picture: dict[str, Any] | None
    currency: str
    version: int

    @property
    def image(self) -> PictureView | None:
        """Return the uploaded picture, as shown."""
        return picture_view(self.image_id, self.picture, self.image_alt)

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
class EventSale:
    """How the sale of an event stands."""

    event_id: UUID
    sale_state: SaleState
    from_price: int | None


@dataclass(frozen=True)
class Facets:
    """How many events each category and each city has, and if that was counted too long ago."""

    categories: list[dict[str, Any]]
    cities: list[dict[str, Any]]
    is_old: bool


@dataclass(frozen=True)
class FoundEvent:
    """The event that a slug leads to.

    Attributes:
        organisation_slug: the slug of its organisation.
        slug: its own slug today, which may be another.
    """

    event_id: UUID
    organisation_slug: str
    slug: str


@dataclass(frozen=True)
class EventRow(ListedEvent):
    """An event, with the counts of its own capacity if it has one."""

    description: str
    doors_open_at: datetime | None
    gates: list[dict[str, Any]]
    organisation_status: str
    seller: dict[str, Any]
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
    form: dict[str, Any] | None

    @property
    def shown_seller(self) -> dict[str, Any]:
        """Return the seller with its uploaded logo."""
        logo = picture_view(self.seller["logo_id"], self.seller["logo_picture"], self.seller["name"])
        return {**self.seller, "logo": logo}

    @property
    def late_payments(self) -> LatePaymentsView | None:
        """Return if, and how far, payments that take days are allowed, as shown."""
        if self.late_payments_until is None or self.late_payments_share is None:
            return None
        return LatePaymentsView(until=self.late_payments_until, share_percent=self.late_payments_share)
