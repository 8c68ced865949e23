"""Subscriptions and issues of newsletters: as requested, as the database stores them, and as answers show them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from boxoffice.audit import PLATFORM_CHAIN
from boxoffice.emails import Seller
from boxoffice.mailings import MailingPreview, MailingRow, MailingView, SendToMe
from boxoffice.markdown import MARKDOWN
from boxoffice.models import Email, Id, Locale, Page, PastedText, Request, ShortText, View, VisibleText, pattern

type SubscriptionStatus = Literal["subscribed", "unsubscribed"]

_OWN = "Null for the platform's own"

Body = Annotated[VisibleText, Field(description=MARKDOWN)]
ConsentVersion = Annotated[
    str,
    StringConstraints(
        pattern=pattern(r"^[A-Za-z0-9._-]{1,50}$", "must be 1 to 50 letters, digits and . _ -, such as 2027-01")
    ),
    Field(
        description="Which version of your words the person has agreed to. Keep the words themselves, to prove what it"
        " was",
        examples=["2027-01"],
    ),
]


class SubscriptionRequest(Request):
    organisation_id: Id | None = Field(default=None, description=f"Whose newsletter. {_OWN}")
    email: Email
    consent_version: ConsentVersion
    locale: Locale | None = None


class SubscriptionConfirmation(Request):
    token: Annotated[PastedText, Field(description="From the link in the email")]


class ConfirmedSubscriptionView(View):
    organisation_id: Id | None = Field(description=_OWN)
    sender: str = Field(description="Whose newsletter it is")
    confirmed_at: datetime
    unsubscribe_token: str = Field(description="Send it as `token` to `unsubscribe`. It never expires")


class SubscriptionView(View):
    id: Id
    status: SubscriptionStatus
    email: str | None = Field(description="Null once they have unsubscribed: then nobody knows it any more")
    consent_version: str
    locale: str | None
    confirmed_at: datetime
    unsubscribed_at: datetime | None


class SubscriptionPage(Page[SubscriptionView]):
    """A page of the subscriptions to a newsletter, newest first."""


class NewsletterRequest(Request):
    organisation_id: Id | None = Field(default=None, description=f"Whose newsletter. {_OWN}")
    subject: ShortText
    body: Body


class NewsletterPreviewRequest(NewsletterRequest):
    send_to_me: SendToMe = False


class NewsletterPreview(MailingPreview):
    pass


class NewsletterView(MailingView):
    organisation_id: Id | None = Field(description=_OWN)
    unsubscribed: int = Field(description="How many have unsubscribed from the newsletter since it was sent")


class NewsletterPage(Page[NewsletterView]):
    """A page of the issues of a newsletter, newest first."""


@dataclass(frozen=True)
class NewsletterList:
    """Whose newsletter it is, and if they may send it.

    Attributes:
        organisation_id: None for the platform.
        contact: where answers go, if they have said so.
        postal_address: which each issue must show.
    """

    organisation_id: UUID | None
    name: str
    contact: str | None
    postal_address: str | None
    locale: str | None
    is_approved: bool

    @property
    def list_id(self) -> UUID:
        """Return the id of the list: that of the organisation, or the one of the platform."""
        return self.organisation_id or PLATFORM_CHAIN

    @property
    def sender(self) -> Seller:
        """Return whom its emails come from."""
        return Seller(self.name, self.contact)


@dataclass(frozen=True)
class SubscriptionRow:
    """A subscription as the database stores it."""

    id: UUID
    organisation_id: UUID | None
    email: str | None
    consent_version: str
    locale: str | None
    confirmed_at: datetime
    unsubscribed_at: datetime | None

    @property
    def status(self) -> SubscriptionStatus:
        """Return how it stands."""
        return "subscribed" if self.unsubscribed_at is None else "unsubscribed"


@dataclass(frozen=True)
class ConfirmedSubscription:
    """A subscription that is confirmed, and if its row is new."""

    id: UUID
    confirmed_at: datetime
    is_new: bool


@dataclass(frozen=True)
class Subscriber:
    """Somebody who is to get an issue."""

    id: UUID
    email: str
    locale: str | None
    confirmed_at: datetime


@dataclass(frozen=True, kw_only=True)
class IssueRow(MailingRow):
    """An issue of a newsletter as the database stores it."""

    organisation_id: UUID | None
    list_id: UUID
    last_confirmed_at: datetime
    last_subscription_id: UUID
    unsubscribed: int
