"""Figures: what the kinds of transfers of an organisation come to, in a bookkeeper's words.

Two rules hold, and tests keep them. What the platform holds for an organisation changes by the net less the payouts.
And each kind of transfer that changes it counts in one figure.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

from boxoffice.ledger.kinds import KINDS

type Figure = Literal[
    "gross", "refunds", "disputes", "platform_fees", "provider_fees", "corrections", "taxes", "payouts"
]

HELD = ("available", "in_payout", "pending", "tax")
"""The accounts of what the platform holds for an organisation."""

FIGURES: dict[str, tuple[Figure, int]] = {
    "sale": ("gross", 1),
    "refund": ("refunds", 1),
    "refund_elsewhere": ("refunds", 1),
    "dispute": ("disputes", 1),
    "platform_fee": ("platform_fees", 1),
    "platform_fee_returned": ("platform_fees", -1),
    "provider_fee": ("provider_fees", 1),
    "correction": ("corrections", 1),
    "tax": ("taxes", 1),
    "tax_returned": ("taxes", -1),
    "payout_sent": ("payouts", 1),
    "payout_returned": ("payouts", -1),
}
"""Which figure a kind of transfer counts in, and if it makes it greater or less."""

IN_NET: dict[Figure, int] = {
    "gross": 1,
    "refunds": -1,
    "disputes": -1,
    "platform_fees": -1,
    "provider_fees": -1,
    "corrections": 1,
}
"""What the net adds and takes away. Taxes are part of it. Payouts are not: they pay it."""

NAMES: tuple[Figure, ...] = (*IN_NET, "taxes", "payouts")


def figures_of(moved: Iterable[tuple[str, int]]) -> dict[Figure, int]:
    """Return the figures of what kinds of transfers moved."""
    figures = dict.fromkeys(NAMES, 0)
    for kind, amount in moved:
        if kind in FIGURES:
            figure, sign = FIGURES[kind]
            figures[figure] += sign * amount
    return figures


def net_of(figures: Mapping[Figure, int]) -> int:
    """Return what an organisation has earned: the gross with corrections, less all that goes off."""
    return sum(sign * figures[figure] for figure, sign in IN_NET.items())


def held_of(moved: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Return what each account of `HELD` gained by what kinds of transfers moved."""
    gained = dict.fromkeys(HELD, 0)
    for kind, amount in moved:
        for account, sign in ((KINDS[kind].from_account, -1), (KINDS[kind].to_account, 1)):
            if account in gained:
                gained[account] += sign * amount
    return gained
