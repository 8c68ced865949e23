"""Door passes and devices: as requested, as stored and as shown."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, Field

from boxoffice.models import Id, Moment, Page, PastedText, Request, ShortText, View

MOST_DEVICES = 50


def _each_once[T](items: list[T]) -> list[T]:
    return list(dict.fromkeys(items))


class DoorPassRequest(Request):
    name: ShortText = Field(description="Who works with it, or where", examples=["North gate"])
    event_ids: Annotated[list[Id], AfterValidator(_each_once), Field(min_length=1, max_length=50)]
    gates: Annotated[list[ShortText], Field(min_length=1, max_length=50)] | None = Field(
        default=None, description="The gates that its devices may scan at. Null for any"
    )
    until: Moment = Field(description="When it ends, in 30 days at the latest")
    max_devices: Annotated[int, Field(strict=True, ge=1, le=MOST_DEVICES)] = Field(
        default=10, description="How many devices may be paired with it at a time"
    )


class PairingCodeView(View):
    code: str = Field(description="Show it as a QR to one device, which sends it to `pair_door_device`. It works once")
    expires_at: datetime


class DoorDeviceView(View):
    id: Id
    name: str
    paired_at: datetime
    last_seen_at: datetime | None = Field(description="To the minute. Null if the device has not called yet")


class DoorPassView(View):
    id: Id
    name: str
    event_ids: list[Id]
    gates: list[str] | None
    until: datetime
    max_devices: int
    created_by: Id
    created_at: datetime
    revoked_at: datetime | None
    devices: list[DoorDeviceView] = Field(description="Those that are paired now, in order of pairing")


class NewDoorPassView(DoorPassView):
    pairing_code: PairingCodeView = Field(description="For the first device")


class DoorPassPage(Page[DoorPassView]):
    """A page of door passes, latest first."""


class PairingRequest(Request):
    code: PastedText = Field(description="What the QR says that a manager shows")
    name: ShortText = Field(description="What to call the device", examples=["Sade's phone"])


class PairedDeviceView(View):
    device_id: Id = Field(description="As which scans and conflicts show the device, whatever `device_id` it sends")
    token: str = Field(description="Send it as `Authorization: Bearer <token>`. It is shown this once")
    organisation_id: Id
    name: str
    event_ids: list[Id]
    gates: list[str] | None = Field(description="Where it may scan. Null for any gate")
    until: datetime = Field(description="When it ends. It may report its offline scans for an hour more")


@dataclass(frozen=True)
class DoorPassRow:
    id: UUID
    organisation_id: UUID
    name: str
    event_ids: list[UUID]
    gates: list[str] | None
    until: datetime
    max_devices: int
    created_by: UUID
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True)
class ListedDoorPass(DoorPassRow):
    devices: list[dict[str, Any]]


@dataclass(frozen=True)
class EventAtPass:
    """An event that a door pass names, with the names of its gates."""

    id: UUID
    gates: list[str]


@dataclass(frozen=True)
class LockedDevice:
    id: UUID
    name: str
    revoked_at: datetime | None
