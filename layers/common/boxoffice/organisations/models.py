"""Organisations as requested, as stored and as shown."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from boxoffice.accounts.models import SessionView
from boxoffice.models import Id, Request, ShortText, View

type OrganisationStatus = Literal["pending", "approved", "rejected", "suspended"]


class OrganisationRequest(Request):
    name: ShortText


class OrganisationView(View):
    id: Id
    name: str
    status: OrganisationStatus = Field(description="Only an approved organisation sells")
    version: int
    created_at: datetime


class SignedUp(SessionView):
    organisation: OrganisationView | None = Field(description="The business, if one was registered")


@dataclass(frozen=True)
class OrganisationRow:
    id: UUID
    name: str
    status: OrganisationStatus
    version: int
    created_at: datetime
