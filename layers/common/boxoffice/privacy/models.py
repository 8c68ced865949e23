"""Personal data: as requested, as stored and as shown."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StrictBool

from boxoffice.accounts.models import OneTimeText, Password, Role
from boxoffice.models import Email, Id, MoneyView, Request, View
from boxoffice.questions.answers import AnswerView

Force = Annotated[
    StrictBool,
    Field(description="Erase it in spite of valid tickets for events to come, and of open claims of a slot"),
]


class ErasureRequest(Request):
    password: Password | None = Field(description="Of the account; null if it has none")
    force: Force = False


class DataRequest(Request):
    email: Email


class TokenRequest(Request):
    token: OneTimeText


class GuestErasureRequest(TokenRequest):
    force: Force = False


class ErasureView(View):
    id: Id = Field(description="The number of the request, to ask about it")
    asked_at: datetime


class AccountData(View):
    id: Id
    email: str | None
    email_verified_at: datetime | None
    name: str
    phone: str | None
    phone_verified_at: datetime | None
    locale: str | None
    has_password: bool
    second_factor_since: datetime | None
    google_subject: str | None = Field(description="Who the account is at Google")
    is_admin: bool
    blocked_at: datetime | None
    block_reason: str | None
    created_at: datetime


class SessionData(View):
    id: Id
    device_name: str | None
    user_agent: str = Field(description="What the client said of itself")
    address: str = Field(description="The IP address that the session was last used from")
    created_at: datetime
    last_used_at: datetime
    revoked_at: datetime | None


class MembershipData(View):
    organisation_id: Id
    organisation: str
    role: Role
    created_at: datetime


class ItemData(View):
    event: str
    starts_at: datetime
    ticket_type: str
    quantity: int
    total: int


class PaymentData(View):
    provider: str
    provider_reference: str | None = Field(description="How the provider names the payment")
    status: str
    amount: int
    created_at: datetime


class RefundData(View):
    amount: int
    reason: str | None
    created_at: datetime


class OrderData(MoneyView):
    id: Id
    number: str
    seller: str
    status: str
    buyer_name: str
    buyer_email: str
    buyer_phone: str | None
    answers: Any = Field(description="What the order has answered, and the holders that it names until it is paid")
    currency: str
    total: int
    voucher: str | None
    items: list[ItemData]
    payments: list[PaymentData]
    refunds: list[RefundData]
    created_at: datetime


class ScanOfTicketData(View):
    at: datetime
    outcome: str
    gate: str | None


class TicketData(View):
    id: Id
    order_id: Id
    event: str
    starts_at: datetime
    ticket_type: str
    holder_name: str
    holder_email: str | None
    holder_contact: str | None = Field(description="The holder's address, as the buyer named it")
    answers: list[AnswerView]
    seat: str | None
    status: str
    scans: list[ScanOfTicketData]
    created_at: datetime


class TransferData(View):
    id: Id
    ticket_id: Id
    status: str
    from_name: str
    from_email: str | None = Field(description="Null if somebody else has sent the ticket")
    to_name: str | None
    to_email: str
    created_at: datetime
    expires_at: datetime
    accepted_at: datetime | None


class WaitlistData(View):
    id: Id
    event: str
    ticket_type: str
    name: str
    email: str
    quantity: int
    status: str
    in_line_since: datetime
    created_at: datetime


class SubscriptionData(View):
    id: Id
    organisation: str | None = Field(description="Whose newsletter it is. Null for the platform's own")
    email: str
    consent_version: str = Field(description="Which words the person has agreed to")
    locale: str | None
    confirmed_at: datetime


class ClaimData(View):
    id: Id
    seller: str
    place: str
    slot: int
    name: str | None
    email: str | None
    phone: str | None
    note: str | None
    claimed_at: datetime
    released_at: datetime | None


class ScanData(View):
    id: Id
    event: str
    ticket_id: Id
    outcome: str
    gate: str | None
    device_id: str | None
    at: datetime


class InvitationData(View):
    id: Id
    organisation: str
    email: str
    role: Role
    created_at: datetime
    expires_at: datetime


class MessageData(View):
    id: Id
    kind: str
    template: str = Field(description="What it was about")
    recipient: str
    status: str
    feedback: str | None = Field(description="What became of an email: it came back, or its reader complained")
    created_at: datetime
    sent_at: datetime | None


class SuppressionData(View):
    address: str
    reason: str = Field(description="`bounced` or `complained`. Emails are written to the address no more")
    detail: str = Field(description="What the mail server, or the provider of the mailbox, has said")
    suppressed_at: datetime
    lifted_at: datetime | None


class AuditData(View):
    at: datetime
    actor_id: Id | None
    action: str
    subject: str
    details: dict[str, Any] = Field(description="Values of other people stay hashes")


class PersonalData(View):
    """A page of what is held about a person. Most people have one page."""

    account: list[AccountData] = Field(default_factory=list, description="One, or none for a guest")
    sessions: list[SessionData] = Field(default_factory=list)
    memberships: list[MembershipData] = Field(default_factory=list)
    invitations: list[InvitationData] = Field(default_factory=list)
    orders: list[OrderData] = Field(default_factory=list)
    tickets: list[TicketData] = Field(default_factory=list, description="That the person holds")
    transfers: list[TransferData] = Field(default_factory=list)
    waitlist_entries: list[WaitlistData] = Field(default_factory=list)
    newsletter_subscriptions: list[SubscriptionData] = Field(default_factory=list)
    claims: list[ClaimData] = Field(default_factory=list, description="Of slots, such as hooks of a cloakroom")
    scans: list[ScanData] = Field(default_factory=list, description="That the person made at the door")
    messages: list[MessageData] = Field(default_factory=list)
    suppressed_addresses: list[SuppressionData] = Field(default_factory=list)
    audit_entries: list[AuditData] = Field(default_factory=list, description="What the person did, or others to them")
    next_cursor: str | None = Field(description="Send it as `cursor` to get the next page; null on the last page")


@dataclass(frozen=True)
class Person:
    """Whom data is about. Guests have no account.

    Attributes:
        email: the address of the account, or of the guest.
        is_proven: True if the address is known to be theirs. Only then is what guests with this address did, too.
        phone: a number that is known to be theirs.
    """

    account_id: UUID | None
    email: str | None
    is_proven: bool
    phone: str | None

    @property
    def params(self) -> dict[str, Any]:
        """Return the parameters of the statements that look for a person."""
        return {**vars(self), "proven_email": self.email if self.is_proven else None}


@dataclass(frozen=True)
class ErasureRow(Person):
    """A request to erase what is held about a person."""

    id: UUID
    asked_at: datetime
