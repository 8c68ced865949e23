"""Decide how much is paid out, what an admin may decide, and what a payout posts."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from boxoffice import money
from boxoffice.ledger.models import Transfer
from boxoffice.payouts.errors import (
    BalanceTooLow,
    PayoutDecisionNotPossible,
    PayoutMethodWaits,
    PayoutsStopped,
    PayoutTooSmall,
)
from boxoffice.payouts.models import Decision, PayoutDecisionRequest, PayoutRow, PayoutStatus

WAIT = timedelta(hours=48)
"""How long a new method waits, so that an owner who has not added it can remove it."""

MOST_METHODS = 10
MOST_IN_FILE = 1000

_DECISIONS: dict[PayoutStatus, dict[Decision, PayoutStatus]] = {
    "requested": {"approve": "approved", "reject": "rejected"},
    "approved": {"mark_sent": "sent", "reject": "rejected"},
    "rejected": {},
    "sent": {"return": "returned"},
    "returned": {},
}
_STATUS_OF = {decision: status for possible in _DECISIONS.values() for decision, status in possible.items()}
_POSTS: dict[PayoutStatus, tuple[str, ...]] = {
    "requested": ("payout",),
    "approved": ("payout",),
    "rejected": (),
    "sent": ("payout", "payout_sent"),
    "returned": ("payout", "payout_sent", "payout_returned"),
}


def amount_of(asked: int | None, can_be_paid: int, currency: str, minimums: Mapping[str, int]) -> int:
    """Return the amount of a payout. To ask for None is to ask for all.

    Raises:
        BalanceTooLow: there is less than that.
        PayoutTooSmall: it is less than the platform pays out at a time.
    """
    facts: dict[str, Any] = {"currency": currency, "currency_exponent": money.exponent(currency)}
    amount = can_be_paid if asked is None else asked
    if amount > can_be_paid or amount == 0:
        raise BalanceTooLow(payable=can_be_paid, **facts)
    if amount < (minimum := minimums.get(currency, 1)):
        raise PayoutTooSmall(minimum=minimum, **facts)
    return amount


def ending_of(number: str) -> str:
    """Return what is shown of an account's number: its last four characters, and never more than half of it."""
    return number[-min(4, len(number) // 2) :]


def check_usable(usable_from: datetime, now: datetime) -> None:
    """Check that a payout may use a method.

    Raises:
        PayoutMethodWaits: it is too new.
    """
    if now < usable_from:
        raise PayoutMethodWaits(usable_from=usable_from)


def check_approved(organisation_status: str) -> None:
    """Check that an organisation gets money.

    Raises:
        PayoutsStopped: it is not approved.
    """
    if organisation_status != "approved":
        raise PayoutsStopped(organisation_status=organisation_status)


def is_decided(payout: PayoutRow, request: PayoutDecisionRequest) -> bool:
    """Return True if the same was decided before, in the same words, so that nothing is left to do."""
    if payout.status != _STATUS_OF[request.decision]:
        return False
    told = (request.reason or payout.reason, request.bank_reference or payout.bank_reference)
    return told == (payout.reason, payout.bank_reference) and request.value_date in (None, payout.value_date)


def status_after(status: PayoutStatus, decision: Decision) -> PayoutStatus:
    """Return the status that follows from a decision.

    Raises:
        PayoutDecisionNotPossible: the status allows other decisions only.
    """
    possible = _DECISIONS[status]
    if decision not in possible:
        raise PayoutDecisionNotPossible(payout_status=status, decisions=[*possible])
    return possible[decision]


def transfers_of(status: PayoutStatus, amount: int) -> list[Transfer]:
    """Return all that a payout should have posted since it exists, as it stands now."""
    return [Transfer(kind, amount) for kind in _POSTS[status]]
