"""Decisions about organisations, their slugs and their members."""

from datetime import timedelta

from boxoffice import slugs
from boxoffice.accounts.models import Role
from boxoffice.organisations.errors import ApplicationNotPossible, DecisionNotPossible, MayNotInvite
from boxoffice.organisations.models import RESERVED_SLUGS, Decision, OrganisationStatus

INVITATION_LIFETIME = timedelta(days=7)
SLUG_ATTEMPTS = 5

# What an admin can decide, by the status before, and the status that follows.
_DECISIONS: dict[OrganisationStatus, dict[Decision, OrganisationStatus]] = {
    "pending": {"approve": "approved", "reject": "rejected"},
    "approved": {"suspend": "suspended"},
    "rejected": {"approve": "approved"},
    "suspended": {"approve": "approved"},
}
_STATUS_OF: dict[Decision, OrganisationStatus] = {
    "approve": "approved",
    "reject": "rejected",
    "suspend": "suspended",
}
_RANKS: dict[Role, int] = {"scanner": 0, "manager": 1, "owner": 2}


def initial_status(*, auto_approve: bool) -> OrganisationStatus:
    """Return the status of a new organisation: pending until an admin decides, unless the deployment approves all."""
    return "approved" if auto_approve else "pending"


def is_decided(status: OrganisationStatus, reason: str | None, decision: Decision, new_reason: str | None) -> bool:
    """Return True if the same was decided before, for the same reason, so that nothing is left to do."""
    return (status, reason) == (_STATUS_OF[decision], new_reason)


def status_after(status: OrganisationStatus, decision: Decision) -> OrganisationStatus:
    """Return the status that follows from a decision.

    Raises:
        DecisionNotPossible: the status allows other decisions only.
    """
    possible = _DECISIONS[status]
    if decision not in possible:
        raise DecisionNotPossible(organisation_status=status, decisions=[*possible])
    return possible[decision]


def check_may_apply_again(status: OrganisationStatus) -> None:
    """Check that an organisation can apply again.

    Raises:
        ApplicationNotPossible: it was not rejected.
    """
    if status != "rejected":
        raise ApplicationNotPossible(organisation_status=status)


def check_may_invite(status: OrganisationStatus) -> None:
    """Check that an organisation may send invitations.

    Raises:
        MayNotInvite: an admin has decided against it. It could be a sender of spam.
    """
    if status in ("rejected", "suspended"):
        raise MayNotInvite(organisation_status=status)


def slug_of(name: str, attempt: int) -> str:
    """Return a slug for the name of an organisation. After the first attempt, it ends with random characters."""
    return slugs.slug_of(name, attempt, fallback="seller", reserved=RESERVED_SLUGS)


def higher_role(role: Role, other: Role) -> Role:
    """Return the higher of two roles."""
    return max(role, other, key=_RANKS.__getitem__)
