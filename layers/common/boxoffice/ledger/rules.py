"""Pure decisions about balances: what is released of an event's earnings, and what an organisation may be paid out."""

from collections.abc import Iterable
from datetime import timedelta

from boxoffice.ledger.models import EventFunds

LONGEST_POSTING = timedelta(hours=1)
"""How long after the time of a transfer its transaction may commit at the latest. That time is the beginning of the
transaction, and no function lives for so long."""


def to_release(funds: EventFunds, reserve_percent: int) -> tuple[int, int]:
    """Return how much to release of what is pending and of the tax. A negative amount takes back what was released."""
    percent = reserve_percent if funds.keeps_reserve else 0
    return (
        _release(funds.pending, funds.released, percent, is_due=funds.is_due),
        _release(funds.tax, funds.tax_released, percent, is_due=funds.is_due),
    )


def _release(held: int, released: int, reserve_percent: int, *, is_due: bool) -> int:
    """Return how much to release of what an event has in an account.

    A refund takes from the reserve first. Only what is missing then is taken back. An event that is not due, since it
    moved or was cancelled later, gives back no more than what was released of it.
    """
    if held < 0:
        return held if is_due else max(held, -max(released, 0))
    reserve = -(-(held + released) * reserve_percent // 100)  # rounded up
    return max(0, held - max(reserve, 0)) if is_due else 0


def reserve_of(funds: EventFunds, reserve_percent: int) -> int:
    """Return what is kept for refunds of an event whose earnings are otherwise released."""
    if not funds.is_due:
        return 0
    return max(0, funds.pending + funds.tax - sum(to_release(funds, reserve_percent)))


def payable(available: int, funds: Iterable[EventFunds]) -> int:
    """Return what an organisation may be paid out of one currency: what is available, less what events owe.

    An event owes if its fees and refunds are more than what the platform has received for it.
    """
    owed = sum(min(0, each.pending + each.tax) for each in funds)
    return max(0, available + owed)
