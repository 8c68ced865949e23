"""Accounts and sessions: as requested, as stored and as shown."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field

from boxoffice.accounts.passwords import LEAST_CHARACTERS, MOST_BYTES, normalise
from boxoffice.models import Email, Id, Patch, Phone, Request, ShortText, View

type Role = Literal["scanner", "manager", "owner"]

Password = Annotated[
    str,
    AfterValidator(normalise),
    Field(max_length=MOST_BYTES, json_schema_extra={"format": "password"}, description="At most 72 bytes of UTF-8"),
]
NewPassword = Annotated[Password, Field(min_length=LEAST_CHARACTERS)]
OneTimeText = Annotated[ShortText, Field(description="The token in the fragment of an emailed link")]


class SignUpRequest(Request):
    email: Email
    password: NewPassword
    name: ShortText
    organisation_name: ShortText | None = Field(default=None, description="Registers an organisation in the same step")


class LogInRequest(Request):
    email: Email
    password: Password


class RefreshRequest(Request):
    refresh_token: Annotated[str, Field(max_length=100)]


class PasswordChange(Request):
    current_password: Password
    new_password: NewPassword


class LinkRequest(Request):
    token: OneTimeText


class EmailConfirmation(LinkRequest):
    password: Password | None = Field(
        default=None,
        description="The one that a new account gets. Of another account: its own, unless its access token is sent",
    )


class PasswordResetRequest(Request):
    email: Email


class PasswordReset(LinkRequest):
    password: NewPassword


class EmailChange(Request):
    email: Email
    current_password: Password | None = Field(default=None, description="Needed if the account has a password")


class EmailSentView(View):
    detail: str = Field(description="What happens next, for people")


class AccountPatch(Patch):
    name: ShortText = Field(default_factory=str)
    phone: Phone | None = None


class AccountView(View):
    id: Id
    email: str | None = Field(description="Null for an account that logs in by phone")
    email_verified_at: datetime | None
    name: str
    phone: str | None
    phone_verified_at: datetime | None = Field(description="Null for a phone that is contact only")
    version: int
    created_at: datetime


class MembershipView(View):
    organisation_id: Id
    name: str
    role: Role


class MyAccountView(AccountView):
    memberships: list[MembershipView]


class SessionView(View):
    access_token: str = Field(description="Send it as `Authorization: Bearer <token>`")
    refresh_token: str = Field(description="Exchange it once, within seven days, for the next pair of tokens")
    expires_in: int = Field(description="Seconds until the access token expires")
    account: AccountView


@dataclass(frozen=True)
class AccountRow:
    id: UUID
    email: str | None
    name: str
    phone: str | None
    version: int
    created_at: datetime
    email_verified_at: datetime | None
    phone_verified_at: datetime | None


@dataclass(frozen=True)
class Credentials(AccountRow):
    password_hash: str | None
    blocked_at: datetime | None


@dataclass(frozen=True)
class AccountDetails(AccountRow):
    memberships: list[dict[str, object]]


@dataclass(frozen=True)
class RefreshTokenRow(AccountRow):
    """A refresh token with its session and its account. Its `id` is that of the account."""

    session_id: UUID
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None
