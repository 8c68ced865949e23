"""Currencies as ISO 4217 publishes them, and amounts as people write them."""

import json
from decimal import Decimal
from time import process_time

import pytest
from iso4217 import Currency
from py_mini_racer import MiniRacer

from boxoffice import money
from boxoffice.errors import AmountOffStep
from tests.helpers.support import ROOT

FUNDS = {"BOV", "CHE", "CHW", "CLF", "COU", "MXV", "USN", "UYI", "UYW"}
NO_COUNTRYS_MONEY = {"XAD", "XAG", "XAU", "XBA", "XBB", "XBC", "XBD", "XDR", "XPD", "XPT", "XSU", "XTS", "XUA", "XXX"}
NOT_IN_USE = {"SVC", "VED"}
WITHDRAWN = {"ANG", "BGN", "CUC", "DEM", "HRK", "MRO", "SLL", "STD", "ZWL"}


def test_the_currencies_are_those_that_iso_4217_publishes() -> None:
    published = {each.code: each.exponent for each in Currency}
    usable = published.keys() - FUNDS - NO_COUNTRYS_MONEY - NOT_IN_USE

    assert {code for code in published.keys() | WITHDRAWN if money.is_currency(code)} == usable
    assert {code: money.exponent(code) for code in usable} == {code: published[code] for code in usable}
    assert len(usable) == 153


@pytest.mark.parametrize("code", sorted(FUNDS | NO_COUNTRYS_MONEY | NOT_IN_USE | WITHDRAWN | {"", "EU", "eur", "EURO"}))
def test_no_event_is_priced_in_anything_else(code: str) -> None:
    assert not money.is_currency(code)


def test_what_was_sold_in_a_withdrawn_currency_can_still_be_shown() -> None:
    assert money.show(1050, "BGN") == "BGN\xa010.50"
    with pytest.raises(ValueError, match="DEM"):
        money.exponent("DEM")


# Currencies with other decimals in daily life than in ISO 4217, then others; the last two have the widest amounts.
SHOWN = [
    (150_000, "RSD", 2, "RSD\xa01,500.00"),
    (500_000, "HUF", 2, "HUF\xa05,000.00"),
    (150_000, "AFN", 2, "AFN\xa01,500.00"),
    (150_000, "ALL", 2, "ALL\xa01,500.00"),
    (150_000, "IRR", 2, "IRR\xa01,500.00"),
    (150_000, "KPW", 2, "KPW\xa01,500.00"),
    (150_000, "LAK", 2, "LAK\xa01,500.00"),
    (150_000, "LBP", 2, "LBP\xa01,500.00"),
    (150_000, "MGA", 2, "MGA\xa01,500.00"),
    (150_000, "MMK", 2, "MMK\xa01,500.00"),
    (150_000, "SOS", 2, "SOS\xa01,500.00"),
    (150_000, "SYP", 2, "SYP\xa01,500.00"),
    (150_000, "YER", 2, "YER\xa01,500.00"),
    (1_500_000, "IQD", 3, "IQD\xa01,500.000"),
    (150_050, "NGN", 2, "NGN\xa01,500.50"),
    (1, "USD", 2, "$0.01"),
    (-100, "USD", 2, "-$1.00"),
    (-1000, "NGN", 2, "-NGN\xa010.00"),
    (0, "EUR", 2, "€0.00"),
    (5000, "JPY", 0, "¥5,000"),
    (5000, "ISK", 0, "ISK\xa05,000"),
    (5000, "UGX", 0, "UGX\xa05,000"),
    (5120, "KWD", 3, "KWD\xa05.120"),
    (100_000_000_000, "IDR", 2, "IDR\xa01,000,000,000.00"),
    (2_000_000_000_000_000, "VND", 0, "₫2,000,000,000,000,000"),
]


@pytest.mark.parametrize(("amount", "currency", "exponent", "shown"), SHOWN)
def test_amounts_are_shown_with_the_decimals_of_iso_4217(amount: int, currency: str, exponent: int, shown: str) -> None:
    assert money.show(amount, currency) == shown
    assert money.exponent(currency) == exponent


def test_the_local_page_of_an_order_shows_the_same_amounts() -> None:
    page = (ROOT / "local/boxoffice/html/order.html").read_text()
    function = page[page.index("function price(") : page.index("async function pay()")]
    calls = [f"price({amount}, {currency!r}, {exponent}, 'en')" for amount, currency, exponent, _ in SHOWN]

    with MiniRacer() as browser:
        output = browser.eval(f"{function}; JSON.stringify([{', '.join(calls)}])")

    assert json.loads(str(output)) == [shown for *_, shown in SHOWN]


@pytest.mark.parametrize(
    ("locale", "currency", "shown"),
    [
        ("de", "EUR", "1.500,00\xa0€"),
        ("de", "RSD", "1.500,00\xa0RSD"),
        ("fr", "JPY", "150\u202f000\xa0JPY"),
        ("fa", "RSD", "\u200eRSD\xa01,500.00"),
        ("si", "LKR", "රු.1,500.00"),
    ],
)
def test_a_locale_decides_where_the_symbol_stands(locale: str, currency: str, shown: str) -> None:
    assert money.show(150_000, currency, locale) == shown


def test_amounts_of_the_major_unit() -> None:
    assert money.major(150_000, "RSD") == Decimal("1500.00")
    assert money.major(1500, "IQD") == Decimal("1.500")
    assert money.minor(Decimal("1500.5"), "RSD") == 150_050
    assert money.minor(Decimal("1.5"), "IQD") == 1500
    for finer in ("0.001", "NaN", "Infinity"):
        with pytest.raises((ValueError, ArithmeticError)):
            money.minor(Decimal(finer), "RSD")


@pytest.mark.parametrize("amount", ["1E+90000", "-1E+90000", "1E+999997", "1E+999999999"])
def test_an_amount_of_many_digits_is_refused_at_once(amount: str) -> None:
    """As an integer, 1E+999997 takes minutes, and a request can have such a price."""
    begun = process_time()
    with pytest.raises((ValueError, ArithmeticError)):
        money.minor(Decimal(amount), "RSD")
    assert process_time() - begun < 0.05


def test_the_steps_are_what_card_networks_take() -> None:
    steps = {each.code: money.step(each.code) for each in Currency if money.step(each.code) > 1}

    assert steps == {"BHD": 10, "JOD": 10, "KWD": 10, "OMR": 10, "TND": 10, "MGA": 100}


def test_an_amount_off_the_step_is_refused_with_the_step() -> None:
    money.check_step(5120, "KWD")
    money.check_step(1, "EUR")

    with pytest.raises(AmountOffStep) as refused:
        money.check_step(5125, "KWD")

    assert refused.value.facts == {"amount": 5125, "currency": "KWD", "step": 10}
    assert "multiples of 10" in refused.value.detail


def test_no_total_is_too_large_for_the_database_or_for_javascript() -> None:
    dearest_order = 20 * 1000 * 100_000_000_000

    assert dearest_order == money.MAX_TOTAL < 2**53 < 2**63
