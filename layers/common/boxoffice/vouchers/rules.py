"""What a voucher is worth, and to what."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from boxoffice.ticket_types.errors import EventCancelled
from boxoffice.vouchers.errors import VoucherExpired
from boxoffice.vouchers.models import Voucher


def columns_of(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the columns that a request's fields are stored in: a discount is its kind and its value."""
    if "discount" not in fields:
        return fields
    discount = fields.pop("discount") or {"kind": None}
    value = discount.get("percent", discount.get("amount"))
    return fields | {"discount_kind": discount["kind"], "discount_value": value}


def check_editable(event_status: str) -> None:
    """Check that an event's vouchers can still be edited.

    Raises:
        EventCancelled: the event was called off.
    """
    if event_status == "cancelled":
        raise EventCancelled


def choose_voucher(vouchers: Sequence[Voucher], event_ids: Sequence[UUID], now: datetime) -> Voucher | None:
    """Return the voucher that counts, of those with one code: that of the first event that has one.

    A voucher that is not valid yet does not count.

    Raises:
        VoucherExpired: it was valid once.
    """
    begun = [voucher for voucher in vouchers if not voucher.valid_from or voucher.valid_from <= now]
    if not begun:
        return None
    voucher = min(begun, key=lambda voucher: event_ids.index(voucher.event_id))
    if voucher.valid_until and now >= voucher.valid_until:
        raise VoucherExpired(valid_until=voucher.valid_until)
    return voucher


def covers(voucher: Voucher, event_id: UUID, ticket_type_id: UUID) -> bool:
    """Return True if a voucher is for this ticket type."""
    types = voucher.ticket_type_ids
    return voucher.event_id == event_id and (types is None or ticket_type_id in types)


def discount_on(voucher: Voucher, price: int) -> int:
    """Return what a voucher takes off the price of all that it is for, in the minor unit: never more than the price.

    A percentage is rounded to the nearest minor unit, halves up, once for the order.
    """
    value = voucher.discount_value or 0
    match voucher.discount_kind:
        case "percent":
            return (price * value + 50) // 100
        case "fixed":
            return min(value, price)
        case "free":
            return price
        case _:
            return 0
