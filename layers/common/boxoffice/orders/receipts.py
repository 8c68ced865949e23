"""The receipt in a confirmation: what each item costs, what was taken off or added, and the total."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from boxoffice.emails import money_of
from boxoffice.languages import gettext
from boxoffice.times import moment_of

if TYPE_CHECKING:
    from boxoffice.orders.emails import EmailItem, EmailOrder


@dataclass(frozen=True)
class Row:
    """A line of a receipt. It may have notes, or no amount."""

    label: str
    amount: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Receipt:
    """A receipt: the rows add up to the total, and the parts explain it."""

    rows: list[Row]
    total: str
    parts: list[Row]


def receipt_of(order: "EmailOrder", items: Sequence["EmailItem"]) -> Receipt:
    """Return the receipt of an order, from the charges that were stored with its items."""
    discount = sum(item.discount for item in items)
    fee = sum(item.buyer_fee or 0 for item in items)
    tax = sum(item.tax or 0 for item in items)
    gross = sum(item.unit_price * item.quantity for item in items)
    tax_on_top = order.total - (gross - discount + fee)
    added = [
        (gettext("Voucher %(code)s", code=order.voucher), -discount),
        (gettext("Booking fee"), fee),
        (gettext("Tax"), tax_on_top),
    ]
    rows = [Row(label, money_of(amount, order.currency)) for label, amount in added if amount]
    included = [Row(gettext("Of which tax"), money_of(tax - tax_on_top, order.currency))] if tax > tax_on_top else []
    paid = [_paid_on(order.paid_at, items[0])] if order.total and order.paid_at else []
    return Receipt([*_items(order, items), *rows], money_of(order.total, order.currency), included + paid)


def _paid_on(paid_at: datetime, item: "EmailItem") -> Row:
    return Row(gettext("Paid on %(moment)s", moment=moment_of(paid_at, item)))


def _items(order: "EmailOrder", items: Sequence["EmailItem"]) -> Iterator[Row]:
    has_several_events = len({item.event_id for item in items}) > 1
    for item in items:
        title = item.event_title if has_several_events else None
        price = money_of(item.unit_price, order.currency)
        each = gettext("%(price)s each", price=price) if item.quantity > 1 and item.unit_price else None
        amount = money_of(item.unit_price * item.quantity, order.currency)
        yield Row(
            f"{item.quantity} \N{MULTIPLICATION SIGN} {item.ticket_type_name}",
            amount,
            tuple(filter(None, (title, each))),
        )
