"""Money: integers in the minor unit of a currency, as ISO 4217 defines it. Only how it is written comes from babel.

babel's own number of decimals is how people write a currency in daily life: none for RSD, which has 2 in ISO 4217.
"""

import re
from decimal import Decimal
from functools import lru_cache

from boxoffice.errors import AmountOffStep

# The currencies that people pay with, by how many decimals they have: ISO 4217 of 1 January 2026. It leaves out funds
# such as CLF, metals, units of account, and two codes that nobody pays with: SVC, and VED beside VES.
_CODES_BY_EXPONENT = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
    2: """AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP
        CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR
        IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN
        NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP
        STN SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST XCD XCG YER ZAR ZMW ZWG""",
    3: "BHD IQD JOD KWD LYD OMR TND",
}
_EXPONENTS = {code: exponent for exponent, codes in _CODES_BY_EXPONENT.items() for code in codes.split()}

# ISO 4217 has withdrawn these. Events get them no more, but what was sold in them is still shown and refunded.
_WITHDRAWN = frozenset(["BGN"])

# Card networks take three decimals only if the last is 0. They take MGA, whose minor unit is no coin, in whole ariary.
_STEPS = {"BHD": 10, "JOD": 10, "KWD": 10, "MGA": 100, "OMR": 10, "TND": 10}

MAX_PRICE = 100_000_000_000
"""The highest price of a ticket. In IDR, which has 2 decimals, it is a thousand million."""

MAX_TOTAL = MAX_PRICE * 20_000
"""The highest total of an order, of 20 times 1000 tickets. JavaScript, too, counts so far without an error."""

_MOST_DIGITS = 30  # an integer of a million digits, such as 1E+999999, takes minutes

_BETWEEN_LETTER_AND_DIGIT = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")


def is_currency(code: str) -> bool:
    """Return True if this is the ISO 4217 code of a currency that people pay with today."""
    return code in _EXPONENTS and code not in _WITHDRAWN


def is_known(code: str) -> bool:
    """Return True if this is the code of a currency that people pay with, or have paid with before."""
    return code in _EXPONENTS


def exponent(currency: str) -> int:
    """Return how many decimals a currency has in ISO 4217: 2 for EUR, so that 100 minor units are one euro.

    Raises:
        ValueError: there is no such currency.
    """
    if currency not in _EXPONENTS:
        raise ValueError(f"{currency} is no currency")
    return _EXPONENTS[currency]


def step(currency: str) -> int:
    """Return the price step of a currency: the smallest amount by which prices, discounts, fees and refunds differ."""
    return _STEPS.get(currency, 1)


def check_step(amount: int, currency: str) -> None:
    """Check that people can pay an amount to the last digit.

    Raises:
        AmountOffStep: it is not a multiple of the currency's price step.
    """
    if amount % step(currency):
        raise AmountOffStep(amount=amount, currency=currency, step=step(currency))


def major(amount: int, currency: str) -> Decimal:
    """Return an amount in the major unit: ``major(150000, "NGN")`` is 1500.00."""
    return Decimal(amount).scaleb(-exponent(currency))


def minor(amount: Decimal, currency: str) -> int:
    """Return an amount of the major unit in the minor unit.

    Raises:
        ValueError: the amount is not a number, too large, or not a whole number of minor units. Or there is no such
            currency.
    """
    scaled = amount.scaleb(exponent(currency))
    if not scaled.is_finite() or scaled.adjusted() > _MOST_DIGITS or scaled != int(scaled):
        raise ValueError(f"{amount} {currency} is not a whole number of minor units")
    return int(scaled)


@lru_cache(maxsize=1024)  # in a sale, hundreds of emails name the same few amounts
def show(amount: int, currency: str, locale: str = "en") -> str:
    """Return an amount as people write it: ``show(150000, "NGN")`` is ``NGN 1,500.00``.

    A space that does not break the line stands between a code and the number. Unicode's locale data asks for it, and
    babel's patterns lack it.
    """
    from copy import copy

    from babel import Locale
    from babel.numbers import format_currency

    pattern = copy(Locale.parse(locale).currency_formats["standard"])
    pattern.frac_prec = (exponent(currency),) * 2
    text = format_currency(major(amount, currency), currency, pattern, locale, currency_digits=False)
    return _BETWEEN_LETTER_AND_DIGIT.sub("\N{NO-BREAK SPACE}", text)


def number(amount: int, currency: str, locale: str = "en") -> str:
    """Return an amount as people write it beside a heading that names the currency: ``1,500.00``."""
    from copy import copy

    from babel import Locale
    from babel.numbers import format_decimal

    pattern = copy(Locale.parse(locale).decimal_formats[None])
    pattern.frac_prec = (exponent(currency),) * 2
    return format_decimal(major(amount, currency), pattern, locale, decimal_quantization=False)
