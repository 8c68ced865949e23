"""Organisations: as requested, as stored and as shown."""

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
    status: OrganisationStatus = Field(description="Only an approved organisation can sell")
    version: int
    created_at: datetime


class SignUpView(SessionView):
    organisation: OrganisationView | None = Field(description="The organisation, if the request names one")


class ConfirmedEmailView(View):
    email: str
    session: SignUpView | None = Field(description="Of a sign-up: the tokens of the new account, and its organisation")


@dataclass(frozen=True)
class OrganisationRow:
    id: UUID
    name: str
    status: OrganisationStatus
    version: int
    created_at: datetime
