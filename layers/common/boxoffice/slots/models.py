"""Services, slots and claims as requested, as stored and as shown."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from boxoffice.events.models import TimeZone
from boxoffice.models import Email, Id, Page, Patch, Phone, Request, ShortText, View, unchanged

type SlotState = Literal["free", "taken"]
type ClaimStatus = Literal["open", "released"]
ALL_STATES = ("free", "taken")

Capacity = Annotated[int, Field(strict=True, ge=0, le=50_000, description="How many slots there are")]


class ServiceRequest(Request):
    organisation_id: Id
    name: ShortText
    capacity: Capacity
    event_id: Id | None = Field(default=None, description="The event it belongs to, if it serves only one")
    time_zone: TimeZone | None = Field(default=None, description="Where its days begin; the event's, else UTC")


class ServicePatch(Patch):
    name: ShortText = unchanged()
    capacity: Capacity = unchanged()
    time_zone: TimeZone = unchanged()


class CustomerRequest(Request):
    """Whom to check in: exactly one of `account_id`, `email` and `phone`."""

    account_id: Id | None = None
    email: Email | None = None
    phone: Phone | None = None
    name: ShortText | None = Field(default=None, description="Kept, unless the customer has a name already")

    @model_validator(mode="after")
    def _has_one_identity(self) -> Self:
        if [self.account_id, self.email, self.phone].count(None) != 2:
            raise ValueError("exactly one of account_id, email and phone is needed")
        return self


class ClaimRequest(Request):
    customer: CustomerRequest
    note: ShortText | None = Field(default=None, description="What was left, or a number plate", examples=["2 coats"])


class ClaimScanRequest(Request):
    qr: Annotated[str, Field(max_length=500, description="What the QR says")]
    service_id: Id | None = Field(default=None, description="Where it is shown; claims of other services are refused")


class ServiceView(View):
    id: Id
    organisation_id: Id
    event_id: Id | None
    name: str
    capacity: int
    time_zone: str
    version: int
    created_at: datetime


class ServicePage(Page[ServiceView]):
    """A page of services, oldest first."""


class ServiceStatsView(View):
    service_id: Id
    capacity: int
    taken: int
    free: int
    claims_today: int = Field(description="Since midnight in the service's time zone, released or not")
    released_today: int
    average_stay_seconds: int | None = Field(description="Of those released today; null if there are none")


class CustomerView(View):
    id: Id
    account_id: Id | None
    email: str | None
    phone: str | None
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


class ClaimedSlot(View):
    id: Id = Field(description="The claim's")
    service_id: Id
    slot: int
    customer: CustomerView
    note: str | None
    claimed_at: datetime
    customer_slots: list[int] = Field(description="All slots that the customer holds here, this one included")
    qr: str = Field(description="What the claim's QR says")
    qr_svg: str = Field(description="Its picture, to show or print")


class ClaimView(View):
    id: Id
    service_id: Id
    service_name: str
    slot: int
    status: ClaimStatus
    customer: CustomerView
    note: str | None
    claimed_at: datetime
    released_at: datetime | None


@dataclass(frozen=True)
class ServiceRow:
    id: UUID
    organisation_id: UUID
    event_id: UUID | None
    name: str
    capacity: int
    time_zone: str
    version: int
    created_at: datetime


@dataclass(frozen=True)
class ServiceStats:
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
class TakenSlot:
    """A claim that was just made, or is answered again, and what its QR is rebuilt from."""

    id: UUID
    service_id: UUID
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
    service_id: UUID
    service_name: str
    capacity: int
    slot: int
    customer: dict[str, Any]
    note: str | None
    qr_hash: bytes
    claimed_at: datetime
    released_at: datetime | None

    @property
    def status(self) -> ClaimStatus:
        """Whether the slot is still the customer's."""
        return "open" if self.released_at is None else "released"
