"""Values that providers send: what is read, and what is refused."""

import json
import re
from decimal import Decimal
from typing import Any

import pytest
from iso4217 import Currency

from boxoffice import money
from boxoffice.errors import Malformed
from boxoffice.ids import new_id
from boxoffice.payments import flutterwave, reading, stripe
from boxoffice.payments.errors import PaymentRefused
from boxoffice.payments.models import PLATFORM_MERCHANT

PAYMENT = new_id()
INTENT = {
    "id": "pi_1",
    "object": "payment_intent",
    "status": "succeeded",
    "amount": 5000,
    "amount_received": 4000,
    "currency": "ngn",
    "metadata": {"payment_id": str(PAYMENT)},
}


def event(kind: str = "payment_intent.succeeded", **overrides: Any) -> bytes:
    about = {**INTENT, **overrides}
    return json.dumps({"id": "evt_1", "type": kind, "data": {"object": about}}).encode()


@pytest.mark.parametrize(
    ("kind", "read", "amount"),
    [
        ("payment_intent.succeeded", "succeeded", 4000),
        ("payment_intent.payment_failed", "failed", 5000),
        ("payment_intent.canceled", "cancelled", 5000),
    ],
)
def test_an_event_of_stripe(kind: str, read: str, amount: int) -> None:
    found = stripe.parse(PLATFORM_MERCHANT, event(kind))

    assert (found.id, found.kind, found.payment_id, found.money_reference) == ("evt_1", read, PAYMENT, "pi_1")
    assert (found.amount, found.currency) == (amount, "NGN")


@pytest.mark.parametrize(
    "about",
    [
        {"metadata": {}},
        {"metadata": None},
        {"metadata": {"payment_id": "their own"}},
        {"metadata": {"payment_id": 7}},
    ],
)
def test_payments_of_other_systems_with_the_account_are_ignored(about: dict[str, Any]) -> None:
    assert stripe.parse(PLATFORM_MERCHANT, event(**about)).kind == "other"


def test_events_about_anything_else_are_ignored() -> None:
    assert stripe.parse(PLATFORM_MERCHANT, event("customer.created")).kind == "other"


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount_received": 0},
        {"amount_received": -5},
        {"amount_received": 10**30},
        {"amount_received": 1.5},
        {"amount_received": "5000"},
        {"amount_received": True},
        {"amount_received": None},
        {"currency": "naira"},
        {"currency": "xyz"},
        {"currency": "xau"},
        {"currency": None},
        {"currency": "n\u0000n"},
        {"id": "pi\u0000"},
        {"id": ""},
        {"id": "p" * 300},
        {"status": None},
        {"status": "é"},
        {"metadata": ["payment_id"]},
    ],
)
def test_an_event_with_impossible_values_is_malformed(wrong: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        stripe.parse(PLATFORM_MERCHANT, event(**wrong))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'"text"',
        b"[" * 100_000,
        b'{"id": "evt_1", "type": "x"}',
        b'{"id": "evt_1", "type": "x", "data": {"object": []}}',
        b'{"id": "evt\\u0000", "type": "x", "data": {"object": {}}}',
        b'{"id": 7, "type": "x", "data": {"object": {}}}',
        b'{"id": "evt_1", "type": null, "data": {"object": {}}}',
    ],
)
def test_a_body_that_is_no_event_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        stripe.parse(PLATFORM_MERCHANT, body)


# How Stripe counts, copied from https://docs.stripe.com/currencies: all others have two decimals.
STRIPE_ZERO_DECIMAL = set(re.findall(r"\w+", "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF"))
STRIPE_THREE_DECIMAL = {"BHD", "JOD", "KWD", "OMR", "TND"}  # whose last digit must be 0
STRIPE_TWO_DECIMAL_BUT_WHOLE = {"ISK", "UGX"}  # whose decimals must be 00
UNKNOWN_TO_STRIPE = {"IQD", "LYD"}  # of three decimals, so that Stripe's two are too few


@pytest.mark.parametrize(
    ("currency", "ours", "decimal", "theirs"),
    [
        ("EUR", 5000, "50.00", 5000),
        ("NGN", 150_050, "1500.50", 150_050),
        ("RSD", 150_000, "1500.00", 150_000),
        ("HUF", 500_000, "5000.00", 500_000),
        ("TWD", 150_050, "1500.50", 150_050),
        ("IDR", 1_500_000_00, "1500000.00", 150_000_000),
        ("LAK", 150_000, "1500.00", 150_000),
        ("JPY", 5000, "5000", 5000),
        ("XOF", 5000, "5000", 5000),
        ("KWD", 5120, "5.120", 5120),
        ("MGA", 150_000, "1500.00", 1500),
        ("UGX", 5, "5", 500),
        ("ISK", 5, "5", 500),
    ],
)
def test_stripe_counts_some_currencies_in_other_units(currency: str, ours: int, decimal: str, theirs: int) -> None:
    assert money.major(ours, currency) == Decimal(decimal)
    assert stripe._stripe_amount(ours, currency) == theirs
    assert reading.amount_of(theirs, currency, stripe._decimals(currency)) == ours


@pytest.mark.parametrize("code", sorted({each.code for each in Currency if money.is_currency(each.code)}))
def test_every_amount_that_we_price_reaches_stripe_exactly(code: str) -> None:
    ours = 1200 * 10 ** (Currency(code).exponent or 0)
    theirs = 1200 * (1 if code in STRIPE_ZERO_DECIMAL else 1000 if code in STRIPE_THREE_DECIMAL else 100)
    assert stripe._stripe_amount(ours, code) == theirs
    assert reading.amount_of(theirs, code, stripe._decimals(code)) == ours
    if code in UNKNOWN_TO_STRIPE:
        with pytest.raises(PaymentRefused):
            stripe._stripe_amount(ours + 1, code)
        return
    smallest = stripe._stripe_amount(money.step(code), code)
    takes = 10 if code in STRIPE_THREE_DECIMAL else 100 if code in STRIPE_TWO_DECIMAL_BUT_WHOLE else 1
    assert smallest == takes  # no multiple of it is finer than Stripe takes, and none that Stripe takes is missing


# The currencies that Flutterwave collects, and its amounts, which are numbers of the major unit.
@pytest.mark.parametrize(
    ("currency", "ours", "theirs"),
    [
        *[
            (code, 150_050, 1500.5)
            for code in re.findall(r"\w+", "EGP ETB EUR GBP GHS KES MWK NGN SLE TZS USD ZAR ZMW")
        ],
        *[(code, 1500, 1500) for code in ("GNF", "RWF", "UGX", "XAF", "XOF")],
        ("NGN", 150_000, 1500),
        ("NGN", 1, 0.01),
        ("NGN", 123_456_789_012_345, 1_234_567_890_123.45),
    ],
)
def test_flutterwave_counts_in_the_major_unit(currency: str, ours: int, theirs: float) -> None:
    sent = flutterwave._number(money.major(ours, currency))

    assert json.dumps(sent) == json.dumps(theirs)
    assert reading.amount_of(json.loads(json.dumps(sent), parse_float=Decimal), currency) == ours


@pytest.mark.parametrize(
    ("amount", "currency", "minor"), [(2500.5, "NGN", 250_050), (Decimal("0.01"), "USD", 1), (300, "XOF", 300)]
)
def test_amounts_in_the_currency_itself(amount: float, currency: str, minor: int) -> None:
    assert reading.amount_of(amount, currency) == minor
    assert money.major(minor, currency) == Decimal(str(amount))


@pytest.mark.parametrize(
    ("amount", "currency"),
    [(0.001, "NGN"), (0.5, "JPY"), (float("nan"), "NGN"), (float("inf"), "NGN"), (Decimal("NaN"), "NGN")],
)
def test_fractions_of_the_smallest_coin_are_no_amounts(amount: float, currency: str) -> None:
    with pytest.raises((ValueError, ArithmeticError)):
        reading.amount_of(amount, currency)


def test_words_of_a_provider_are_taken_whatever_they_are() -> None:
    assert reading.text_of("a" + "\u0301" * 200).startswith("\u00e1")


@pytest.mark.parametrize(
    ("value", "currency", "decimals", "amount"),
    [
        (-500, "EUR", 2, -500),
        (0, "EUR", 2, 0),
        (12_350, "ISK", 2, 124),  # 123.50 is rounded to even
        (12_450, "ISK", 2, 124),  # and 124.50 too
        (Decimal("1.4"), "NGN", 0, 140),
        (5, "MGA", 0, 500),
        (1_250, "KWD", 3, 1_250),
    ],
)
def test_what_moved_in_a_balance_is_read(value: Any, currency: str, decimals: int, amount: int) -> None:
    assert reading.moved_amount_of(value, currency, decimals) == amount


@pytest.mark.parametrize("value", [None, "5", True, float("nan"), float("inf"), 10**15, -(10**15)])
def test_what_is_no_amount_of_a_balance_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="no amount"):
        reading.moved_amount_of(value, "EUR", 2)
