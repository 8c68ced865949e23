"""The receipt in a confirmation, from charges as they are stored. The sums are worked out by hand."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from boxoffice.orders.emails import EmailItem, EmailOrder
from boxoffice.orders.receipts import Receipt, receipt_of

FIRST, SECOND = UUID(int=1), UUID(int=2)
PAID_AT = datetime(2026, 6, 1, 12, tzinfo=UTC)


def item(**overrides: Any) -> EmailItem:
    facts = {
        "event_id": FIRST,
        "event_version": 1,
        "event_title": "Jazz",
        "venue_name": "Freedom Park",
        "venue_address": "1 Hospital Road",
        "city": "Lagos",
        "time_zone": "Africa/Lagos",
        "starts_at": datetime(2026, 6, 27, 18, 30, tzinfo=UTC),
        "ends_at": datetime(2026, 6, 27, 22, 30, tzinfo=UTC),
        "doors_open_at": None,
        "seller": "Lagos Live",
        "seller_contact": None,
        "ticket_type_id": FIRST,
        "ticket_type_name": "Stalls",
        "quantity": 1,
        "unit_price": 0,
        "discount": 0,
        "buyer_fee": None,
        "tax": None,
        "total": 0,
    }
    return EmailItem(**facts | overrides)


def order(total: int, currency: str = "NGN", voucher: str | None = None) -> EmailOrder:
    return EmailOrder(
        id=FIRST,
        number="K7QW3MPX",
        currency=currency,
        total=total,
        email_changes=0,
        seller="Lagos Live",
        seller_contact=None,
        voucher=voucher,
        paid_at=PAID_AT,
    )


def lines(receipt: Receipt) -> list[str]:
    """Return a receipt line by line."""
    rows = [" | ".join(filter(None, (row.label, row.amount, *row.notes))) for row in (*receipt.rows, *receipt.parts)]
    return [row.replace("\u00a0", " ") for row in [*rows, receipt.total]]


def test_a_voucher_and_a_fee_lie_between_the_items_and_the_total() -> None:
    bought = item(quantity=2, unit_price=2_500_000, discount=500_000, buyer_fee=120_000, tax=313_953, total=4_620_000)

    assert lines(receipt_of(order(4_620_000, voucher="ORE10"), [bought])) == [
        "2 \N{MULTIPLICATION SIGN} Stalls | NGN 50,000.00 | NGN 25,000.00 each",
        "Voucher ORE10 | -NGN 5,000.00",
        "Booking fee | NGN 1,200.00",
        "Of which tax | NGN 3,139.53",
        "Paid on Monday 1 June 2026, 13:00 (Lagos, UTC+01:00)",
        "NGN 46,200.00",
    ]


def test_tax_that_is_on_top_is_added() -> None:
    bought = item(unit_price=10_000, tax=750, total=10_750)

    assert lines(receipt_of(order(10_750, "USD"), [bought]))[:2] == [
        "1 \N{MULTIPLICATION SIGN} Stalls | $100.00",
        "Tax | $7.50",
    ]


def test_amounts_have_the_decimals_of_their_currency() -> None:
    yen = receipt_of(order(19_600, "JPY"), [item(quantity=2, unit_price=9_800, total=19_600)])
    dinars = receipt_of(order(10_500, "KWD"), [item(unit_price=10_500, total=10_500)])

    assert lines(yen)[0] == "2 \N{MULTIPLICATION SIGN} Stalls | ¥19,600 | ¥9,800 each"
    assert lines(dinars)[-1] == "KWD 10.500"


def test_items_of_several_events_name_them_and_free_ones_no_payment() -> None:
    jazz, blues = item(quantity=2), item(event_id=SECOND, event_title="Blues")

    assert lines(receipt_of(order(0), [jazz, blues])) == [
        "2 \N{MULTIPLICATION SIGN} Stalls | NGN 0.00 | Jazz",
        "1 \N{MULTIPLICATION SIGN} Stalls | NGN 0.00 | Blues",
        "NGN 0.00",
    ]
