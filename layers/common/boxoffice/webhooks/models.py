"""Webhook endpoints and deliveries: as requested, as stored and as shown."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field

from boxoffice.models import Id, Moment, Page, Patch, Request, ShortText, View, WebUrl, unchanged
from boxoffice.outbox import WebhookType

type DeliveryStatus = Literal["pending", "sending", "delivered", "failed"]
type DisabledReason = Literal["by_owner", "gone", "failing", "deleted"]


def _each_once(types: list[WebhookType]) -> list[WebhookType]:
    return sorted(set(types))


Types = Annotated[
    list[WebhookType],
    AfterValidator(_each_once),
    Field(min_length=1, max_length=100, description="What to be told. Null for all, also for types to come"),
]
EndpointUrl = Annotated[
    WebUrl, Field(description="Where webhooks go: https, port 443, a public name", examples=["https://example.com/in"])
]
Description = Annotated[ShortText, Field(description="What the endpoint is for")]


class WebhookEndpointRequest(Request):
    url: EndpointUrl
    types: Types | None = None
    description: Description | None = None


class WebhookEndpointPatch(Patch):
    url: EndpointUrl = unchanged()
    types: Types | None = unchanged()
    description: Description | None = unchanged()
    enabled: Annotated[bool, Field(strict=True, description="False to stop webhooks, true to start again")] = (
        unchanged()
    )


class RotateSecretRequest(Request):
    keep_former_hours: Annotated[int, Field(strict=True, ge=0, le=168)] = Field(
        default=24, description="For how long the secrets of before sign too. 0 ends them at once, if one has leaked"
    )


class ReplayRequest(Request):
    since: Moment = Field(description="Replay what was owed since then")


class WebhookEndpointView(View):
    id: Id
    url: str
    types: list[WebhookType] | None
    description: str | None
    enabled: bool
    disabled_at: datetime | None
    disabled_reason: DisabledReason | None = Field(
        description="`by_owner`, `gone` if it answered 410, or `failing` if for days nothing came through"
    )
    failing_since: datetime | None = Field(description="Since when nothing has come through. Null if all is well")
    next_turn_at: datetime | None = Field(description="Until when all its webhooks wait, after failures in a row")
    former_secret_ends_at: datetime | None = Field(description="Until when a former secret signs too")
    version: int
    created_at: datetime


class NewWebhookEndpointView(WebhookEndpointView):
    secret: str = Field(description="What proves our webhooks. It is shown this once, and nobody can read it again")


class WebhookSecretView(View):
    secret: str = Field(description="The new secret. It is shown this once, and nobody can read it again")
    former_secret_ends_at: datetime | None = Field(description="Until when a former secret signs too")


class WebhookEndpointPage(Page[WebhookEndpointView]):
    """A page of webhook endpoints, latest first."""


class WebhookDeliveryView(View):
    id: Id = Field(description="The `webhook-id` of each attempt and replay")
    endpoint_id: Id
    type: WebhookType
    status: DeliveryStatus
    attempts: int
    created_at: datetime
    attempted_at: datetime | None = Field(description="When the last attempt began")
    next_attempt_at: datetime | None = Field(description="When the next attempt is due, if one follows")
    response_status: int | None = Field(description="The status of the last answer. Null if there was none")
    duration_ms: int | None = Field(description="How long the last attempt took")
    answer: str | None = Field(description="The beginning of the last answer, as text")
    error: str | None = Field(description="Why the last attempt has failed")
    body: dict[str, Any] = Field(description="What was sent")


class WebhookDeliveryPage(Page[WebhookDeliveryView]):
    """A page of webhook deliveries, latest first."""


class ReplayView(View):
    replayed: int
    has_more: bool = Field(description="True if more have failed since then: repeat the request")


@dataclass(frozen=True)
class EndpointRow:
    """An endpoint as owners see it."""

    id: UUID
    url: str
    types: list[WebhookType] | None
    description: str
    disabled_at: datetime | None
    disabled_reason: DisabledReason | None
    failing_since: datetime | None
    next_turn_at: datetime
    former_secret_ends_at: datetime | None
    version: int
    created_at: datetime


@dataclass(frozen=True)
class DeliveryRow:
    """A delivery as owners see it."""

    id: UUID
    endpoint_id: UUID
    type: WebhookType
    status: DeliveryStatus
    attempts: int
    created_at: datetime
    attempted_at: datetime | None
    due_at: datetime
    response_status: int | None
    duration_ms: int | None
    answer: str | None
    error: str | None
    body: dict[str, Any]

    @property
    def next_attempt_at(self) -> datetime | None:
        """Return when the next attempt is due. None if none follows, or one is under way."""
        return self.due_at if self.status == "pending" else None


@dataclass(frozen=True)
class Turn:
    """An endpoint whose turn a worker has.

    Attributes:
        failures: how many attempts have failed since the last success.
        failing_since: when the first of them was.
        leased_until: until then no other worker takes the turn.
    """

    id: UUID
    organisation_id: UUID
    url: str
    failures: int
    failing_since: datetime | None
    leased_until: datetime


@dataclass(frozen=True)
class StoredSecret:
    """A secret as it is stored."""

    id: UUID
    key_id: int
    secret: bytes


@dataclass(frozen=True)
class DueDelivery:
    """A webhook that a worker has taken for one attempt.

    Attributes:
        body: the text that is signed and sent.
        attempts: how many there were, this one included.
        attempts_before: how many of them were before the last replay.
    """

    id: UUID
    body: str
    attempts: int
    attempts_before: int


@dataclass(frozen=True)
class Answer:
    """What came of an attempt.

    Attributes:
        status: the status of the answer. None if there was none.
        text: the beginning of the answer.
        error: why there was no answer.
        retry_after: how long the answer asks us to wait.
    """

    status: int | None = None
    text: str = ""
    error: str | None = None
    duration: timedelta = timedelta(0)
    retry_after: timedelta | None = None

    @property
    def is_success(self) -> bool:
        """Return True if the endpoint has taken the webhook."""
        return self.status is not None and 200 <= self.status < 300
