"""Why a request about an organisation is refused."""

from collections.abc import Sequence
from typing import TypedDict
from uuid import UUID

from boxoffice.errors import DomainError, Unauthenticated


class AccountGone(Unauthenticated):
    """The account of a valid access token has been deleted."""

    constraint = "members_account_id_fkey"


class SellerSuspended(DomainError):
    code = "seller_suspended"
    meaning = "The seller is suspended, and sells nothing now."
    remedy = "Ask the seller when the sale goes on. Tickets that were sold before stay valid."
    organisation_id: UUID


class DecisionNotPossible(DomainError):
    code = "decision_not_possible"
    meaning = "The organisation is {organisation_status}, which allows no such decision, but: {decisions}."
    remedy = "Make one of these."
    organisation_status: str
    decisions: list[str]


class ApplicationNotPossible(DomainError):
    code = "application_not_possible"
    meaning = "The organisation is {organisation_status}. Only one that was rejected can apply again."
    remedy = "If it is suspended, ask an admin. Otherwise there is nothing to do."
    organisation_status: str


class SlugTaken(DomainError):
    code = "slug_taken"
    meaning = "Another organisation has this slug."
    remedy = "Choose another one."
    constraint = "organisations_slug_key"


class LastOwner(DomainError):
    code = "last_owner"
    meaning = "An organisation keeps at least one owner, and this is the last one."
    remedy = "Make another member an owner first, or hand the organisation over."


class AlreadyMember(DomainError):
    code = "already_member"
    meaning = "A member of the organisation has this email address already, in the role {role}."
    remedy = "Change the role of the member `account_id` instead."
    account_id: UUID
    role: str


class MayNotInvite(DomainError):
    code = "may_not_invite"
    meaning = "The organisation is {organisation_status}, and sends no invitations."
    remedy = "Apply again, or ask an admin. Then invite."
    organisation_status: str


class InvitationOver(DomainError):
    status = 404
    code = "invitation_over"
    meaning = "The invitation was accepted, withdrawn or replaced, or its seven days are over."
    remedy = "See if you are a member already. If not, ask an owner to invite you again."


class InvitationForAnother(DomainError):
    code = "invitation_for_another"
    meaning = "The invitation is for another email address than that of your account."
    remedy = "Log in with the account of the address that it came to, or ask an owner to invite yours."


# Why an invitation cannot be accepted.
NOT_ACCEPTED = (InvitationOver, InvitationForAnother)


class OwnedOrganisation(TypedDict):
    """An organisation that has no other owner."""

    id: UUID
    name: str


class LastOwnerOf(LastOwner):
    """The account cannot leave: these organisations have no other owner."""

    organisations: Sequence[OwnedOrganisation]
