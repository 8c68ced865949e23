"""Decisions about organisations, their slugs and their members."""

import re
import secrets
from datetime import timedelta

from boxoffice.accounts.models import Role
from boxoffice.organisations.errors import ApplicationNotPossible, DecisionNotPossible, MayNotInvite
from boxoffice.organisations.models import MOST_SLUG, RESERVED_SLUGS, Decision, OrganisationStatus

INVITATION_LIFETIME = timedelta(days=7)
SLUG_ATTEMPTS = 5

_LEAST_SLUG = 3  # characters
_SUFFIX_ALPHABET = "23456789bcdfghjkmnpqrtvwxz"  # as in order numbers: no words, nothing that people misread
_SUFFIX = 6  # characters

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
    """Return a slug for a name in any script: "Größe & Café" becomes `grosse-cafe`.

    Args:
        attempt: from 0. The first has only the name. The others end with random characters, since the name is taken.
    """
    from anyascii import anyascii

    plain = re.sub(r"['`]", "", anyascii(name)).lower()
    base = _cut("-".join(re.findall(r"[a-z0-9]+", plain)), MOST_SLUG - _SUFFIX - 1)
    if attempt == 0 and len(base) >= _LEAST_SLUG and base not in RESERVED_SLUGS:
        return base
    suffix = "".join(secrets.choice(_SUFFIX_ALPHABET) for _ in range(_SUFFIX))
    return f"{base or 'seller'}-{suffix}"


def _cut(slug: str, length: int) -> str:
    """Return a slug that is not too long. It ends with a whole word, unless the first word is too long."""
    if len(slug) <= length:
        return slug
    words, _, _ = slug[: length + 1].rpartition("-")
    return words or slug[:length]


def higher_role(role: Role, other: Role) -> Role:
    """Return the higher of two roles."""
    return max(role, other, key=_RANKS.__getitem__)
