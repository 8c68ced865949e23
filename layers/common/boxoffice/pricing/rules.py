"""Compute the charges of an order, and the share of a charge that some tickets bear.

Items and tickets share an amount in the same way. Three units share 100 at the boundaries 0, 33, 66 and 100: the share
of a unit is the difference of its two boundaries. Only boundaries are rounded, so the shares always add up to the
amount. Boundaries are rounded down, and those of a discount up, so what was paid up to a boundary is rounded down too.

All of it counts in price steps of the currency (`money.step`): three units share KWD 0.100 at 0, 30, 60 and 100.
"""

from collections.abc import Sequence
from itertools import accumulate, pairwise

from boxoffice.pricing.models import Charge, FeeTerms, PricedItem
from boxoffice.vouchers.rows import Voucher
from boxoffice.vouchers.rules import covers, discount_on

WHOLE = 10_000
"""Basis points of the whole."""


def charges_of(
    items: Sequence[PricedItem], voucher: Voucher | None, step: int, terms: FeeTerms | None = None
) -> list[Charge]:
    """Return the charge of each item, in the order of the items.

    The discount is computed once, on the price of all units that the voucher covers. Items share it by their part of
    that price.

    Args:
        step: the price step of the order's currency. Each price is a multiple of it.
        terms: the terms that hold for the order, if there are any. They change nothing of what the buyer pays.
    """
    nothing = None if terms is None else 0  # these have no rates yet
    return [
        Charge(
            terms_id=terms.id if terms else None,
            gross=item.gross,
            discount=discount,
            buyer_fee=nothing,
            tax=nothing,
            platform_fee=platform_fee(item.gross - discount, item.quantity, terms, step) if terms else None,
            total=item.gross - discount,
        )
        for item, discount in zip(items, _discounts(items, voucher, step), strict=True)
    ]


def platform_fee(paid: int, quantity: int, terms: FeeTerms, step: int) -> int:
    """Return what the platform keeps of an item: never more than what is paid for it, and nothing of a free one.

    A group ticket counts as many as it admits. The part of what is paid is rounded once, to the nearest price step, and
    of two equally near ones to the even one. The bounds are those of a ticket, times the quantity.
    """
    part = _half_even(paid * terms.basis_points, WHOLE * step) * step
    fee = max(part + terms.fixed * quantity, terms.minimum * quantity)
    if terms.maximum is not None:
        fee = min(fee, terms.maximum * quantity)
    return min(fee, paid)


def _half_even(numerator: int, denominator: int) -> int:
    """Return the nearest integer to a fraction that is not negative. Of two equally near ones, return the even one."""
    below, rest = divmod(numerator, denominator)
    is_above = 2 * rest > denominator or (2 * rest == denominator and below % 2 == 1)
    return below + is_above


def _discounts(items: Sequence[PricedItem], voucher: Voucher | None, step: int) -> list[int]:
    if voucher is None:
        return [0] * len(items)
    quantities = _covered_quantities(items, voucher)
    covered = [item.unit_price * quantity for item, quantity in zip(items, quantities, strict=True)]
    whole = sum(covered)
    discount = discount_on(voucher, whole, step)
    boundaries = accumulate(covered, initial=0)
    return [_discount_between(discount, begin, end, whole, step) for begin, end in pairwise(boundaries)]


def _covered_quantities(items: Sequence[PricedItem], voucher: Voucher) -> list[int]:
    """Return how many units of each item the voucher covers: the dearest first, and of one price the first item's."""
    quantities = [0] * len(items)
    left = voucher.max_tickets_per_redemption
    if left is None:
        left = sum(item.quantity for item in items)
    for number, item in sorted(enumerate(items), key=lambda each: -each[1].unit_price):
        if covers(voucher, item.event_id, item.ticket_type_id):
            quantities[number] = min(left, item.quantity)
            left -= quantities[number]
    return quantities


def share_of(charge: Charge, quantity: int, begin: int, end: int, step: int) -> Charge:
    """Return the share of an item's charge that consecutive units of the item bear.

    The shares of all units add up to the charge, part by part, however the units are grouped.

    Args:
        quantity: how many units the item has.
        begin: how many units come before these.
        end: how many units there are up to the last of these.
        step: the price step of the order's currency. Each share is a multiple of it.
    """

    def share(part: int | None) -> int | None:
        return None if part is None else _between(part, begin, end, quantity, step)

    gross = _between(charge.gross, begin, end, quantity, step)
    discount = _discount_between(charge.discount, begin, end, quantity, step)
    buyer_fee, tax = share(charge.buyer_fee), share(charge.tax)
    added = buyer_fee or 0
    if charge.tax_on_top:
        added += tax or 0
    return Charge(
        terms_id=charge.terms_id,
        gross=gross,
        discount=discount,
        buyer_fee=buyer_fee,
        tax=tax,
        platform_fee=share(charge.platform_fee),
        total=gross - discount + added,
    )


def _between(amount: int, begin: int, end: int, whole: int, step: int) -> int:
    """Return the part of an amount between two boundaries, from 0 to the whole. Each is rounded down to a step."""
    if whole == 0:
        return 0
    below, above = (amount if at == whole else amount * at // (whole * step) * step for at in (begin, end))
    return above - below


def _discount_between(discount: int, begin: int, end: int, whole: int, step: int) -> int:
    """Return the part of a discount between two boundaries. Each boundary is rounded up to a step."""
    return -_between(-discount, begin, end, whole, step)
