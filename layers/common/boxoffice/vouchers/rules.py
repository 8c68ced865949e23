"""Decide which voucher counts, what it covers, and what it takes off."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from boxoffice import money
from boxoffice.ticket_types.errors import EventCancelled
from boxoffice.vouchers.errors import VoucherExpired
from boxoffice.vouchers.rows import FREE_TICKETS, Voucher


def columns_of(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the columns for a request's fields. A discount becomes two columns, its kind and its value."""
    if "discount" not in fields:
        return fields
    discount = fields.pop("discount") or {"kind": None}
    value = discount.get("percent", discount.get("amount"))
    return fields | {"discount_kind": discount["kind"], "discount_value": value}


def changed_columns(voucher: Voucher, fields: dict[str, Any]) -> dict[str, Any]:
    """Return the columns that a request's fields change.

    If the discount becomes free, it is for one ticket, unless the request or the voucher limits it otherwise.
    """
    changes = columns_of(fields)
    becomes_free = changes.get("discount_kind") == "free" != voucher.discount_kind
    if becomes_free and voucher.max_tickets_per_redemption is None:
        return {"max_tickets_per_redemption": FREE_TICKETS} | changes
    return changes


def check_discount(columns: dict[str, Any], currency: str) -> None:
    """Check that people can pay what a fixed discount leaves of a price.

    Args:
        columns: of a voucher, with or without a discount.

    Raises:
        AmountOffStep: the discount is not a multiple of the currency's price step.
    """
    if columns.get("discount_kind") == "fixed":
        money.check_step(columns["discount_value"], currency)


def check_editable(event_id: UUID, event_status: str) -> None:
    """Check that an event's vouchers can still be edited.

    Raises:
        EventCancelled: the event was cancelled.
    """
    if event_status == "cancelled":
        raise EventCancelled(event_id=event_id)


def choose_voucher(vouchers: Sequence[Voucher], event_ids: Sequence[UUID], now: datetime) -> Voucher | None:
    """Return the voucher that an order redeems, from those with its code. None if none of them is valid yet.

    If several events have the code, the first event of the order counts.

    Args:
        event_ids: the events of the order, in the order of its items.

    Raises:
        VoucherExpired: the voucher is no longer valid.
    """
    started = [voucher for voucher in vouchers if voucher.valid_from is None or voucher.valid_from <= now]
    if not started:
        return None
    voucher = min(started, key=lambda voucher: event_ids.index(voucher.event_id))
    if voucher.valid_until and now >= voucher.valid_until:
        raise VoucherExpired(valid_until=voucher.valid_until)
    return voucher


def covers(voucher: Voucher, event_id: UUID, ticket_type_id: UUID) -> bool:
    """Return True if a voucher covers this ticket type of this event."""
    types = voucher.ticket_type_ids
    return voucher.event_id == event_id and (types is None or ticket_type_id in types)


def discount_on(voucher: Voucher, price: int, step: int) -> int:
    """Return what a voucher takes off a price, in the minor unit: never more than the price.

    A percentage is rounded to the nearest step, halves up. Call it once for an order, so that it rounds once.

    Args:
        price: the price of all tickets that the voucher covers together, a multiple of the step.
        step: the price step of the currency (`money.step`).
    """
    value = voucher.discount_value or 0
    match voucher.discount_kind:
        case "percent":
            return (price * value + 50 * step) // (100 * step) * step
        case "fixed":
            return min(value, price)
        case "free":
            return price
        case _:
            return 0
