"""Decide what an incoming payment posts to the ledger: all of it, at any time.

What goes back is taken from the money that pays nothing first, and then from the items that the money pays. So it is
always known of which event it was. Shares are rounded down at their boundaries, as those of charges are
(`pricing.rules`). So parts always add up, and no item gives back more than it cost.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from math import gcd

from boxoffice import money
from boxoffice.ledger.kinds import KINDS, Holder
from boxoffice.ledger.models import Transfer
from boxoffice.payments.models import METHODS_BY_HAND, PLATFORM_MERCHANT, BookedItem, BookedRefund, MoneyToBook
from boxoffice.pricing.rules import share_of


@dataclass(frozen=True)
class Way:
    """A way in which money goes back, or may: its kinds of transfers.

    Attributes:
        of_item: the kind if the money has paid an item.
        of_rest: the kind if the money has paid nothing.
    """

    of_item: str
    of_rest: str


OWED = Way("refund", "return")
ELSEWHERE = Way("refund_elsewhere", "return_elsewhere")
DISPUTED = Way("dispute", "dispute_of_return")


@dataclass(frozen=True)
class Part:
    """An amount that goes back one way.

    Attributes:
        source: the index of the item that it had paid. None if it had paid nothing.
    """

    source: int | None
    way: Way
    amount: int


def transfers_of(paid: MoneyToBook) -> list[Transfer]:
    """Return all transfers that an incoming payment should have posted by now."""
    given_back, disputed = parts_given_back(paid)
    return [
        _transfer(paid, "receipt", paid.amount),
        *_sales(paid),
        *(_transfer_back(paid, part) for part in (*given_back, *disputed)),
        _transfer(paid, "refund_sent", sum(_sends(refund) for refund in paid.refunds if refund.is_taken)),
        _transfer(paid, "dispute_lost", sum(each.gone for each in paid.reversals if each.status == "lost")),
        *_returned_charges(paid, given_back),
    ]


def holder_of(paid: MoneyToBook) -> Holder:
    """Return who has the money: the organisation if it took it by its own account at a provider, or by hand."""
    is_own = paid.merchant_id != PLATFORM_MERCHANT or paid.provider in METHODS_BY_HAND
    return "organisation" if is_own else "platform"


def _transfer(paid: MoneyToBook, kind: str, amount: int, item: BookedItem | None = None) -> Transfer:
    """Return a transfer of some money. The platform's fee is always the platform's, whoever has the money."""
    accounts = (KINDS[kind].from_account, KINDS[kind].to_account)
    return Transfer(
        kind,
        amount,
        holder="platform" if "platform_income" in accounts else holder_of(paid),
        order_id=paid.order_id,
        event_id=item.event_id if item else None,
        ticket_type_id=item.ticket_type_id if item else None,
        provider=paid.provider if "at_provider" in accounts else None,
    )


def _sales(paid: MoneyToBook) -> Iterator[Transfer]:
    """Yield what the seller earns, item by item, what the platform keeps of it, and the tax in it."""
    for item in paid.items:
        yield _transfer(paid, "sale", item.total, item)
        yield _transfer(paid, "platform_fee", item.platform_fee or 0, item)
        yield _transfer(paid, "tax", item.tax or 0, item)


def _transfer_back(paid: MoneyToBook, part: Part) -> Transfer:
    if part.source is None:
        return _transfer(paid, part.way.of_rest, part.amount)
    return _transfer(paid, part.way.of_item, part.amount, paid.items[part.source])


def _returned_charges(paid: MoneyToBook, given_back: Sequence[Part]) -> Iterator[Transfer]:
    """Yield the fee and the tax that return to the seller, in proportion to what an item gives back."""
    for index, item in enumerate(paid.items):
        back = sum(part.amount for part in given_back if part.source == index)
        fee = (item.platform_fee or 0) if item.returns_fee else 0
        yield _transfer(paid, "platform_fee_returned", _in_proportion(fee, back, item.total), item)
        yield _transfer(paid, "tax_returned", _in_proportion(item.tax or 0, back, item.total), item)


def fee_returned_by(paid: MoneyToBook, amount: int, tickets: Sequence[Sequence[int]]) -> int:
    """Return how much of the platform's fee goes back with another refund.

    Args:
        amount: what the refund gives back. If less of the money is left to send, the rest went back elsewhere.
        tickets: those that it is for, as in `BookedRefund`.
    """
    left = paid.amount - sum(map(_sends, paid.refunds)) - sum(reversal.booked for reversal in paid.reversals)
    refund = BookedRefund(amount, max(0, amount - left), is_taken=False, tickets=tickets)
    return _returned_fee(replace(paid, refunds=[*paid.refunds, refund])) - _returned_fee(paid)


def _returned_fee(paid: MoneyToBook) -> int:
    given_back, _ = parts_given_back(paid)
    returned = _returned_charges(paid, given_back)
    return sum(transfer.amount for transfer in returned if transfer.kind == "platform_fee_returned")


def _in_proportion(amount: int, back: int, total: int) -> int:
    return amount * back // total if total else 0


# -------------------------------------------------------------------------------------------- what goes back of what


def parts_given_back(paid: MoneyToBook) -> tuple[list[Part], list[Part]]:
    """Return what has gone back or is to go back, and what is disputed and not decided yet.

    Refunds come first, in their order, and then what went back elsewhere and is in no refund. Disputes that are open
    get what is left.
    """
    sources = _Sources(paid)
    gone = _gone_elsewhere(paid)
    given_back: list[Part] = []
    for refund in paid.refunds:
        ways = [(OWED, _sends(refund)), *_take(gone, refund.elsewhere)]
        given_back += _matched(sources.take(refund.amount, _paid_for(refund, paid)), ways)
    given_back += _matched(sources.take(sum(amount for _, amount in gone)), gone)
    disputed = min(sum(reversal.amount for reversal in paid.reversals if reversal.is_open), sources.left)
    return given_back, list(_matched(sources.take(disputed), [(DISPUTED, disputed)]))


def _sends(refund: BookedRefund) -> int:
    return refund.amount - refund.elsewhere


def _gone_elsewhere(paid: MoneyToBook) -> list[tuple[Way, int]]:
    """Return the ways in which the money went back without us.

    What a refund counts as its own may turn out not to have gone back in the end. It is owed to the buyer again, and a
    person has been told. This comes first, since only refunds keep it booked.
    """
    again = sum(each.booked - each.gone for each in paid.reversals)
    gone = [(DISPUTED if each.status == "lost" else ELSEWHERE, each.gone) for each in paid.reversals]
    return [(OWED, again), *gone]


def _take(ways: list[tuple[Way, int]], amount: int) -> list[tuple[Way, int]]:
    """Take an amount from the front of a list, and return in which ways it went."""
    taken = []
    while amount:
        way, there = ways.pop(0)
        taken.append((way, min(there, amount)))
        if there > amount:
            ways.insert(0, (way, there - amount))
        amount -= min(there, amount)
    return taken


def _matched(sources: Iterable[tuple[int | None, int]], ways: Iterable[tuple[Way, int]]) -> Iterator[Part]:
    """Yield which amount of which source goes which way: both lists in their order, and both of the same sum."""
    to_go = list(ways)
    for source, amount in sources:
        for way, part in _take(to_go, amount):
            yield Part(source, way, part)


def _paid_for(refund: BookedRefund, paid: MoneyToBook) -> list[int]:
    """Return what was paid for the tickets that a refund is for, by item."""
    step, items = money.step(paid.currency), {item.item_no: item for item in paid.items}
    amounts = dict.fromkeys(items, 0)
    for item_no, begin, end in refund.tickets:
        amounts[item_no] += share_of(items[item_no], items[item_no].quantity, begin, end, step).total
    return list(amounts.values())


class _Sources:
    """What is left of some money: of what has paid nothing, and of each item."""

    def __init__(self, paid: MoneyToBook) -> None:
        self._items = [item.total for item in paid.items]
        self._rest = paid.amount - sum(self._items)
        self._step = money.step(paid.currency)
        assert self._rest >= 0, "what pays an order is at least its total"

    @property
    def left(self) -> int:
        """Return how much is left of the money."""
        return self._rest + sum(self._items)

    def take(self, amount: int, wanted: Sequence[int] | None = None) -> list[tuple[int | None, int]]:
        """Take an amount that goes back, and return from which sources: first from what has paid nothing.

        Args:
            wanted: how much each item gives at the most, before all of them share what is missing.
        """
        assert 0 <= amount <= self.left, "never more goes back than came"
        from_rest = min(amount, self._rest)
        self._rest -= from_rest
        first = self._share(amount - from_rest, wanted or [0] * len(self._items))
        second = self._share(amount - from_rest - sum(first), self._items)
        items = [one + other for one, other in zip(first, second, strict=True)]
        return [(None, from_rest), *enumerate(items)]

    def _share(self, amount: int, wanted: Sequence[int]) -> list[int]:
        """Take an amount from the items by what is wanted of each, or all that is wanted if the amount is more."""
        most = [min(want, left) for want, left in zip(wanted, self._items, strict=True)]
        taken = shares(min(amount, sum(most)), most, self._step)
        self._items = [left - part for left, part in zip(self._items, taken, strict=True)]
        return taken


def shares(amount: int, weights: Sequence[int], step: int) -> list[int]:
    """Return the shares of an amount by weights. They add up to it, and none is more than its weight.

    Args:
        amount: not more than all weights together.
        step: the price step of the currency. The shares are multiples of it if the amount and the weights are.
    """
    whole = sum(weights)
    unit = gcd(step, amount, *weights)
    boundaries = [amount * upper // (whole * unit) * unit if whole else 0 for upper in accumulate(weights, initial=0)]
    return [above - below for below, above in pairwise(boundaries)]
