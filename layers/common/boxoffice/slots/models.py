"""Places, slots and claims: as requested, as stored and as shown.

Rows and code say `place`. What the API sends and answers says `service`, which is its word for a place.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AliasChoices, Field, model_validator

from boxoffice.events.models import TimeZone
from boxoffice.models import Email, Id, Page, Patch, Phone, Request, ShortText, View, unchanged

type SlotState = Literal["free", "taken"]
type ClaimStatus = Literal["open", "released"]
ALL_STATES = ("free", "taken")

Capacity = Annotated[int, Field(strict=True, ge=0, le=50_000, description="How many slots there are")]
ServiceId = Annotated[Id, Field(validation_alias=AliasChoices("service_id", "place_id"))]
"""The id of a place in an answer, read from the `place_id` of a row."""


class PlaceRequest(Request):
    organisation_id: Id
    name: ShortText
    capacity: Capacity
    event_id: Id | None = Field(default=None, description="The event that it is for, if it is for one only")
    time_zone: TimeZone | None = Field(default=None, description="Where its days begin; the event's, else UTC")


class PlacePatch(Patch):
    name: ShortText = unchanged()
    capacity: Capacity = unchanged()
    time_zone: TimeZone = unchanged()


class CustomerRequest(Request):
    """Whom to check in: exactly one of `account_id`, `email` and `phone`."""

    account_id: Id | None = None
    email: Email | None = None
    phone: Phone | None = None
    name: ShortText | None = Field(default=None, description="Stored, unless the customer has a name already")

    @model_validator(mode="after")
    def _has_one_identity(self) -> Self:
        if [self.account_id, self.email, self.phone].count(None) != 2:
            raise ValueError("must have exactly one of `account_id`, `email` and `phone`")
        return self


class ClaimRequest(Request):
    customer: CustomerRequest
    note: ShortText | None = Field(default=None, description="What was left, or a number plate", examples=["2 coats"])


class ClaimScanRequest(Request):
    qr: Annotated[str, Field(max_length=500, description="The text of the QR")]
    service_id: Id | None = Field(default=None, description="Where it is scanned; claims of other places are refused")


class PlaceView(View):
    id: Id
    organisation_id: Id
    event_id: Id | None
    name: str
    capacity: int
    time_zone: str
    version: int
    created_at: datetime


class PlacePage(Page[PlaceView]):
    """A page of places, oldest first."""


class PlaceStatsView(View):
    service_id: Id
    capacity: int
    taken: int
    free: int
    claims_today: int = Field(description="Claims made since midnight in the place's time zone, released or not")
    released_today: int
    average_stay_seconds: int | None = Field(description="Of the claims released today; null if there are none")


class CustomerView(View):
    id: Id
    account_id: Id | None
    email: str | None = Field(description="Masked, such as `a…@example.com`. Managers see it whole in `list_slots`")
    phone: str | None = Field(description="Masked, such as `…678`. Managers see it whole in `list_slots`")
    name: str | None


class SlotClaimView(View):
    id: Id
    claimed_at: datetime
    note: str | None
    customer: CustomerView


class SlotView(View):
    number: int
    state: SlotState
    claim: SlotClaimView | None = Field(description="The open claim, if the slot is taken")


class SlotPage(Page[SlotView]):
    """A page of slots, by number."""


class NewClaimView(View):
    id: Id = Field(description="The id of the claim")
    service_id: ServiceId
    slot: int
    customer: CustomerView
    note: str | None
    claimed_at: datetime
    customer_slots: list[int] = Field(description="All slots that the customer has here, the new one included")
    qr: str = Field(description="The text of the claim's QR")
    qr_svg: str = Field(description="A picture of the QR, to show or print")


class ClaimView(View):
    id: Id
    service_id: ServiceId
    service_name: str = Field(validation_alias=AliasChoices("service_name", "place_name"))
    slot: int
    status: ClaimStatus
    customer: CustomerView
    note: str | None
    claimed_at: datetime
    released_at: datetime | None


class MyClaimView(View):
    id: Id
    service_id: ServiceId
    service_name: str = Field(validation_alias=AliasChoices("service_name", "place_name"))
    organisation_id: Id
    seller: str = Field(description="The name of the organisation")
    slot: int
    status: ClaimStatus
    claimed_at: datetime
    released_at: datetime | None
    qr: str | None = Field(description="The text of the QR, while the claim is open and its key is valid")


class MyClaimPage(Page[MyClaimView]):
    """A page of a person's claims, newest first."""


@dataclass(frozen=True)
class PlaceRow:
    id: UUID
    organisation_id: UUID
    event_id: UUID | None
    name: str
    capacity: int
    time_zone: str
    version: int
    created_at: datetime


@dataclass(frozen=True)
class PlaceStats:
    capacity: int
    taken: int
    claims_today: int
    released_today: int
    average_stay_seconds: int | None


@dataclass(frozen=True)
class SlotRow:
    number: int
    state: SlotState
    claim: dict[str, Any] | None


@dataclass(frozen=True)
class NewClaimRow:
    """A claim as it was made; its QR is made again from the key."""

    id: UUID
    place_id: UUID
    slot: int
    customer: dict[str, Any]
    note: str | None
    claimed_at: datetime
    customer_slots: list[int]
    key_id: int


@dataclass(frozen=True)
class ClaimRow:
    id: UUID
    organisation_id: UUID
    place_id: UUID
    place_name: str
    capacity: int
    slot: int
    customer: dict[str, Any]
    note: str | None
    qr_hash: bytes
    claimed_at: datetime
    released_at: datetime | None

    @property
    def status(self) -> ClaimStatus:
        return status_of(self.released_at)


@dataclass(frozen=True)
class MyClaimRow:
    id: UUID
    place_id: UUID
    place_name: str
    organisation_id: UUID
    seller: str
    slot: int
    key_id: int
    claimed_at: datetime
    released_at: datetime | None

    @property
    def status(self) -> ClaimStatus:
        return status_of(self.released_at)


def status_of(released_at: datetime | None) -> ClaimStatus:
    """Return the state of a claim: open until its slot is released."""
    return "open" if released_at is None else "released"
