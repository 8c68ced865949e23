"""Organisations, their members and invitations: as requested, as stored and as shown."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from boxoffice import slugs
from boxoffice.accounts.models import Role, SessionView
from boxoffice.markdown import DescribedView, Markdown
from boxoffice.media.models import PictureId, PictureView
from boxoffice.media.rules import picture_view
from boxoffice.models import (
    Email,
    Id,
    ImageUrl,
    Locale,
    LongText,
    Name,
    Page,
    PastedText,
    Patch,
    Phone,
    PostalAddress,
    Request,
    Text,
    View,
    WebUrl,
    unchanged,
)

type OrganisationStatus = Literal["pending", "approved", "rejected", "suspended"]
type Decision = Literal["approve", "reject", "suspend"]

# Names that people take for the platform's own, and those of its pages.
_RESERVED = """
about account accounts admin administrator api app assets auth billing boxoffice checkout contact dashboard desk docs
door event events health help home legal login logout new null official order orders organisation organisations
organization organizations pay payments platform privacy root security settings shop sign-in sign-up signin signup
sitemap status support system terms test ticket tickets undefined webhooks www
"""
RESERVED_SLUGS = frozenset(_RESERVED.split())


def _free_to_take(slug: str) -> str:
    if slug in RESERVED_SLUGS:
        raise ValueError("must not be a word that people take for the platform's")
    return slug


Slug = Annotated[
    str,
    StringConstraints(min_length=slugs.LEAST, max_length=slugs.MOST, pattern=slugs.PATTERN),
    AfterValidator(_free_to_take),
    Field(
        description="The organisation's name in URLs: small letters, digits and single hyphens. No two have the same",
        examples=["freedom-park"],
    ),
]
Terms = Annotated[
    LongText,
    Field(description="The seller's terms and conditions, as Markdown. Show none of the HTML that it may have"),
]


class OrganisationRequest(Request):
    name: Name


class OrganisationPatch(Patch):
    name: Name = unchanged()
    slug: Slug = unchanged()
    logo_url: ImageUrl | None = unchanged()
    logo_id: PictureId | None = unchanged()
    description: Markdown = unchanged()
    website: WebUrl | None = unchanged()
    contact_email: Email | None = unchanged()
    contact_phone: Phone | None = unchanged()
    postal_address: PostalAddress | None = unchanged("Where the organisation is. Its newsletter must show that")
    terms: Terms = unchanged()
    locale: Locale | None = unchanged()


class _ProfileFields(View):
    id: Id
    name: str
    slug: str = Field(description="Its name in URLs")
    logo_url: str | None = Field(description="A logo that lies elsewhere")
    logo: PictureView | None = Field(description="An uploaded logo")
    description: str = Field(description="Markdown (CommonMark)")
    website: str | None
    contact_email: str | None
    contact_phone: str | None
    postal_address: str | None = Field(description="Where it is, in lines as on a letter")
    terms: str = Field(description="Markdown. Show none of the HTML that it may have")
    locale: str | None = Field(description="The language of emails to buyers who name none. Null for English")
    version: int


class _OrganisationFields(_ProfileFields):
    status: OrganisationStatus = Field(description="Only an approved organisation can sell")
    status_reason: str | None = Field(description="Why an admin last decided so")
    created_at: datetime


class OrganisationProfile(_ProfileFields, DescribedView):
    """An approved organisation, as everybody sees it."""


class OrganisationView(_OrganisationFields, DescribedView):
    """An organisation, as its members see it."""


class SignUpView(SessionView):
    organisation: OrganisationView | None = Field(description="The organisation, if the request names one")


class ConfirmedEmailView(View):
    email: str
    session: SignUpView | None = Field(description="Of a sign-up: the tokens of the new account, and its organisation")


class DecisionRequest(Request):
    decision: Decision
    reason: Annotated[Text, Field(min_length=1, max_length=2000)] | None = Field(
        default=None, description="The owners read it. Only `approve` needs none"
    )

    @model_validator(mode="after")
    def _has_reason(self) -> Self:
        if self.reason is None and self.decision != "approve":
            raise ValueError("must have a `reason`, unless the decision is `approve`")
        return self


class OwnerView(View):
    account_id: Id
    name: str
    email: str | None


class ApplicationView(_OrganisationFields):
    """An organisation as admins see it, in lists too."""

    owners: list[OwnerView]


class ApplicationPage(Page[ApplicationView]):
    """One page of organisations as admins see them."""


class InvitationRequest(Request):
    email: Email
    role: Role


class InvitationView(View):
    id: Id
    email: str
    role: Role
    invited_by: Id
    created_at: datetime
    expires_at: datetime


class InvitationPage(Page[InvitationView]):
    """One page of invitations that nobody has accepted yet."""


class AcceptInvitationRequest(Request):
    token: Annotated[PastedText, Field(description="From the link in the email")]


class RoleChange(Request):
    role: Role


class HandOverRequest(Request):
    account_id: Id = Field(description="The member who becomes the owner")


class MemberView(View):
    account_id: Id
    name: str
    email: str | None
    role: Role
    since: datetime


class MemberPage(Page[MemberView]):
    """One page of an organisation's members."""


@dataclass(frozen=True)
class OrganisationRow:
    id: UUID
    name: str
    slug: str
    status: OrganisationStatus
    status_reason: str | None
    logo_url: str | None
    logo_id: UUID | None
    logo_picture: dict[str, Any] | None
    description: str
    website: str | None
    contact_email: str | None
    contact_phone: str | None
    postal_address: str | None
    terms: str
    locale: str | None
    version: int
    created_at: datetime

    @property
    def logo(self) -> PictureView | None:
        """Return the uploaded logo, as shown."""
        return picture_view(self.logo_id, self.logo_picture, self.name)


@dataclass(frozen=True)
class ApplicationRow(OrganisationRow):
    owners: list[dict[str, object]]


@dataclass(frozen=True)
class MemberRow:
    account_id: UUID
    name: str
    email: str | None
    role: Role
    since: datetime


@dataclass(frozen=True)
class InvitationRow:
    id: UUID
    organisation_id: UUID
    email: str
    role: Role
    invited_by: UUID
    created_at: datetime
    expires_at: datetime
