"""API keys: as requested, as stored and as shown."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field

from boxoffice.models import Id, Moment, Name, Page, Request, View
from boxoffice.scopes import Scope


def _each_once(scopes: list[Scope]) -> list[Scope]:
    return sorted(set(scopes))


class ApiKeyRequest(Request):
    name: Name = Field(description="What the key is for, such as the program that uses it")
    scopes: Annotated[list[Scope], AfterValidator(_each_once), Field(min_length=1, max_length=50)]
    expires_at: Moment | None = Field(default=None, description="In a year if you leave it out, in five at the latest")


class ApiKeyView(View):
    id: Id
    name: str
    scopes: list[Scope]
    ending: str = Field(description="The last four characters of the key, by which you recognise it")
    created_by: Id
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = Field(description="To the minute. Null if the key was never used")
    revoked_at: datetime | None


class NewApiKeyView(ApiKeyView):
    key: str = Field(description="Send it as `X-Api-Key`. It is shown this once, and nobody can read it again")


class ApiKeyPage(Page[ApiKeyView]):
    """A page of API keys, latest first."""


@dataclass(frozen=True)
class ApiKeyRow:
    id: UUID
    name: str
    scopes: list[Scope]
    ending: str
    created_by: UUID
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
