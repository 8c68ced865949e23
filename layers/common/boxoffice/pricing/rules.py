"""How an order is charged, and how a charge is shared among the tickets that it pays for.

An amount is shared in one way, over items and over tickets. It is laid along a scale, and each boundary is rounded, so
that the shares always add up to the amount. What the buyer pays is rounded down at a boundary, a discount up.
"""

from collections.abc import Sequence
from itertools import accumulate, pairwise

from boxoffice.pricing.models import Charge, PricedItem
from boxoffice.vouchers.models import Voucher
from boxoffice.vouchers.rules import discount_on, covers


def charges_of(items: Sequence[PricedItem], voucher: Voucher | None) -> list[Charge]:
    """Return the charge of each item, in the order of the items.

    The discount is worked out once, on all items that the voucher is for, and spread over these by their gross.
    """
    return [
        Charge(
            terms_id=None,
            gross=item.gross,
            discount=discount,
            buyer_fee=None,
            tax=None,
            platform_fee=None,
            total=item.gross - discount,
        )
        for item, discount in zip(items, _discounts(items, voucher), strict=True)
    ]


def _discounts(items: Sequence[PricedItem], voucher: Voucher | None) -> list[int]:
    if voucher is None:
        return [0] * len(items)
    covered = [item.gross if covers(voucher, item.event_id, item.ticket_type_id) else 0 for item in items]
    whole = sum(covered)
    discount = discount_on(voucher, whole)
    boundaries = accumulate(covered, initial=0)
    return [_discount_between(discount, begin, end, whole) for begin, end in pairwise(boundaries)]


def share_of(charge: Charge, quantity: int, begin: int, end: int) -> Charge:
    """Return the share of some units in the charge of their item.

    The shares of all units add up to the charge, part by part, however they are grouped.

    Args:
        quantity: how many units the item has.
        begin: how many units of the item come before these.
        end: how many units of the item end with these.
    """

    def share(part: int | None) -> int | None:
        return None if part is None else _between(part, begin, end, quantity)

    gross = _between(charge.gross, begin, end, quantity)
    discount = _discount_between(charge.discount, begin, end, quantity)
    buyer_fee, tax = share(charge.buyer_fee), share(charge.tax)
    added = (buyer_fee or 0) + ((tax or 0) if charge.tax_on_top else 0)
    return Charge(
        terms_id=charge.terms_id,
        gross=gross,
        discount=discount,
        buyer_fee=buyer_fee,
        tax=tax,
        platform_fee=share(charge.platform_fee),
        total=gross - discount + added,
    )


def _between(amount: int, begin: int, end: int, whole: int) -> int:
    """Return the part of an amount between two boundaries of a scale, each boundary rounded down."""
    return amount * end // whole - amount * begin // whole if whole else 0


def _discount_between(discount: int, begin: int, end: int, whole: int) -> int:
    """Return the part of a discount between two boundaries, each rounded up, so that what is paid is rounded down."""
    return -_between(-discount, begin, end, whole)
