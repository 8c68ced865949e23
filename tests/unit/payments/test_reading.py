"""Values that providers send: what is read, and what is refused."""

import json
from decimal import Decimal
from typing import Any

import pytest

from boxoffice import money
from boxoffice.errors import Malformed
from boxoffice.ids import new_id
from boxoffice.payments import reading, stripe
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


@pytest.mark.parametrize(
    ("currency", "ours", "theirs"),
    [
        ("EUR", 5000, 5000),
        ("NGN", 150_050, 150_050),
        ("JPY", 5000, 5000),
        ("KWD", 5000, 5000),
        ("UGX", 5000, 500_000),
        ("ISK", 5000, 500_000),
    ],
)
def test_stripe_counts_some_currencies_in_other_units(currency: str, ours: int, theirs: int) -> None:
    assert stripe._stripe_amount(ours, currency) == theirs
    assert reading.amount_of(theirs, currency, stripe._decimals(currency)) == ours


def test_every_currency_survives_the_way_to_stripe_and_back() -> None:
    with pytest.raises(PaymentRefused):  # has a thousandth, which Stripe has not heard of
        stripe._stripe_amount(1, "LYD")
    for currency in money._currencies() - {"LYD"}:
        for amount in (1, 12_345_678):
            there = stripe._stripe_amount(amount, currency)
            assert reading.amount_of(there, currency, stripe._decimals(currency)) == amount, currency


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
